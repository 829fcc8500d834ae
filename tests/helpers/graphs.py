"""Graphs changed where a forger would change them, so that the file's other checks still pass."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from pi_runtime.model.flatbuffer import Reader
from tests.helpers.model_files import members, resealed

WHILE, SOFTMAX = 119, 25


def endless(content: bytes) -> bytes:
    """Return a bidirectional model whose loops add 0 to their step, and not 1."""
    flatbuffer, documents = members(content)
    graph = bytearray(flatbuffer)
    model = _model(flatbuffer)
    buffers, graphs = model.tables(4), model.tables(2)
    for options in _options(model, WHILE):
        for tensor in graphs[options.number(1, "<i")].tables(0):
            start, size = buffers[tensor.number(2, "<I")].vector(0, 1)
            if size == 4 and graph[start : start + 4] == b"\1\0\0\0":
                struct.pack_into("<i", graph, start, 0)
    return resealed(bytes(graph), documents)


def flattened(content: bytes) -> bytes:
    """Return a model whose graph computes another softmax than its arrays are meant for."""
    flatbuffer, documents = members(content)
    graph = bytearray(flatbuffer)
    for options in _options(_model(flatbuffer), SOFTMAX):
        place = options.place(0)
        assert place is not None
        struct.pack_into("<f", graph, place, 0.25)  # beta, which is 1
    return resealed(bytes(graph), documents)


def with_operator(content: bytes, number: int) -> bytes:
    """Return a model whose first operator is another one."""
    flatbuffer, documents = members(content)
    graph = bytearray(flatbuffer)
    code = _model(flatbuffer).tables(1)[0]
    for field, form in ((0, "<b"), (3, "<i")):
        if (place := code.place(field, struct.calcsize(form))) is not None:
            struct.pack_into(form, graph, place, number)
    return resealed(bytes(graph), documents)


def _model(flatbuffer: bytes) -> Any:
    reader = Reader(memoryview(flatbuffer))
    return reader.table(reader.follow(0))


def _options(model: Any, number: int) -> Iterator[Any]:
    """Yield the options of every operator of a kind."""
    codes = [max(c.number(0, "<b"), c.number(3, "<i")) for c in model.tables(1)]
    for graph in model.tables(2):
        for operator in graph.tables(3):
            if codes[operator.number(0, "<I")] == number:
                yield operator.reader.table(operator.follow(4))
