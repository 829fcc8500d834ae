"""install-pi on a fresh Debian: a plain clone, a model beside it, and what the page says to type."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow
from tests.helpers.container import Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, rebuilt

pytestmark = [needs_containers, needs_tensorflow, pytest.mark.timeout(1800)]

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
        before = container.files()
        done = container.run(
            "cd /root && sudo textgenrnn-pi/scripts/install-pi --model m.tflite", FETCHING
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield Installed(container, done.stdout + done.stderr, before)


def test_it_says_what_it_does_a_line_a_step(installed: Installed) -> None:
    lines = installed.said.splitlines()
    assert all(line.startswith("== ") for line in lines), installed.said
    assert "the model computes the right numbers" in installed.said
    assert lines[-1] == "== done"


def test_the_service_speaks(installed: Installed) -> None:
    installed.container.wait_speaking()
    assert (installed.container.root / "var/sound/out.raw").stat().st_size > 16_000
    assert installed.container.status()["backend"] == "tflite"


def test_a_clone_is_left_as_it_was(installed: Installed) -> None:
    mine = installed.container.root / "root/textgenrnn-pi"
    now = {name for name in installed.container.files() if name.startswith("/root/textgenrnn-pi/")}
    assert now == {name for name in installed.before if name.startswith("/root/textgenrnn-pi/")}
    assert mine.is_dir()


def test_a_second_service_stands_beside_it(installed: Installed) -> None:
    """And its settings, its socket and itself are there after a restart, too."""
    container = installed.container
    done = container.run("sudo install-pi --service poems --model /root/m.tflite", FETCHING)
    assert done.returncode == 0, done.stdout + done.stderr
    container.wait_speaking(service="poems")
    for unit in ("rnn-speak@poems.service", "rnn-speak@poems.socket", "rnn-speak.service"):
        assert container.run(f"systemctl is-active {unit}").stdout.strip() == "active", unit
        assert container.run(f"systemctl is-enabled {unit}").stdout.strip() == "enabled", unit
    done = container.run("rnn-generate --service poems --seed 1; rnn-generate --seed 1")
    first, second = done.stdout.splitlines()
    assert first == second, "it is the same model"
    assert done.stderr.count("by the service") == 2
    done = container.run("rnn-speak --service poems")
    assert done.returncode == 0, done.stderr
    (seed,) = re.findall(r"seed (\d+), ", done.stderr)
    assert f"seed {seed})" in container.journal("rnn-speak@poems.service")


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


def test_a_model_that_computes_something_else_changes_nothing(
    installed: Installed, model: Path
) -> None:
    container = installed.container
    flatbuffer, contents = members(model.read_bytes())
    contents["golden.json"]["probabilities"][0][0] += 0.5
    (container.root / "root/bad.tflite").write_bytes(rebuilt(flatbuffer, contents))
    before = container.files()
    pid = container.show("MainPID")
    done = container.run("sudo install-pi --model /root/bad.tflite")
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
    done = container.run("sudo install-pi --model /root/forged.tflite")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the model: forged.tflite does not run here: ")
    assert len(done.stderr.splitlines()) == 1
    used = re.findall(r"UID=(\d+)", container.run("journalctl --no-pager -o verbose").stdout)
    assert any(int(uid) >= 61184 for uid in used), "a dynamic user's process was logged"


def test_uninstalled_nothing_is_left(installed: Installed) -> None:
    """Nothing but the Debian packages and what Debian's own programs write."""
    container = installed.container
    done = container.run("sudo install-pi --uninstall --purge")
    assert done.returncode == 0, done.stdout + done.stderr
    debians = {
        line
        for listed in (container.root / "var/lib/dpkg/info").glob("*.list")
        for line in listed.read_text().splitlines()
    }
    links = container.run("update-alternatives --get-selections | cut -d' ' -f1").stdout.split()
    alternatives = re.compile(r"/etc/alternatives/|/usr/bin/(%s)$" % "|".join(links or ["-"]))
    left = [
        name
        for name in sorted(set(container.files()) - set(installed.before))
        if name not in debians
        and name.replace("/usr/", "/", 1) not in debians
        and "__pycache__" not in name
        and not PASSING.match(name)
        and not alternatives.match(name)
        and not name.startswith(("/root/bad", "/root/forged"))
    ]
    assert left == []
    listed = container.run("systemctl list-units --all --plain --no-legend 'rnn-*'").stdout
    assert listed == "", "no service runs out of a folder that is gone"
    assert container.run("getent group rnn-speak").returncode
