"""Every command the README shows does what it says, on a small model."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.checkpoints import (
    config_of,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.helpers.commands import ROOT, needs_tensorflow, run_command

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.S)
LINES = [line.partition("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = list(dict.fromkeys(line for line in LINES if line.startswith("rnn-")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files of a reader."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("reader")
    network = small_network(classes=20)
    network.output_bias[-1] = -100  # no text is over before its first word
    write_weights(folder / "colab_weights.hdf5", network, "cudnn")
    write_sidecars(folder, "colab", small_vocab(20), config_of(network))
    verse = "The woods are lovely, dark and deep,\nBut I have promises to keep.\n" * 9
    for name in ("poems", "lines"):
        (folder / f"{name}.txt").write_text(verse)
    return folder


@needs_tensorflow
def test_every_command_in_order(folder: Path) -> None:
    assert len(COMMANDS) >= 10
    for line in COMMANDS:
        name, *argv = shlex.split(line)
        if name == "rnn-train":
            pytest.importorskip("tqdm")
        if name == "rnn-speak":
            if not shutil.which("festival"):
                continue
            if not any(option in line for option in ("--wav", "--list")):
                argv += ["--wav", "card.wav"]  # there may be no sound card here
        done = run_command(name, *argv, cwd=folder)
        assert done.returncode == 0, (line, done.stderr)
    assert len((folder / "texts.txt").read_text("utf-8").splitlines()) >= 100
    assert (folder / "colab.tflite").exists()


@needs_tensorflow
@pytest.mark.skipif(not shutil.which("festival"), reason="festival is not installed")
def test_the_python_examples(folder: Path) -> None:
    if not (folder / "colab.tflite").exists():
        assert run_command("rnn-convert", "colab_weights.hdf5", cwd=folder).returncode == 0
    examples = re.findall(r"```python\n(.*?)```", README, re.S)
    printed = []
    for code in examples:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0].startswith("Once")
    assert (folder / "hello.wav").read_bytes().startswith(b"RIFF")


def test_every_path_it_names_is_there() -> None:
    rooms = "scripts|tests|pi_runtime|convert|train|models|docs|systemd"
    names = re.findall(rf"(?<![\w/.])(?:{rooms})/[\w./-]*\w", README)
    assert "scripts/install-pi" in names
    for name in names:
        assert (ROOT / name).exists(), name


def test_every_module_it_runs_is_there() -> None:
    names = re.findall(r"python -m (tests[\w.]+)", README)
    assert "tests.manual.soak" in names
    for name in names:
        assert find_spec(name), name


def test_options_it_names_exist() -> None:
    for line in COMMANDS:
        name, *argv = shlex.split(line)
        if name == "rnn-convert" and "h5py" not in sys.modules:
            continue
        usage = run_command(name, "--help").stdout
        for option in (word for word in argv if word.startswith("-")):
            assert option in usage, (line, option)
