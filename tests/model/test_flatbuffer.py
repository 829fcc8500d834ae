"""What a graph may be, before an interpreter sees it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from pi_runtime.model.file import ModelFile
from pi_runtime.model.flatbuffer import Reader, check_graph
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members
from tests.helpers.networks import LENGTH, NETWORKS


@pytest.fixture(scope="module", params=["forward", "forward-deep", "both-ways", "both-ways-deep"])
def graph(request: pytest.FixtureRequest, converted: Converter) -> bytes:
    """Return the FlatBuffer of a real model."""
    path = converted.small(f"small-{request.param}", NETWORKS[request.param], LENGTH)
    return members(path.read_bytes())[0]


def test_what_the_converter_writes_is_fine(graph: bytes) -> None:
    check_graph(memoryview(graph), loops=True)


def test_only_bidirectional_networks_have_loops(converted: Converter) -> None:
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    with pytest.raises(ValueError, match="graphs, not 1 to 1"):
        check_graph(ModelFile(path).flatbuffer, loops=False)


def test_each_direction_has_a_loop_of_its_own(converted: Converter) -> None:
    """So that a small cache holds what it reads in each step: the weights of one direction."""
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    reader = Reader(ModelFile(path).flatbuffer)
    graphs = reader.table(reader.follow(0)).tables(2)
    directions = 2 * len(NETWORKS["both-ways"].layers)
    assert len(graphs) == 1 + 2 * directions  # a condition and a body each


def test_an_int8_graph_is_fine(converted: Converter) -> None:
    network = NETWORKS["forward"]
    path = converted.small("small-forward-int8", network, LENGTH, "--quantize", "int8")
    check_graph(ModelFile(path).flatbuffer, loops=False)


def test_whatever_is_cut_off_is_one_error(graph: bytes) -> None:
    for length in (0, 3, 4, 8, 100, len(graph) // 2, len(graph) - 100):
        with pytest.raises(ValueError, match="its"):
            check_graph(memoryview(graph)[:length], loops=True)


def test_whatever_is_changed_is_one_error_or_harmless(graph: bytes) -> None:
    rng = random.Random(1)
    refused = 0
    for _ in range(300):
        changed = bytearray(graph)
        at = rng.randrange(len(graph) // 4) * 4
        struct.pack_into("<I", changed, at, rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, at)))
        try:
            check_graph(memoryview(changed), loops=True)
        except ValueError as error:
            refused += 1
            assert str(error).startswith("it")
    assert refused


def places(graph: bytes) -> Iterator[tuple[str, int, str, int]]:
    """Yield changes that must be refused: why, where, and a number in a format."""
    reader = Reader(memoryview(graph))
    model = reader.table(reader.follow(0))
    version = model.place(0)
    assert version is not None
    yield "not of version 3", version, "<I", 4
    main = model.tables(2)[0]
    tensor = main.tables(0)[0]
    shape, _ = tensor.vector(0, 4)
    yield "two shapes|as large as its shape|no model needs", shape, "<i", -7
    number = tensor.place(2)
    assert number is not None
    yield "no model needs", number, "<I", 1 << 20
    first = main.tables(3)[0]
    inputs, _ = first.vector(1, 4)
    yield "not in order", inputs, "<i", 1 << 20
    yield "not in order", inputs, "<i", main.numbers(2)[0]
    outputs, _ = first.vector(2, 4)
    yield "not in order|not there", outputs, "<i", 1 << 20
    yield "not in order", outputs, "<i", main.numbers(1)[0]


def test_changes_of_single_numbers(graph: bytes) -> None:
    for reason, at, form, number in places(graph):
        changed = bytearray(graph)
        struct.pack_into(form, changed, at, number)
        with pytest.raises(ValueError, match=reason):
            check_graph(memoryview(changed), loops=True)
