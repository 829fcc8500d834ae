"""The systemd units: nothing for systemd to complain of, and hardly a way out of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service import PROGRAM

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)
UNITS = Path(__file__).parent.parent / "systemd"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The units as they are, but for the programs, which are those of this environment."""
    folder = tmp_path_factory.mktemp("units")
    found = []
    for unit in sorted(UNITS.glob("rnn-speak*")):
        if unit.suffix == ".default":
            continue
        text = unit.read_text("utf-8").replace("/opt/textgenrnn-pi/bin", str(PROGRAM.parent))
        text = re.sub("^Documentation=.*\n", "", text, flags=re.M)  # a file that is not here yet
        # A template is examined as one of its instances.
        path = folder / unit.name.replace("@", "@poems")
        path.write_text(text, "utf-8")
        found.append(path)
    assert len(found) == 6
    return found


def analyze(*argv: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, argv)], capture_output=True, text=True, timeout=60
    )


def test_systemd_finds_nothing_to_say_about_the_units(units: list[Path]) -> None:
    done = analyze("verify", "--man=no", *units)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["rnn-speak.service", "rnn-speak@poems.service"])
def test_the_service_is_exposed_to_hardly_anything(units: list[Path], name: str) -> None:
    (unit,) = (unit for unit in units if unit.name == name)
    done = analyze("security", "--offline=true", "--no-pager", unit)
    exposure = re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= 1.0
