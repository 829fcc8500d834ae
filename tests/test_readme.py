"""Every command the README shows does what it says, on a small model."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints import config_of, small_network, small_vocab, write_sidecars, write_weights
from tests.conftest import needs_tensorflow, run_command

ROOT = Path(__file__).parents[1]
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
def test_the_python_example(folder: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    if not (folder / "colab.tflite").exists():
        assert run_command("rnn-convert", "colab_weights.hdf5", cwd=folder).returncode == 0
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Once")


def test_every_script_it_names_is_there() -> None:
    for name in re.findall(r"\bscripts/[\w-]+", README):
        assert (ROOT / name).exists(), name


def test_options_it_names_exist() -> None:
    for line in COMMANDS:
        name, *argv = shlex.split(line)
        if name == "rnn-convert" and "h5py" not in sys.modules:
            continue
        usage = run_command(name, "--help").stdout
        for option in (word for word in argv if word.startswith("-")):
            assert option in usage, (line, option)
