"""install-pi on a fresh Debian: a plain clone, a model beside it, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow
from tests.helpers.container import Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, rebuilt

pytestmark = [needs_containers, needs_tensorflow, pytest.mark.long, pytest.mark.timeout(1800)]

FETCHING = 900.0
"""Seconds: packages come from the network."""

# What Debian's own programs write when a package is installed, and what passes by itself.
PASSING = re.compile(
    r"/(var/(cache|log|lib/(apt|dpkg|systemd|ucf|dbus|alsa|festival|sgml-base)|tmp|sound|mail|spool)"
    r"|proc|run|tmp|dev|sys|root/\.cache|etc/(ld\.so\.cache|\w*(passwd|group|shadow)-?|\.pwd\.lock"
    r"|machine-id))(/|$)"
)


@dataclass
class Installed:
    """A container in which install-pi has run."""

    container: Container
    said: str
    before: dict[str, int]
    """The files before."""
    packages: set[str]
    """Debian's packages before."""


def packages(container: Container) -> set[str]:
    return set(container.run("dpkg-query -W -f '${Package}\n'").stdout.split())


@pytest.fixture(scope="module")
def model(converted: Converter) -> Path:
    network = small_network(classes=20)
    network.output_bias[-1] = -100  # no text is over before its first word
    return converted.small("installed", network, 8)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def installed(
    request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    with booted(debian(request.param), tmp_path_factory.mktemp(request.param)) as container:
        clone(container.root / "root/textgenrnn-pi")
        shutil.copy(model, container.root / "root/m.tflite")
        before, debians = container.files(), packages(container)
        done = container.run(
            "cd /root && sudo textgenrnn-pi/scripts/install-pi --model m.tflite", FETCHING
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield Installed(container, done.stdout + done.stderr, before, debians)


def test_it_says_what_it_does_a_line_a_step(installed: Installed) -> None:
    lines = installed.said.splitlines()
    assert all(line.startswith("== ") for line in lines), installed.said
    assert "the model computes the right numbers" in installed.said
    assert lines[-1] == "== done"


def test_the_service_speaks(installed: Installed) -> None:
    installed.container.wait_speaking()
    installed.container.wait_heard(16_000)
    assert installed.container.status()["backend"] == "tflite"


def test_a_clone_is_left_as_it_was(installed: Installed) -> None:
    mine = installed.container.root / "root/textgenrnn-pi"
    now = {name for name in installed.container.files() if name.startswith("/root/textgenrnn-pi/")}
    assert now == {name for name in installed.before if name.startswith("/root/textgenrnn-pi/")}
    assert mine.is_dir()


def test_a_second_service_stands_beside_it(installed: Installed) -> None:
    """With settings, a socket and a unit of its own, enabled and started together."""
    container = installed.container
    done = container.run("sudo install-pi --service poems --model /root/m.tflite", FETCHING)
    assert done.returncode == 0, done.stdout + done.stderr
    container.wait_speaking(service="poems")
    for unit in ("rnn-speak@poems.service", "rnn-speak@poems.socket", "rnn-speak.service"):
        assert container.run(f"systemctl is-active {unit}").stdout.strip() == "active", unit
        assert container.run(f"systemctl is-enabled {unit}").stdout.strip() == "enabled", unit
    mine, other = (container.run(f"rnn-generate {of} --seed 1") for of in ("--service poems", ""))
    assert mine.stdout == other.stdout != "", "it is the same model"
    assert "by the service" in mine.stderr
    done = container.run("rnn-speak --service poems")
    assert done.returncode == 0, done.stderr
    (seed,) = re.findall(r"seed (\d+), ", done.stderr)
    assert f"seed {seed})" in container.journal("rnn-speak@poems.service")


def test_a_warm_call_imports_next_to_nothing(installed: Installed) -> None:
    """Neither the command nor its script: what Python itself imports at its start is more."""
    container = installed.container
    trace = container.run("PYTHONPROFILEIMPORTTIME=1 rnn-generate --seed 1").stderr
    imported = {line.rpartition("|")[2].strip() for line in trace.splitlines() if "|" in line}
    assert "pi_runtime.service.client" in imported
    assert not imported & {"re", "argparse", "json", "socket", "numpy", "typing", "pathlib"}


def test_enabling_an_instance_by_hand_starts_its_socket_too(installed: Installed) -> None:
    container = installed.container
    shutil.copy(
        container.root / "root/m.tflite", container.root / "var/lib/textgenrnn-pi/tales.tflite"
    )
    done = container.run("systemctl enable --now rnn-speak@tales")
    assert done.returncode == 0, done.stderr
    container.wait_speaking(service="tales")


def test_a_service_that_is_not_there_is_not_replaced_by_another(installed: Installed) -> None:
    for command in ("rnn-generate", "rnn-speak"):
        done = installed.container.run(f"{command} --service novels")
        assert done.returncode == 1
        assert done.stdout == ""
        assert "install-pi --service novels --model" in done.stderr


def test_a_reload_tells_what_came_of_it(installed: Installed) -> None:
    container = installed.container
    settings = container.root / "etc/default/rnn-speak-poems"
    kept = settings.read_text()
    settings.write_text('OPTIONS="--intervall 5m"\n')
    assert container.run("systemctl reload rnn-speak@poems").returncode
    told = container.journal("rnn-speak@poems.service").splitlines()
    (line,) = {line for line in told if line.startswith("error: ")}
    for part in ("/etc/default/rnn-speak-poems", "--intervall", "--interval"):
        assert part in line
    doctor = container.run("rnn-doctor --service poems --only settings")
    assert doctor.returncode == 1
    for part in ("/etc/default/rnn-speak-poems", "--intervall", "--interval"):
        assert part in doctor.stdout
    settings.write_text(kept)
    done = container.run("systemctl reload rnn-speak@poems")
    assert done.returncode == 0, done.stderr
    assert container.run("rnn-doctor --service poems --only settings").returncode == 0


def test_an_unpacked_release_installs_too(installed: Installed, tmp_path: Path) -> None:
    container = installed.container
    source = clone(tmp_path / "textgenrnn-pi")
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--outdir", tmp_path, source],
        check=True, capture_output=True, timeout=FETCHING,
    )  # fmt: skip
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.copy(archive, container.root / "root/release.tar.gz")
    (container.root / "opt/textgenrnn-pi/sum").unlink()  # or it would have nothing to do
    done = container.run(
        "cd /root && mkdir release && tar -xf release.tar.gz -C release --strip-components=1 && "
        "sudo release/scripts/install-pi --model m.tflite; status=$?; "
        "rm -r release release.tar.gz; exit $status",
        FETCHING,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installing the package" in done.stdout
    container.wait_speaking()


def test_of_several_wheels_the_newest_is_taken(installed: Installed, tmp_path: Path) -> None:
    """By the order of versions, in which 10 comes after 9."""
    container = installed.container
    wheels = container.root / "root/wheels"
    wheels.mkdir()
    for version in ("1.9", "1.10"):
        source = clone(tmp_path / version)
        (source / "pi_runtime/_version.py").write_text(f'__version__ = "{version}"\n')
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, source],
            check=True, timeout=FETCHING,
        )  # fmt: skip
    # Offline: what it needs is installed already.
    done = container.run(
        "cd /root && unshare --net textgenrnn-pi/scripts/install-pi --wheelhouse wheels; "
        "status=$?; rm -r wheels; rnn-generate --version; exit $status",
        FETCHING,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1.10"


def test_a_model_that_computes_something_else_changes_nothing(
    installed: Installed, model: Path
) -> None:
    container = installed.container
    flatbuffer, contents = members(model.read_bytes())
    contents["golden.json"]["probabilities"][0][0] += 0.5
    bad = container.root / "root/bad.tflite"
    bad.write_bytes(rebuilt(flatbuffer, contents))
    before = container.files()
    pid = container.show("MainPID")
    done = container.run("sudo install-pi --model /root/bad.tflite")
    bad.unlink()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the model: bad.tflite does not run here: ")
    assert "the old one stays" in line
    assert container.show("MainPID") == pid
    target = container.root / "var/lib/textgenrnn-pi/model.tflite"
    assert target.read_bytes() == model.read_bytes()
    ours = re.compile(r"/(opt/textgenrnn-pi/(?!.*__pycache__)|var/lib/textgenrnn-pi|etc)")
    assert {name for name in container.files() if ours.match(name)} == {
        name for name in before if ours.match(name)
    }


def test_a_forged_model_never_meets_root(installed: Installed, model: Path) -> None:
    """Bytes that the interpreter was not written to survive end a process of nobody's."""
    container = installed.container
    flatbuffer, contents = members(model.read_bytes())
    forged = bytearray(flatbuffer)
    forged[8:4096] = bytes(len(forged[8:4096]))
    (container.root / "root/forged.tflite").write_bytes(rebuilt(bytes(forged), contents))
    done = container.run(
        "cd /root; sudo install-pi --model forged.tflite; status=$?; rm forged.tflite; exit $status"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the model: forged.tflite does not run here: ")
    assert len(done.stderr.splitlines()) == 1
    used = re.findall(r"UID=(\d+)", container.run("journalctl --no-pager -o verbose").stdout)
    assert any(int(uid) >= 61184 for uid in used), "a dynamic user's process was logged"


def test_in_an_image_that_is_being_built(installed: Installed, model: Path) -> None:
    """There systemd does not run, and a model is confined without it."""
    container = installed.container
    forged = bytearray(model.read_bytes())
    forged[200:4000] = bytes(3800)
    (container.root / "root/forged.tflite").write_bytes(forged)
    image = (
        "cd /root; unshare -m sh -c 'mount -t tmpfs none /run/systemd; exec install-pi --model {}'"
    )
    done = container.run(image.format("m.tflite"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the model computes the right numbers" in done.stdout
    assert "systemctl enable rnn-speak.socket rnn-speak.service" in done.stdout
    done = container.run(image.format("forged.tflite"))
    (container.root / "root/forged.tflite").unlink()
    assert done.returncode == 1
    assert done.stderr.startswith("error: the model: forged.tflite does not run here: ")


def test_uninstalled_nothing_is_left(installed: Installed) -> None:
    """Debian's own packages are the owner's to keep; with them gone, so is everything."""
    container = installed.container
    done = container.run("sudo install-pi --uninstall --purge")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = container.run("systemctl list-units --all --plain --no-legend 'rnn-*'").stdout
    assert listed == "", "no service runs out of a folder that is gone"
    assert container.run("getent group rnn-speak").returncode
    added = " ".join(sorted(packages(container) - installed.packages))
    assert "festival" in added
    done = container.run(f"DEBIAN_FRONTEND=noninteractive apt-get purge -qy {added}", FETCHING)
    assert done.returncode == 0, done.stderr
    left = sorted(set(container.files()) - set(installed.before))
    assert [name for name in left if not PASSING.match(name)] == []
