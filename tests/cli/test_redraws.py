"""rnn-generate with texts that are drawn again, or measured for what they copy."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import run_command

HOT = ("--temperature", 1, "--max-gen-length", 15, "--backend", "numpy")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows as its training text what it writes under seed 11."""
    folder = tmp_path_factory.mktemp("model")
    plain, path = folder / "plain.tflite", folder / "m.tflite"
    plain.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    params = SamplingParams(1.0, 60)
    learned = TextGenerator.load(plain, "numpy").generate(5, seed=11, params=params)
    assert len(learned[0]) > 40
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20), texts=learned))
    return path


def generate(model: Path, *argv: object) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-generate", model, *HOT, *argv)


def drawn(model: Path, n: int, **options: object) -> list[str | None]:
    params = SamplingParams(1.0, 15, **options)  # type: ignore[arg-type]
    generator = TextGenerator.load(model, "numpy")
    return [each.text for each in generator.drawn(n, seed=3, params=params)]


def test_texts_rejected_each_time_are_left_out_and_counted(model: Path) -> None:
    texts = drawn(model, 20, reject=["h"], tries=2)
    left = [text for text in texts if text is not None]
    assert 0 < len(left) < 20
    argv = ("-n", 20, "--seed", 3, "--reject", "h", "--tries", 2)
    done = generate(model, *argv, "-0")
    assert (done.returncode, done.stdout) == (0, "".join(f"{text}\0" for text in left))
    assert f"; {20 - len(left)} of the texts left out, as rejected each time" in done.stderr
    assert generate(model, *argv, "--separator=--").stdout == "--".join(left) + "\n"
    records = [json.loads(line) for line in generate(model, *argv, "--json").stdout.splitlines()]
    assert [record["text"] for record in records] == texts
    assert {record["draws"] for record in records} == {1, 2}


def test_if_nothing_is_accepted_that_is_an_error(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    for argv in ((), ("-n", 3), ("-n", 3, "-o", path), ("--csv",)):
        done = generate(model, "--reject", "^", "--tries", 2, *argv)
        assert done.returncode == 1
        assert re.fullmatch(
            r"error: (no text was accepted|text 0 was drawn 2 times, and rejected each time)"
            " – allow more tries, or reject less\n",
            done.stderr,
        )
    assert not path.exists()


def test_copies_are_reported(model: Path) -> None:
    argv = ("-n", 5, "--seed", 11, "--max-gen-length", 60, "--report-copies")
    copied = run_command("rnn-generate", model, "--temperature", 1, "--backend", "numpy", *argv)
    lines = copied.stderr.splitlines()
    first = run_command(
        "rnn-generate", model, "--temperature", 1, "--backend", "numpy", "--seed", 11,
        "--max-gen-length", 60,
    ).stdout[:-1]  # fmt: skip
    assert lines[0] == f"text 0: 100% copied, the longest run has {len(first)} characters"
    assert re.fullmatch(
        r"\d of 5 texts have a run of 20 characters from the training text", lines[5]
    )
    other = generate(model, "--seed", 77, "--report-copies", "--original", 20)
    assert other.stderr.startswith("text 0: 0% copied, the longest run has 0 characters\n0 of 1 ")


def test_what_is_copied_is_in_records(model: Path) -> None:
    argv = ("-n", 2, "--seed", 11, "--max-gen-length", 60, "--report-copies", "--temperature", 1)
    json_lines = run_command("rnn-generate", model, "--backend", "numpy", *argv, "--json").stdout
    table = run_command("rnn-generate", model, "--backend", "numpy", *argv, "--csv").stdout
    records = [json.loads(line) for line in json_lines.splitlines()]
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert records[0]["copied"] == 1
    assert records[0]["longest_run"] == records[0]["characters"]
    for record, row in zip(records, rows, strict=True):
        assert float(row["copied"]) == record["copied"]
        assert int(row["longest_run"]) == record["longest_run"]


def test_a_model_that_does_not_know_its_training_text(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    for option in ("--report-copies", "--original=20"):
        done = run_command("rnn-generate", path, option, "--backend", "numpy")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "error: this model does not know its training text – "
            "convert it again with rnn-convert --corpus TEXT\n"
        )
