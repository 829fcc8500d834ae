"""install-pi --engine rhvoice, where the components of the archive that hold it are not enabled."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow
from tests.helpers.container import Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter

pytestmark = [needs_containers, needs_tensorflow, pytest.mark.long, pytest.mark.timeout(1200)]

INSTALL = "/root/textgenrnn-pi/scripts/install-pi --engine rhvoice --model /root/m.tflite"
SECONDS = 900.0
OURS = "etc/apt/sources.list.d/textgenrnn-pi."


def in_one_line_format(root: Path) -> str:
    """Write a system's sources into /etc/apt/sources.list, in the older format; return them."""
    lines = []
    for path in sorted((root / "etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)):
            fields = dict(re.findall(r"^(\S+): *(.*)$", stanza, re.M))
            options = f"[signed-by={key}] " if (key := fields.get("Signed-By")) else ""
            lines += [
                f"deb {options}{fields['URIs']} {suite} {fields['Components']}\n"
                for suite in fields.get("Suites", "").split()
            ]
        path.unlink()
    text = "# Debian\n" + "".join(lines)
    (root / "etc/apt/sources.list").write_text(text)
    return text


@pytest.fixture(scope="module")
def container(
    converted: Converter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    network = small_network(classes=20)
    network.output_bias[-1] = -100  # no text is over before its first word
    model = converted.small("installed", network, 8)
    with booted(debian("bookworm"), tmp_path_factory.mktemp("rhvoice")) as container:
        clone(container.root / "root/textgenrnn-pi")
        shutil.copy(model, container.root / "root/m.tflite")
        yield container


def test_it_is_enabled_in_a_file_of_our_own_and_speaks(container: Container) -> None:
    sources = in_one_line_format(container.root)
    done = container.run(INSTALL, SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = [line for line in done.stdout.splitlines() if "non-free" in line]
    assert said.startswith("== RHVoice is in Debian's components contrib and non-free, which are ")
    assert (container.root / "etc/apt/sources.list").read_text() == sources
    added = (container.root / f"{OURS}list").read_text()
    assert added == sources.partition("\n")[2].replace(" main\n", " contrib non-free\n")
    container.wait_speaking()
    said_it = container.run("rnn-speak --text 'Добрый вечер.'").stderr
    assert said_it == "rhvoice, 1 sentences, by the service\n"
    voices = container.run("rnn-speak --list-voices ru").stdout.splitlines()
    assert voices[0].split() == ["rhvoice", "ru", "Aleksandr-hq", "CC-BY-SA-4.0"]


def test_a_second_time_there_is_nothing_to_enable(container: Container) -> None:
    before = (container.root / f"{OURS}list").read_bytes()
    done = container.run(INSTALL.replace("--engine rhvoice", ""), SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Debian" not in done.stdout, "the voice that is there is enough"
    assert (container.root / f"{OURS}list").read_bytes() == before


def test_uninstalled_the_sources_are_as_they_were(container: Container) -> None:
    done = container.run("install-pi --uninstall", SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (container.root / f"{OURS}list").exists()
