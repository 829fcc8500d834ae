"""What install-pi says where it cannot go on: one line, with the step and what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow
from tests.helpers.container import Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter
from tests.helpers.service import write_program

pytestmark = [needs_containers, needs_tensorflow, pytest.mark.long, pytest.mark.timeout(1200)]

INSTALL = "/root/textgenrnn-pi/scripts/install-pi --engine espeak-ng --model /root/m.tflite"
PACKAGES = "installing Debian packages: "
PROGRAM = "installing the package into /opt/textgenrnn-pi"
NO_NETWORK = "no network – connect this Pi and try again, or give --wheelhouse DIR"
FULL = "the disk is full – make room; df -h shows where"
MIRROR = "a package cannot be had from this system's mirror – sudo apt update shows why"
LIMITED = "mount -t tmpfs -o size={} none {}"

# With what goes wrong, and how it is mended: the step, and what is said.
WITHOUT_PACKAGES = [
    ("", "unshare --net", "", PACKAGES, NO_NETWORK),
    (
        "cp -a /etc/apt /root/apt; rm -f /etc/apt/sources.list.d/*; "
        "echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list",
        "",
        "rm -rf /etc/apt; mv /root/apt /etc/apt",
        PACKAGES,
        MIRROR,
    ),
    (
        f"apt-get update -q; {LIMITED.format('100k', '/var/cache/apt/archives')}",
        "",
        "umount /var/cache/apt/archives",
        PACKAGES,
        FULL,
    ),
]
WITH_PACKAGES = [
    ("", "unshare --net", "", PROGRAM, NO_NETWORK),
    (LIMITED.format("8M", "/opt"), "", "umount /opt", PROGRAM, FULL),
]
WRONG = [
    ("absent.tflite", "absent.tflite: no such file – name a model that rnn-convert made"),
    (
        "poems.txt",
        "poems.txt is not a model – name a .tflite file that rnn-convert made",
    ),
    (
        "colab_weights.hdf5",
        "colab_weights.hdf5 is a checkpoint, not a model – run on the desktop: "
        "rnn-convert colab_weights.hdf5",
    ),
]


@pytest.fixture(scope="module")
def container(
    converted: Converter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    model = converted.small("installed", small_network(classes=20), 8)
    with booted(debian("bookworm"), tmp_path_factory.mktemp("failures")) as container:
        clone(container.root / "root/textgenrnn-pi")
        shutil.copy(model, container.root / "root/m.tflite")
        (container.root / "root/poems.txt").write_text("The woods are lovely.\n")
        (container.root / "root/colab_weights.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
        yield container


def assert_nothing_is_left(container: Container) -> None:
    for path in ("opt/textgenrnn-pi", "usr/local/bin/rnn-speak", "etc/default/rnn-speak",
                 "etc/systemd/system/rnn-speak.service", "var/lib/textgenrnn-pi"):  # fmt: skip
        assert not (container.root / path).exists(), path


def fail(container: Container, before: str, around: str, after: str) -> list[str]:
    """Run install-pi where something is wrong; return what it says on stderr."""
    if before:
        prepared = container.run(before)
        assert prepared.returncode == 0, prepared.stderr
    done = container.run(f"{around} {INSTALL}", 600)
    if after:
        assert container.run(after).returncode == 0
    assert done.returncode == 1, done.stdout + done.stderr
    assert_nothing_is_left(container)
    return done.stderr.splitlines()


def assert_one_line_says(lines: list[str], step: str, why: str) -> None:
    """Above it are the last lines of the log, indented."""
    *shown, line = lines
    assert all(each.startswith("   ") for each in shown)
    assert len(shown) <= 5
    assert line.startswith(f"error: {step}")
    assert f": {why} (all of it: /run/install-pi." in line


@pytest.mark.parametrize(("file", "said"), WRONG)
def test_a_wrong_model_is_refused_before_the_work(
    container: Container, file: str, said: str
) -> None:
    done = container.run(
        f"cd /root && textgenrnn-pi/scripts/install-pi --engine espeak-ng --model {file}"
    )
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")
    assert done.stdout == ""
    assert_nothing_is_left(container)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--modle m.tflite", "--modle is unknown – see install-pi --help"),
        ("--model", "--model lacks its value – see install-pi --help"),
        ("--engine sam", "--engine is sam – take festival, espeak-ng, rhvoice or none"),
        ("--service a/b --model m.tflite", "--service a/b – take a name of letters, digits"),
        ("--service control --model m.tflite", "--service control – take a name of letters"),
        ("--service poems", "--service poems has no model – give --model FILE"),
        ("--purge", "--purge goes with --uninstall – see install-pi --help"),
    ],
)
def test_a_wrong_call_is_one_line(container: Container, options: str, said: str) -> None:
    done = container.run(f"cd /root && textgenrnn-pi/scripts/install-pi {options}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {said}")
    assert_nothing_is_left(container)


def test_what_is_not_there_cannot_be_removed(container: Container) -> None:
    done = container.run("/root/textgenrnn-pi/scripts/install-pi --uninstall --service poem")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.rstrip() == "error: no service poem here – there are: none"


def test_help_is_shown_to_anybody(container: Container) -> None:
    done = container.run("/root/textgenrnn-pi/scripts/install-pi --help")
    for option in ("--model", "--service", "--engine", "--wheelhouse", "--uninstall", "--purge"):
        assert f"\n{option}" in done.stdout
    assert "#" not in done.stdout


def test_on_a_terminal_it_shows_that_it_goes_on(container: Container) -> None:
    """And that does not stand in the way of the line that names the step."""
    write_program(container.root / "root/slow/apt-get", "#!/bin/sh\nsleep 3\nexit 9\n")
    done = container.run(f"PATH=/root/slow:$PATH script -qec '{INSTALL}' /dev/null")
    *before, last = done.stdout.splitlines()  # a carriage return ends one here, too
    assert "   1 s " in before
    assert re.fullmatch(rf"error: {PACKAGES}.*: it failed without a word \(all of it: .+\)", last)
    assert_nothing_is_left(container)


@pytest.mark.parametrize(("before", "around", "after", "step", "why"), WITHOUT_PACKAGES)
def test_no_debian_package_can_be_had(
    container: Container, before: str, around: str, after: str, step: str, why: str
) -> None:
    assert_one_line_says(fail(container, before, around, after), step, why)


@pytest.fixture(scope="module")
def prepared(container: Container) -> Container:
    """With the Debian packages that it needs."""
    packages = "python3-venv alsa-utils espeak-ng"
    done = container.run(f"apt-get update -q && apt-get install -qy {packages}", 600)
    assert done.returncode == 0, done.stderr
    return container


@pytest.mark.parametrize(("before", "around", "after", "step", "why"), WITH_PACKAGES)
def test_the_package_cannot_be_installed(
    prepared: Container, before: str, around: str, after: str, step: str, why: str
) -> None:
    assert_one_line_says(fail(prepared, before, around, after), step, why)
