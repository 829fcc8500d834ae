"""rnn-generate --synthesize as a person runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pi_runtime import SamplingParams, TextGenerator, synthesize
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import run_command


@pytest.fixture(scope="module")
def other(model: Path) -> Path:
    path = model.with_name("other.tflite")
    path.write_bytes(packed_model(small_network(5, classes=20), small_vocab(20)))
    return path


@pytest.fixture(scope="module")
def generators(model: Path, other: Path) -> list[TextGenerator]:
    return [TextGenerator.load(path, backend="numpy") for path in (model, other, other)]


def generate(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-generate", *argv, "--backend", "numpy", **options)


def test_the_text_is_the_librarys(
    model: Path, other: Path, generators: list[TextGenerator]
) -> None:
    done = generate(model, "--synthesize", other, "--seed", 7)
    assert done.stdout == synthesize(generators[:2], seed=7)[0] + "\n"
    assert done.stderr.startswith("seed 7, numpy, ")
    three = generate(model, "--synthesize", other, "--synthesize", other, "--seed", 7)
    assert three.stdout == synthesize(generators, seed=7)[0] + "\n"


def test_its_options_are_the_librarys(
    model: Path, other: Path, generators: list[TextGenerator]
) -> None:
    argv = ("-n", 4, "--prefix", "ea", "--temperature", 0.9, "--max-gen-length", 20, "--seed", 3)
    more = ("--stop-tokens", r"et\n", "--forbid", "o", "--top-k", 7, "-0")
    done = generate(model, "--synthesize", other, *argv, *more)
    params = SamplingParams(0.9, 20, forbid="o", top_k=7)
    expected = synthesize(
        generators[:2], 4, "ea", stop_tokens=["e", "t", "\n"], seed=3, params=params
    )
    assert done.stdout == "".join(f"{text}\0" for text in expected), done.stderr


def test_without_stop_tokens_each_character_is_a_turn(
    model: Path, other: Path, generators: list[TextGenerator]
) -> None:
    done = generate(model, "--synthesize", other, "--stop-tokens", "", "--seed", 3)
    assert done.stdout == synthesize(generators[:2], stop_tokens=[], seed=3)[0] + "\n"


def test_a_file_and_json(
    model: Path, other: Path, generators: list[TextGenerator], tmp_path: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    argv = ("--synthesize", other, "-n", 3, "--seed", 5, "--json", "-o", path)
    assert generate(model, *argv).stdout == ""
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [record["text"] for record in records] == synthesize(generators[:2], 3, seed=5)
    assert [record["index"] for record in records] == [0, 1, 2]
    assert records[0]["temperature"] == [0.5, 0.2, 0.2]
    assert records[0]["backend"] == "numpy"


def test_what_no_model_knows_of_a_prefix_is_said_once(model: Path, other: Path) -> None:
    done = generate(model, "--synthesize", other, "--prefix", "QeжQ")
    assert done.stderr.count("does not know 'Q' 'ж'") == 1


def test_a_file_whose_graph_does_not_run_is_named(model: Path, other: Path) -> None:
    done = run_command("rnn-generate", model, "--synthesize", other, "--seed", 1)
    assert done.returncode == 0
    for path in (model, other):
        assert re.search(rf"(onnx|numpy) computes {re.escape(str(path))} instead", done.stderr)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--interactive",), "--synthesize has no use with --interactive"),
        (("--samples",), "--samples has no use with --synthesize"),
        (("--finish-sentence",), "--finish-sentence has no use with --synthesize"),
        (("--max-words", 3), "--max-words has no use with --synthesize"),
        (("--stop", "a"), "--stop has no use with --synthesize"),
        (("--service", "two"), "--service has no use with --synthesize"),
        (("--stop-tokens", r"\x"), r"--stop-tokens has \x – write \n, \t or \\"),
    ],
)
def test_what_means_nothing_to_several_models(
    model: Path, other: Path, argv: tuple[object, ...], says: str
) -> None:
    done = generate(model, "--synthesize", other, *argv)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {says}")


def test_stop_tokens_are_for_several_models(model: Path) -> None:
    done = generate(model, "--stop-tokens", ".")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --stop-tokens has no use without --synthesize – leave it out, or add --synthesize\n"
    )


def test_a_second_model_that_is_missing(model: Path) -> None:
    done = generate(model, "--synthesize", "none.tflite")
    assert done.returncode == 1
    assert done.stderr.startswith("error: none.tflite: no such file")


def test_a_service_takes_no_turns(other: Path, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "RNN_MODEL"}
    environment["RNN_SOCKET"] = str(tmp_path / "socket")
    done = run_command("rnn-generate", "--synthesize", other, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --synthesize is nothing that a service does – ")
