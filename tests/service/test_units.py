"""The systemd units as install-pi installs them: valid, confined, nothing repeated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)
SOURCE = ROOT / "systemd"
SYSTEM_UNITS = Path("/usr/lib/systemd/system")
SERVICES = ["rnn-speak.service", "rnn-speak@poems.service", "rnn-speak-hourly.service"]
OTHERS = ["rnn-speak.socket", "rnn-speak@poems.socket", "rnn-speak-hourly.timer"]


def installed_files() -> dict[str, Path]:
    """Return what install-pi installs into /etc/systemd/system, by its own two lists."""
    script = (ROOT / "scripts" / "install" / "units.sh").read_text("utf-8")
    lists = [re.search(rf'^{name}="([^"]+)"', script, re.M) for name in ("DROP_INS", "UNITS")]
    files = [file for found in lists if found for file in found[1].split()]
    # A drop-in is kept once, and copied for each service.
    shared = SOURCE / "rnn-speak.service.d"
    return {file: shared / Path(file).name if "/" in file else SOURCE / file for file in files}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with the system's units, ours, and what ours refer to."""
    shutil.copytree(SYSTEM_UNITS, tmp_path / "usr/lib/systemd/system", symlinks=True)
    for file, source in installed_files().items():
        target = tmp_path / "etc/systemd/system" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    programs = "opt/textgenrnn-pi/bin"
    for program in (f"{programs}/rnn-speakd", f"{programs}/rnn-speak"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    return tmp_path


def analyze(root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", *argv], capture_output=True, text=True, timeout=300
    )


def directives(path: Path) -> set[str]:
    """Return the settings in a unit file or drop-in, each with its section."""
    found, section = set(), ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            found.add(f"{section} {line}")
    return found


def test_install_pi_installs_every_unit_and_drop_in() -> None:
    files = [path for path in SOURCE.rglob("*") if path.is_file() and path.suffix != ".default"]
    assert set(installed_files().values()) == set(files)


@pytest.mark.parametrize("name", SERVICES + OTHERS)
def test_systemd_has_no_complaint_about_a_unit(root: Path, name: str) -> None:
    done = analyze(root, "verify", "--man=no", name)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_to_hardly_anything(root: Path, name: str) -> None:
    done = analyze(root, "security", "--offline=true", "--no-pager", name)
    exposure = re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= 0.8


@pytest.mark.parametrize("name", SERVICES)
def test_a_drop_in_of_the_user_wins_over_ours(root: Path, name: str) -> None:
    folder = root / "etc/systemd/system" / f"{name.replace('poems', '')}.d"
    # The name that `systemctl edit` gives it, and one that sorts early.
    (folder / "override.conf").write_text("[Service]\nPrivateNetwork=no\n")
    (folder / "10-own.conf").write_text("[Service]\nProtectHostname=no\n")
    done = analyze(root, "security", "--offline=true", "--json=short", name)
    is_set = {item["name"]: item["set"] for item in json.loads(done.stdout)}
    assert not is_set["PrivateNetwork="]
    assert not is_set["ProtectHostname="]
    assert is_set["ProtectClock="], "the rest of the sandbox stays"


def test_no_setting_is_repeated_across_the_services() -> None:
    """Shared settings belong in a drop-in; only User= and WantedBy= are repeated."""
    files = {path for path in installed_files().values() if path.suffix in (".service", ".conf")}
    assert len(files) == 5
    for one, other in combinations(sorted(files), 2):
        shared = directives(one) & directives(other)
        assert len(shared) <= 2, f"{one.name} and {other.name} share {sorted(shared)}"
