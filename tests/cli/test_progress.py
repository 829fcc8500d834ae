"""Long work shows itself on a terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.checkpoints import (
    config_of,
    packed_model,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.helpers.commands import ROOT, needs_tensorflow, program, run_command
from tests.helpers.terminal import on_a_terminal

MANY = ("-n", "200", "--max-gen-length", "50", "--seed", "1", "--backend", "numpy")
WITHOUT_DELAY = (
    "import sys, pi_runtime.cli.text_output as t; t.DELAY = 0; "
    "from pi_runtime.cli.generate import main; main(sys.argv[1:])"
)
GENERATE = (sys.executable, "-c", WITHOUT_DELAY, "m.tflite", *MANY)
"""rnn-generate whose bar does not wait for the work to take long."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose texts end at their limit only."""
    folder = tmp_path_factory.mktemp("progress")
    vocab = small_vocab(12, single_text=True)
    (folder / "m.tflite").write_bytes(packed_model(small_network(), vocab))
    return folder


def test_many_texts_into_a_file_show_a_bar_that_goes_again(folder: Path) -> None:
    pytest.importorskip("tqdm")
    code, out, shown = on_a_terminal(folder, *GENERATE, "-o", "x.txt")
    assert (code, out) == (0, "")
    assert "/200 [" in shown
    *_, last = shown.rstrip("\n").split("\r")
    assert last.startswith("seed 1, numpy, ")
    texts = (folder / "x.txt").read_text("utf-8")
    quiet = run_command("rnn-generate", "m.tflite", *MANY, "-q", cwd=folder)
    assert (quiet.stdout, quiet.stderr) == (texts, "")


def test_so_do_those_into_a_pipe(folder: Path) -> None:
    pytest.importorskip("tqdm")
    code, out, shown = on_a_terminal(folder, *GENERATE)
    assert code == 0
    assert len(out) > 200 * 49
    assert "/200 [" in shown


@pytest.mark.parametrize("more", [("-q", "-o", "x.txt"), ("-q",)])
def test_quiet_shows_none(folder: Path, more: tuple[str, ...]) -> None:
    code, _, shown = on_a_terminal(folder, *GENERATE, *more)
    assert (code, shown) == (0, "")


def test_no_bar_mixes_with_texts_on_the_same_terminal(folder: Path) -> None:
    code, _, shown = on_a_terminal(folder, *GENERATE, stdout_too=True)
    assert code == 0
    assert "/200 [" not in shown
    done = run_command("rnn-generate", "m.tflite", *MANY, "-q", cwd=folder)
    assert shown.startswith(done.stdout)


def test_without_a_terminal_or_tqdm_there_is_none(folder: Path) -> None:
    done = run_command("rnn-generate", "m.tflite", *MANY, "-o", "x.txt", cwd=folder)
    assert len(done.stderr.splitlines()) == 1
    code = (
        "import sys; sys.modules['tqdm'] = None; sys.stderr.isatty = lambda: True\n"
        f"from pi_runtime.cli.generate import main; main(['m.tflite', *{MANY!r}, '-o', 'x.txt'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1


@needs_tensorflow
def test_converting_shows_its_stages(tmp_path: Path) -> None:
    network = small_network(classes=20)
    write_weights(tmp_path / "colab_weights.hdf5", network)
    write_sidecars(tmp_path, "colab", small_vocab(20), config_of(network))
    argv = (program("rnn-convert"), "colab_weights.hdf5")
    code, out, shown = on_a_terminal(tmp_path, *argv)
    assert code == 0
    for stage in ("reading", "building", "proving", "writing"):
        assert stage in shown
    assert "wrote     colab.tflite" in out
    assert not shown.rstrip("\r").rpartition("\r")[2].strip(), "it is wiped away"
    code, again, shown = on_a_terminal(tmp_path, *argv, "--force", "-q")
    assert (code, again, shown) == (0, out, "")


@needs_tensorflow
def test_training_shows_a_bar_per_epoch(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "t.txt").write_text("The quick brown fox jumps over the lazy dog.\n" * 12)
    argv = (
        program("rnn-train"), "t.txt", "--rnn-size", 4, "--rnn-layers", 1,
        "--dim-embeddings", 4, "--max-length", 6, "--num-epochs", 2,
    )  # fmt: skip
    code, _, shown = on_a_terminal(tmp_path, *argv)
    assert code == 0
    for part in ("epoch 1/2: 100%", "epoch 2/2: 100%", "loss ", "wrote colab_weights.hdf5"):
        assert part in shown
    code, out, shown = on_a_terminal(tmp_path, *argv, "--force", "--quiet")
    assert (code, out, shown) == (0, "", "")
