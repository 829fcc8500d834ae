"""Every command that docs/ shows does what it says, on a small model.

READMEs: tests/pages. docs/many.md: tests/many/test_page.py.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
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
from tests.helpers.pages import blocks

DOCS = sorted(ROOT.glob("docs/*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "README.ru.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *DOCS,
]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
BLOCKS = [
    block
    for page in DOCS
    if page.name != "many.md"  # which has loops and pipes
    for block in blocks(page)
    if not block.not_run
]
COMMANDS = list(
    dict.fromkeys(line for block in BLOCKS if block.language == "sh" for line in block.lines)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files of a reader."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("reader")
    network = small_network(classes=20)
    network.output_bias[-1] = -100  # no text is over before its first word
    write_weights(folder / "colab_weights.hdf5", network, "cudnn")
    write_sidecars(folder, "colab", small_vocab(20), config_of(network))
    with zipfile.ZipFile(folder / "colab.zip", "w") as archive:
        for file in sorted(folder.glob("colab_*")):
            archive.write(file, file.name)
    verse = "The woods are lovely, dark and deep,\nBut I have promises to keep.\n" * 9
    for name in ("poems", "lines"):
        (folder / f"{name}.txt").write_text(verse)
    (folder / "words.txt").write_text("darn\nblack magic\n")
    return folder


@needs_tensorflow
def test_every_command_in_order(folder: Path) -> None:
    assert len(COMMANDS) >= 10
    for line in COMMANDS:
        name, *argv = shlex.split(line)
        assert name.startswith("rnn-"), f"mark what is not run here: {line}"
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
    for model in ("colab.tflite", "small.tflite"):
        if not (folder / model).exists():
            done = run_command("rnn-convert", "colab_weights.hdf5", "-o", model, cwd=folder)
            assert done.returncode == 0, done.stderr
    examples = [
        code
        for page in DOCS
        for code in re.findall(r"(?<!-->\n)```python\n(.*?)```", page.read_text("utf-8"), re.S)
    ]
    printed = []
    for code in examples:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert any(text.startswith("Once") for text in printed)
    assert (folder / "hello.wav").read_bytes().startswith(b"RIFF")


def test_every_path_it_names_is_there() -> None:
    rooms = "scripts|tests|pi_runtime|convert|train|models|docs|systemd"
    names = re.findall(rf"(?<![\w/.])(?:{rooms})/[\w./-]*\w", TEXT)
    assert "scripts/install-pi" in names
    for name in names:
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_a_readme_is_short() -> None:
    for page in PAGES[:2]:
        assert len(page.read_text("utf-8").splitlines()) <= 150


def test_every_module_it_runs_is_there() -> None:
    names = re.findall(r"python -m (tests[\w.]+)", TEXT)
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
            assert option.partition("=")[0] in usage, (line, option)
