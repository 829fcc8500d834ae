"""Both READMEs, typed line by line on a desktop and a Pi that hold nothing else."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT
from tests.helpers.container import Container, booted, clone, debian, needs_containers
from tests.helpers.pages import Block, blocks

pytestmark = [needs_containers, pytest.mark.long, pytest.mark.timeout(3600)]

READERS = [("README.md", "trixie", "shakespeare"), ("README.ru.md", "bookworm", "onegin")]
if os.environ.get("RNN_EVERY_READER"):  # each page on each Debian
    READERS += [("README.md", "bookworm", "shakespeare"), ("README.ru.md", "trixie", "onegin")]

PATIENCE = 1800.0
REPOSITORY = "/srv/textgenrnn-pi"
FIRST = "try"
"""The folder of the first section's reader; the others have the three files in one of theirs."""


@dataclass
class Reader:
    """Somebody at a desktop, who types what a page says, with a Pi that `ssh pi` reaches."""

    desktop: Container
    pi: Container
    run: list[str] = field(default_factory=list)
    """The lines typed."""
    said: dict[str, str] = field(default_factory=dict)
    """What each line printed."""

    def type(self, block: Block, folder: str, environment: str = "") -> None:
        """Type a block's lines into one shell."""
        local: list[str] = []
        remote: list[str] | None = None
        for line in block.lines:
            if line == "ssh pi":
                self._type(local, folder, environment)
                local, remote = [], []
            elif remote is not None and line == "exit":
                self._type_on_the_pi(remote)
                remote = None
            else:
                (local if remote is None else remote).append(line)
            self.run.append(line)
        assert remote is None, "the page logs in and never out"
        self._type(local, folder, environment)

    def _type(self, lines: list[str], folder: str, environment: str = "") -> None:
        if lines:
            script = f"mkdir -p {folder} && cd {folder} || exit\n{environment}\n{_checked(lines)}"
            self._note(lines, self.desktop.run(script, PATIENCE, user="student"))

    def _type_on_the_pi(self, lines: list[str]) -> None:
        # A login shell, as `ssh pi` gives.
        command = f"ssh -T pi {shlex.quote('bash -lc ' + shlex.quote(_checked(lines)))}"
        self._note(lines, self.desktop.run(command, PATIENCE, user="student"))

    def _note(self, lines: list[str], done: subprocess.CompletedProcess[str]) -> None:
        assert done.returncode == 0, (lines, done.stdout[-3000:], done.stderr[-3000:])
        printed = done.stdout.split("\x00")
        self.said.update(zip(lines, printed, strict=False))


def _checked(lines: list[str]) -> str:
    """Return a script that stops at the first line that fails, and says which."""
    return "\n".join(
        f"{{ {line.replace('ADDRESS', REPOSITORY)}\n}} || {{ echo FAILED: {shlex.quote(line)} >&2; "
        "exit 1; }; printf '\\0'"
        for line in lines
    )


@pytest.fixture(scope="module", params=READERS, ids=lambda reader: f"{reader[0]}-{reader[1]}")
def reader(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    """After the whole page was typed."""
    page, suite, model = request.param
    folder = tmp_path_factory.mktemp("reader")
    (folder / "desktop").mkdir()
    (folder / "pi").mkdir()
    address = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
    with (
        booted(debian(suite), folder / "desktop") as desktop,
        booted(debian(suite), folder / "pi", listen=address) as pi,
    ):
        for container, user in ((desktop, "student"), (pi, "pi")):
            clone(container.root / REPOSITORY.lstrip("/"))
            assert container.run(
                f"chown -R root: {REPOSITORY}; useradd -m -s /bin/bash {user} && "
                f"echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}; "
                "git config --system safe.directory '*' 2>/dev/null || "
                "printf '[safe]\\n\\tdirectory = *\\n' > /etc/gitconfig"
            ).returncode == 0  # fmt: skip
        _introduce(desktop, pi, address)
        home = desktop.root / "home/student"
        for name in ("colab", "colab-windows"):
            _give_files(home / name, model)
        shutil.copytree(ROOT / "tests/pages/windows", desktop.root / "srv/windows")
        assert desktop.run("chown -R student: /home/student").returncode == 0
        reader = Reader(desktop, pi)
        sections = [block.section for block in blocks(ROOT / page)]
        for block in blocks(ROOT / page):
            if block.not_run:
                continue
            if block.language == "powershell":
                block.lines = [_from_windows(line) for line in block.lines]
                reader.type(block, "colab-windows", "export PYTHONPATH=/srv/windows")
            else:
                assert block.language == "sh", block
                reader.type(block, FIRST if block.section == sections[0] else "colab")
        yield reader


def _introduce(desktop: Container, pi: Container, address: str) -> None:
    """Let `ssh pi` log in, by the student's key."""
    done = desktop.run(
        f"echo '{address} pi' >> /etc/hosts; mkdir -m 700 /home/student/.ssh; "
        "ssh-keygen -q -t ed25519 -N '' -f /home/student/.ssh/id_ed25519; "
        "printf 'Host pi\\n User pi\\n StrictHostKeyChecking accept-new\\n' "
        "> /home/student/.ssh/config; cat /home/student/.ssh/id_ed25519.pub"
    )
    ssh = pi.root / "home/pi/.ssh"
    ssh.mkdir()
    (ssh / "authorized_keys").write_text(done.stdout)
    assert pi.run("chown -R pi: /home/pi; chmod 700 /home/pi/.ssh").returncode == 0


def _give_files(folder: Path, model: str) -> None:
    """Give a reader the three files, and some poems to train on."""
    folder.mkdir()
    for kind in ("weights.hdf5", "vocab.json", "config.json"):
        shutil.copy(ROOT / "models" / f"{model}_{kind}", folder / f"colab_{kind}")
    verse = "The woods are lovely, dark and deep,\nBut I have promises to keep.\n" * 9
    (folder / "poems.txt").write_text(verse)


def _from_windows(line: str) -> str:
    """Return a line of PowerShell as this system's shell wants it."""
    line = re.sub(r"^py ", "python3 ", line)
    return line.replace("rnn\\Scripts\\", "rnn/bin/")


def test_every_line_was_run(reader: Reader, request: pytest.FixtureRequest) -> None:
    page = request.node.callspec.params["reader"][0]
    every = [line for block in blocks(ROOT / page) if not block.not_run for line in block.lines]
    assert len(reader.run) == len(every) >= 25


def test_the_demo_speaks_and_needs_no_network_the_second_time(reader: Reader) -> None:
    demo = reader.desktop.root / f"home/student/{FIRST}/textgenrnn-pi/demo-out"
    for name in ("shakespeare", "onegin"):
        wav = demo / f"{name}.wav"
        assert wav.stat().st_size > 100_000
        wav.unlink()
    done = reader.desktop.run(
        f"cd /home/student/{FIRST}/textgenrnn-pi && unshare --net scripts/demo", PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in demo.glob("*.wav")} == {"shakespeare", "onegin"}


def test_windows_and_linux_convert_to_the_same_file(reader: Reader) -> None:
    home = reader.desktop.root / "home/student"
    one, other = (home / name / "colab.tflite" for name in ("colab", "colab-windows"))
    assert one.read_bytes() == other.read_bytes()


def test_the_pi_speaks_and_writes_what_it_was_asked_for(reader: Reader) -> None:
    reader.pi.wait_heard(100_000)
    assert len(reader.said["ssh pi rnn-speak"].split()) > 5
    (asked,) = [line for line in reader.said if line.startswith("ssh pi rnn-generate")]
    prefix = shlex.split(asked)[shlex.split(asked).index("--prefix") + 1]
    assert reader.said[asked].startswith(prefix)


def test_what_was_trained_generates(reader: Reader) -> None:
    assert reader.said["rnn/bin/rnn-generate poems.tflite --seed 7"].strip()


def test_uninstalled_only_the_model_and_the_settings_are_left(reader: Reader) -> None:
    root = reader.pi.root
    assert not (root / "opt/textgenrnn-pi").exists()
    assert not list((root / "etc/systemd/system").glob("rnn-speak*.service"))
    assert {path.name for path in (root / "var/lib/textgenrnn-pi").iterdir()} == {"model.tflite"}
    assert (root / "etc/default/rnn-speak").exists()


def test_the_pages_tell_to_type_the_same() -> None:
    """But for the words of a text."""

    def commands(page: str) -> list[str]:
        lines = [line for block in blocks(ROOT / page) for line in block.lines]
        return [re.sub(r"--prefix \S+", "--prefix …", line) for line in lines]

    assert commands("README.md") == commands("README.ru.md")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["win_amd64", "macosx_12_0_arm64"])
def test_what_converting_needs_has_wheels(platform: str, version: str, tmp_path: Path) -> None:
    """For each Python that the page names, on the systems that are not here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = project["optional-dependencies"]["convert"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--target", tmp_path,
         "--platform", platform, "--python-version", version, "--only-binary=:all:", *needed],
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for requirement in needed:
        assert re.split(r"[^\w-]", requirement)[0] in done.stdout
