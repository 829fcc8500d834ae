"""Texts to checkpoints: textgenrnn's tokens and samples, its files, and whatever people feed it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.errors import UsageError
from tests.conftest import needs_tensorflow, run_command
from tests.service import wait_for
from train.corpus import Corpus, make_vocabulary, words_of
from train.errors import TextError
from train.settings import ModelSettings, TrainSettings, read_settings_file, settings_from

SMALL = (
    "--rnn-size", 8, "--rnn-layers", 1, "--dim-embeddings", 4, "--max-length", 6, "--num-epochs", 2,
    "--batch-size", 16,
)  # fmt: skip
FABLE = "The quick brown fox jumps over the lazy dog.\n" * 12


# --- tokens --------------------------------------------------------------------------------------


def test_tokens_are_ordered_as_keras_orders_them() -> None:
    """Commonest first; of equals, the one met first; the start mark last."""
    vocabulary = make_vocabulary(
        ["bca", "ca", "d"], word_level=False, max_words=9, single_text=False
    )
    assert vocabulary == {"c": 1, "a": 2, "b": 3, "d": 4, "<s>": 5}
    words = make_vocabulary(
        ["To be, or not\nto be"], word_level=True, max_words=3, single_text=True
    )
    assert words == {"to": 1, "be": 2, ",": 3}


def test_words_are_cut_as_textgenrnn_cuts_them() -> None:
    assert words_of("Don't stop –  (ever)\n") == [
        "don", "'", "t", "stop", "–", "(", "ever", ")", "\n",
    ]  # fmt: skip


# --- samples -------------------------------------------------------------------------------------


def samples_of_textgenrnn(
    texts: list[list[str]], vocabulary: dict[str, int], max_length: int, *, single_text: bool
) -> list[tuple[list[int], int]]:
    """Return (window, target) of all samples, as textgenrnn's own loop makes them."""
    found = []
    for text in texts:
        ends = range(len(text) + 1)
        if single_text:
            ends = ends[max_length:-2]
        else:
            text = ["<s>", *text, "<s>"]
        for end in ends:
            begin = end - max_length if end > max_length else 0
            window, target = text[begin : end + 1], text[end + 1]
            if target in vocabulary:
                ids = [vocabulary[token] for token in window if token in vocabulary][-max_length:]
                found.append(([0] * (max_length - len(ids)) + ids, vocabulary[target]))
    return found


@given(
    st.lists(st.text("abcdeж \n", max_size=30), min_size=1, max_size=5),
    st.integers(1, 8),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
)
def test_the_samples_are_textgenrnn_s(
    texts: list[str], max_length: int, max_words: int, word_level: bool, single_text: bool
) -> None:
    if single_text:
        texts = ["".join(texts)]
    vocabulary = make_vocabulary(
        texts, word_level=word_level, max_words=max_words, single_text=single_text
    )
    cut = [words_of(text) if word_level else list(text) for text in texts]
    expected = samples_of_textgenrnn(cut, vocabulary, max_length, single_text=single_text)
    try:
        corpus = Corpus.encode(
            texts, vocabulary, max_length, word_level=word_level, single_text=single_text
        )
    except TextError:
        assert not expected
        return
    ends = corpus.ends_of(np.arange(corpus.samples))
    windows = corpus.windows(ends, max_length)
    targets = corpus.tokens[ends + 1]
    assert [*zip(windows.tolist(), targets.tolist(), strict=True)] == expected


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_the_dictionaries_of_the_notebook_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"settings.{kind}"
    path.write_text(
        '{"model_cfg": {"rnn_size": 64, "word_level": true}, "train_cfg": {"num_epochs": 3}}'
        if kind == "json"
        else "[model_cfg]\nrnn_size = 64\nword_level = true\n[train_cfg]\nnum_epochs = 3\n"
    )
    model, training = read_settings_file(path)
    assert settings_from(ModelSettings, model) == ModelSettings(rnn_size=64, word_level=True)
    assert settings_from(TrainSettings, training).num_epochs == 3


@pytest.mark.parametrize(
    "members",
    [{"rnn_sizes": 5}, {"rnn_size": 0}, {"rnn_size": "64"}, {"rnn_size": True}, {"word_level": 1}],
)
def test_a_setting_that_cannot_be_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        settings_from(ModelSettings, members)


# --- in TensorFlow's process ---------------------------------------------------------------------


@needs_tensorflow
def test_what_needs_tensorflow() -> None:
    pytest.importorskip("tqdm")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/with_tensorflow.py"],
        capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[1],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)


# --- rnn-train -----------------------------------------------------------------------------------


@needs_tensorflow
def test_texts_become_a_model_that_generates(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "fable.txt").write_text(FABLE)
    done = run_command(
        "rnn-train", "fable.txt", "--name", "fable", *SMALL, "--train-size", 0.8, "--report",
        "--save-epochs", 1, "--convert", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("### epoch ") == 6
    assert {path.name for path in tmp_path.iterdir()} == {
        "fable.txt", "fable_weights.hdf5", "fable_weights_epoch_1.hdf5", "fable_vocab.json",
        "fable_config.json", "fable_training.png", "fable.tflite",
    }  # fmt: skip
    assert (tmp_path / "fable_training.png").read_bytes().startswith(b"\x89PNG")
    config = json.loads((tmp_path / "fable_config.json").read_text())
    assert (config["rnn_size"], config["single_text"], config["name"]) == (8, True, "fable")
    assert run_command("rnn-generate", "fable.tflite", "--seed", 1, cwd=tmp_path).returncode == 0
    again = run_command("rnn-train", "fable.txt", "--name", "fable", *SMALL, cwd=tmp_path)
    assert again.returncode == 2, "nothing is replaced unasked"
    tuned = run_command(
        "rnn-train", "fable.txt", "--name", "tuned", "--weights", "fable_weights.hdf5",
        "--num-epochs", 1, cwd=tmp_path,
    )  # fmt: skip
    assert tuned.returncode == 0, tuned.stderr
    vocab = (tmp_path / "fable_vocab.json").read_text()
    assert (tmp_path / "tuned_vocab.json").read_text() == vocab


@needs_tensorflow
def test_killed_in_mid_epoch_its_files_are_whole_and_it_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "fable.txt").write_text(FABLE * 40)
    argv = ["fable.txt", "--name", "f", *map(str, SMALL), "--num-epochs", "4"]
    program = str(Path(sys.executable).with_name("rnn-train"))
    process = subprocess.Popen([program, *argv], cwd=tmp_path, stderr=subprocess.DEVNULL)
    state = tmp_path / "f_resume.npz"
    try:
        wait_for(state.exists, 120)
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert state.exists(), "it was still at work"
    found = run_command("rnn-convert", "f_weights.hdf5", "--inspect", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    other = run_command("rnn-train", *argv, "--rnn-size", 9, "--resume", cwd=tmp_path)
    assert other.returncode == 1
    assert "other settings" in other.stderr
    done = run_command("rnn-train", *argv, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "epoch 1/4" not in done.stderr
    assert "epoch 4/4" in done.stderr
    assert not state.exists()


@needs_tensorflow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "too few"),
        (b"one short line", "too few"),
        ("Привет, мир! Как дела? Хорошо, спасибо.\n".encode("cp1251") * 30, "cp1251"),
        ("Привет, мир! Как дела? Хорошо, спасибо.\n".encode("utf-16") * 30, "utf_16"),
        (b"abc\0def" * 100, "zero bytes"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_line(
    tmp_path: Path, content: bytes, says: str
) -> None:
    pytest.importorskip("tqdm")
    (tmp_path / "t.txt").write_bytes(content)
    done = run_command("rnn-train", "t.txt", "--max-length", 20, cwd=tmp_path)
    assert done.returncode == 1
    error = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert says in error[0]
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]


@needs_tensorflow
def test_line_ends_and_marks_of_windows_change_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    tables = []
    for name, content in (
        ("unix", FABLE.encode()),
        ("windows", b"\xef\xbb\xbf" + FABLE.replace("\n", "\r\n").encode()),
    ):
        (tmp_path / f"{name}.txt").write_bytes(content)
        done = run_command(
            "rnn-train", f"{name}.txt", "--name", name, *SMALL, "--num-epochs", 1,
            "--line-delimited", "--batch-size", 10_000, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, "fewer tokens than a batch are one smaller batch"
        tables.append((tmp_path / f"{name}_vocab.json").read_text())
    assert tables[0] == tables[1]


@pytest.mark.parametrize(("max_words", "bytes_a_token"), [(9, 1.1), (2, 5.1)])
def test_a_large_corpus_stays_narrow(max_words: int, bytes_a_token: float) -> None:
    text = "abc " * 10_000
    vocabulary = make_vocabulary([text], word_level=False, max_words=max_words, single_text=True)
    corpus = Corpus.encode([text], vocabulary, 5, word_level=False, single_text=True)
    held = sum(a.nbytes for a in vars(corpus).values() if isinstance(a, np.ndarray))
    assert held <= bytes_a_token * len(text)
