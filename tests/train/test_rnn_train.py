"""rnn-train as a person runs it, on whatever people feed it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pi_runtime.model.file import ModelFile
from tests.helpers.commands import needs_tensorflow, program, run_command
from tests.helpers.service import wait_for

NETWORK = ("--rnn-layers", 1, "--dim-embeddings", 4, "--max-length", 6)
SMALL = ("--rnn-size", 8, *NETWORK)
FABLE = "The quick brown fox jumps over the lazy dog.\n" * 12


@needs_tensorflow
def test_texts_become_a_model_that_generates(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "fable.txt").write_text(FABLE)
    done = run_command(
        "rnn-train", "fable.txt", "--name", "fable", *SMALL, "--train-size", 0.8, "--report",
        "--save-epochs", 1, "--convert", "--num-epochs", 2, "--batch-size", 16, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("### epoch ") == 6
    said = [line.split(",")[0] for line in done.stderr.splitlines()]
    assert said[:3] == ["1 texts", "wrote fable_weights.hdf5", "wrote fable.tflite"]
    copied = r"of [\d,]+ characters at temperature (0.2|0.5|1.0), \d+% lie in runs of 20 or more"
    assert all(re.match(copied, line) for line in done.stderr.splitlines()[3:6])
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


def copied(stderr: str) -> dict[str, float]:
    """Return what share of the texts at each temperature is said to be training texts."""
    found = re.findall(r"of (\d+) texts at temperature (\S+), (\d+) are training texts\n", stderr)
    return {temperature: int(copies) / int(texts) for texts, temperature, copies in found}


@needs_tensorflow
def test_it_says_how_much_of_its_texts_is_copied_and_so_does_the_model(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names = ["Anna", "Boris", "Charlotte", "Dmitri", "Eleonora", "Frederick"]
    (tmp_path / "names.txt").write_text("\n".join(names * 40) + "\n")
    network = (
        *("--line-delimited", "--rnn-size", 32, "--rnn-layers", 1, "--dim-embeddings", 16),
        *("--max-length", 10, "--batch-size", 32),
    )
    train = ("rnn-train", "names.txt", *network)
    short = run_command(*train, "--name", "short", "--num-epochs", 1, cwd=tmp_path)
    assert short.returncode == 0, short.stderr
    assert copied(short.stderr)["0.5"] < 0.2
    assert "copied" not in short.stderr
    long = run_command(*train, "--name", "long", "--num-epochs", 16, "--convert", cwd=tmp_path)
    assert long.returncode == 0, long.stderr
    assert copied(long.stderr)["0.5"] > 0.5
    assert "that is much copied: train for fewer epochs or on more texts" in long.stderr
    model = ModelFile(tmp_path / "long.tflite")
    ngrams = model.ngrams()
    assert ngrams is not None
    assert all(map(ngrams.is_training_text, names))
    again = run_command(
        "rnn-convert", "long_weights.hdf5", "--corpus", "names.txt", "--force", cwd=tmp_path
    )
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "long.tflite").read_bytes() == model.content
    silent = run_command(
        *(*train, "--name", "silent", "--num-epochs", 1, "--convert", "--no-corpus", "-q"),
        cwd=tmp_path,
    )
    assert (silent.returncode, silent.stderr) == (0, "")
    assert ModelFile(tmp_path / "silent.tflite").ngrams() is None


@needs_tensorflow
def test_killed_in_mid_epoch_its_files_are_whole_and_it_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "fable.txt").write_text(FABLE * 40)
    rest = [*map(str, NETWORK), "--num-epochs", "4", "--batch-size", "16"]
    argv = ["fable.txt", "--name", "f", "--rnn-size", "8", *rest]
    process = subprocess.Popen(
        [program("rnn-train"), *argv], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
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
    different = ("fable.txt", "--name", "f", "--rnn-size", 9, *rest)
    other = run_command("rnn-train", *different, "--resume", cwd=tmp_path)
    assert other.returncode == 1
    assert "other settings" in other.stderr
    done = run_command("rnn-train", *argv, "--resume", "--report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "### epoch 1," not in done.stdout
    assert "### epoch 4," in done.stdout
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
    (tmp_path / "t.txt").write_bytes(content)
    done = run_command("rnn-train", "t.txt", "--max-length", 20, cwd=tmp_path)
    assert done.returncode == 1
    *notes, error = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert all("texts, " in note for note in notes), "nothing of TensorFlow's"
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]


def test_a_name_with_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(FABLE)
    done = run_command("rnn-train", "t.txt", "--name", "a/b", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: name is 'a/b' – give a file name")


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
