"""Known attacks by model files, each with its story."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pi_runtime import TextGenerator
from pi_runtime.errors import Error
from tests.helpers import graphs
from tests.helpers.backends import needs_interpreter
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, rebuilt, resealed
from tests.helpers.networks import LENGTH, NETWORKS

GOOD = packed_model(small_network())

MEMORY = 256 << 20


@pytest.fixture
def real(converted: Converter) -> bytes:
    """A model that a TFLite interpreter runs."""
    return converted.small("small-forward", NETWORKS["forward"], LENGTH).read_bytes()


def changed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    flatbuffer, documents = members(content)
    change(documents)
    return resealed(flatbuffer, documents)


def generate(content: bytes, folder: Path, *options: str) -> tuple[int, str, int]:
    """Let rnn-generate use a model; return its exit code, its stderr, and its memory in bytes."""
    path = folder / "forged.tflite"
    path.write_bytes(content)
    done = subprocess.run(
        [
            *(sys.executable, "-c", _MEASURED, str(path), "--seed", "1"),
            *("--max-gen-length", "20", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    *said, memory = done.stderr.splitlines()
    return done.returncode, "\n".join(said), int(memory)


# RUSAGE_SELF would count what pytest itself holds, from which this process was forked.
_MEASURED = """
import os, re, resource, sys
from pathlib import Path
from pi_runtime.cli.generate import main
leave = os._exit
def measured(code):
    own = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
    trial = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(max(own, trial) * 1024, file=sys.stderr, flush=True)
    leave(code)
os._exit = measured
try:
    main(sys.argv[1:])
except SystemExit as end:
    measured(end.code or 0)
"""


def assert_refused(content: bytes, folder: Path, reason: str, *options: str) -> None:
    code, said, memory = generate(content, folder, *options)
    assert code == 1, said
    assert said.startswith("error: "), said
    assert "\n" not in said
    assert reason in said
    assert memory < max(MEMORY, 4 * len(content))


def test_json_bomb(tmp_path: Path) -> None:
    """74 kB of ZIP held 63 MB of `[],[],…`, of which Python's parser made 1.5 GB of lists."""
    bomb = '{"a":[' + "[]," * (20 << 20) + "[]]}"
    flatbuffer, documents = members(GOOD)
    content = rebuilt(flatbuffer, documents | {"golden.json": bomb})
    assert len(content) < 80_000
    assert_refused(content, tmp_path, "golden.json has 62914570 bytes")
    small = rebuilt(flatbuffer, documents | {"golden.json": '{"a":[' + "[]," * 100_000 + "[]]}"})
    assert_refused(small, tmp_path, "golden.json holds more than any model of this size needs")


def test_zip_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    """A gigabyte of spaces in a member whose headers say a hundred bytes."""
    flatbuffer, documents = members(GOOD)
    honest = rebuilt(flatbuffer, documents | {"golden.json": " " * (1 << 30)})
    lying = bytearray(honest)
    for magic, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = lying.rfind(magic)
        struct.pack_into("<I", lying, at + place, 100)
    del honest
    assert_refused(bytes(lying), tmp_path, "golden.json is not packed as its headers say")


def test_members_that_share_their_bytes(tmp_path: Path) -> None:
    """Four members whose packed bytes are the same hundred kilobytes, quoted four times."""
    content = bytearray(GOOD)
    at = [i for i in range(len(content)) if content.startswith(b"PK\1\2", i)]
    (first,) = struct.unpack_from("<I", content, at[0] + 42)
    struct.pack_into("<I", content, at[1] + 42, first)
    assert_refused(bytes(content), tmp_path, "not where the ZIP directory says")


def test_weights_that_are_no_numbers_and_a_proof_that_tolerates_them(tmp_path: Path) -> None:
    """NaN weights with `tolerances: [Infinity]` passed the service's proof and ended it later."""
    flatbuffer, documents = members(GOOD)
    graph = bytearray(flatbuffer)
    place = documents["manifest.json"]["arrays"]["output/bias"]["offset"]
    struct.pack_into("<f", graph, place, float("nan"))
    count = len(documents["golden.json"]["tolerances"])
    documents["golden.json"]["tolerances"] = [float("inf")] * count
    assert_refused(resealed(bytes(graph), documents), tmp_path, "Infinity is no number")
    documents["golden.json"]["tolerances"] = [1e300] * count
    assert_refused(resealed(flatbuffer, documents), tmp_path, "tolerates another number")
    documents["golden.json"]["tolerances"] = [0.5] * count
    assert_refused(resealed(bytes(graph), documents), tmp_path, "a weight is not a finite number")


def test_tokens_that_are_half_a_surrogate_pair(tmp_path: Path) -> None:
    """They could be generated, and then neither printed, written, sent nor packed."""

    def change(documents: dict[str, Any]) -> None:
        documents["vocab.json"] = {
            token + "\ud83d": number for token, number in documents["vocab.json"].items()
        }

    assert_refused(changed(GOOD, change), tmp_path, "half of a surrogate pair")


def test_a_window_that_takes_minutes(tmp_path: Path) -> None:
    """A network of five units and a window of 10,000 tokens: 19 s in NumPy for the proof alone."""

    def change(documents: dict[str, Any], length: int) -> None:
        documents["config.json"]["max_length"] = length
        rows = documents["golden.json"]["windows"]
        documents["golden.json"]["windows"] = [([0] * length + row)[-length:] for row in rows]

    assert_refused(changed(GOOD, lambda d: change(d, 10_000)), tmp_path, "not 1 to 2000")
    # What textgenrnn could have trained is read: a long window of a small network.
    long = packed_model(small_network(), max_length=2000)
    code, said, memory = generate(long, tmp_path, "--backend", "numpy")
    assert code == 0, said
    assert memory < MEMORY


def test_layers_that_no_file_of_this_size_holds(tmp_path: Path) -> None:
    def change(documents: dict[str, Any]) -> None:
        documents["config.json"].update(rnn_size=100_000, max_length=2000)

    assert_refused(changed(GOOD, change), tmp_path, "billion multiply-adds")


def test_escape_sequences_reach_no_terminal(tmp_path: Path) -> None:
    """Whatever a file holds is shown with its control characters escaped."""

    def change(documents: dict[str, Any]) -> None:
        documents["manifest.json"]["format_version"] = "\x1b]0;owned\x07\x1b[2J"

    code, said, _ = generate(changed(GOOD, change), tmp_path)
    assert code == 1
    assert said.isprintable()
    name = tmp_path / "a\x1b[31m\nb.tflite"
    name.write_bytes(b"")
    with pytest.raises(Error) as caught:
        TextGenerator.load(name)
    assert str(caught.value).isprintable()


@needs_interpreter
def test_an_endless_graph(converted: Converter, tmp_path: Path) -> None:
    """A loop that adds 0 to its counter: the interpreter never came back."""
    both_ways = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH).read_bytes()
    forged = graphs.endless(both_ways)
    reason = "does not come to an end in the TFLite interpreter"
    assert_refused(forged, tmp_path, reason, "--backend", "tflite")
    code, said, _ = generate(forged, tmp_path, "--backend", "numpy")
    assert code == 0, said


@needs_interpreter
def test_bytes_that_crash_the_interpreter(real: bytes, tmp_path: Path) -> None:
    """Of single-byte changes to a graph 15 % crashed the process, or the service that took them.

    Most are seen by the structural check, some crash the trial, some change nothing; none ends the
    process that loads them.
    """
    flatbuffer, documents = members(real)
    for at in range(20, 400, 9):
        graph = bytearray(flatbuffer)
        graph[-at] ^= 0x41
        path = tmp_path / "m.tflite"
        path.write_bytes(resealed(bytes(graph), documents))
        try:
            TextGenerator.load(path).generate(max_gen_length=5, seed=1)
        except Error as error:
            assert "\n" not in str(error)


@needs_interpreter
def test_a_file_that_is_changed_after_it_was_checked(real: bytes, tmp_path: Path) -> None:
    """The interpreter used to open the path again: what it got was never checked."""
    path = tmp_path / "m.tflite"
    path.write_bytes(real)
    expected = TextGenerator.load(path).generate(max_gen_length=50, seed=1)
    generator = TextGenerator.load(path)
    with path.open("r+b") as file:  # in place, as `cp` does it
        file.write(b"\xff" * (len(real) // 2))
    assert generator.generate(max_gen_length=50, seed=1) == expected
    # More threads make more interpreters, which are made of the same bytes.
    assert list(generator.texts(3, max_gen_length=50, seed=1))[:1] == expected


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_a_file_that_is_cut_off_while_it_is_in_use(
    backend: str, real: bytes, tmp_path: Path
) -> None:
    """A mapped file that becomes shorter ends the process with SIGBUS at the next look into it."""
    path = tmp_path / "m.tflite"
    path.write_bytes(real)
    generator = TextGenerator.load(path, backend)
    expected = generator.generate(max_gen_length=50, seed=1)
    os.truncate(path, 10)
    assert generator.generate(max_gen_length=50, seed=1) == expected


def test_a_pipe_without_a_writer(tmp_path: Path) -> None:
    """Opening it waits for ever."""
    os.mkfifo(tmp_path / "m.tflite")
    with pytest.raises(Error, match="not a regular file"):
        TextGenerator.load(tmp_path / "m.tflite")
