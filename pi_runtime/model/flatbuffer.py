"""Is a FlatBuffer a TFLite graph such as rnn-convert writes? Read bounds-checked, before it is run.

Source: TensorFlow Lite's schema.fbs, version 3, and the FlatBuffers binary format. A table begins
with the distance back to its vtable, which gives each field's place in the table; vectors begin
with their count. An interpreter follows these offsets largely on trust. This check is no proof that
it survives the file – `pi_runtime.backends.proof` is – but it keeps out all that our graphs never
have: custom operators, control flow, several subgraphs, variables, data outside of the file.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

OPERATORS = {
    0: "ADD",
    2: "CONCATENATION",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    18: "MUL",
    22: "RESHAPE",
    25: "SOFTMAX",
    28: "TANH",
    36: "GATHER",
    39: "TRANSPOSE",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    47: "EXP",
    49: "SPLIT",
    53: "CAST",
    55: "MAXIMUM",
    58: "LESS",
    65: "SLICE",
    70: "EXPAND_DIMS",
    74: "SUM",
    77: "SHAPE",
    82: "REDUCE_MAX",
    83: "PACK",
    88: "UNPACK",
    93: "ZEROS_LIKE",
    94: "FILL",
    102: "SPLIT_V",
    105: "REVERSE_V2",
    114: "QUANTIZE",
    119: "WHILE",
    126: "BATCH_MATMUL",
}
"""The builtin operators that the graphs of TensorFlow's converters since 2.15 consist of, by the
schema's number. All but WHILE compute their outputs from their inputs and nothing else."""

WHILE = 119
WHILE_OPTIONS = 93
"""The number of its options among the schema's BuiltinOptions."""

SIZES = {0: 4, 2: 4, 4: 8, 6: 1, 9: 1}
"""Bytes of a value by tensor type: float32, int32, int64, bool, int8."""

MAX_GRAPHS = 201
"""The network, and a loop's condition and body for each of a hundred layers."""
MAX_PARTS = 100_000
"""Upper bound on the tensors, operators, codes or buffers of a graph."""
MAX_ELEMENTS = 1 << 28
MAX_RANK = 6


class _Table(NamedTuple):
    reader: Reader
    at: int
    vtable: int
    fields: int
    size: int
    """Of the table itself, in bytes."""

    def place(self, field: int, width: int = 4) -> int | None:
        """Return where a field of so many bytes lies, or None if the table leaves it out."""
        if field >= self.fields:
            return None
        offset = self.reader.number("<H", self.vtable + 4 + 2 * field)
        if not offset:
            return None
        if offset < 4 or offset + width > self.size:
            raise ValueError("its graph has a field outside of its table")
        return self.at + offset

    def number(self, field: int, form: str, default: int = 0) -> int:
        """Return a scalar."""
        place = self.place(field, struct.calcsize(form))
        return default if place is None else self.reader.number(form, place)

    def follow(self, field: int) -> int | None:
        """Return where what a field refers to lies, or None if it is left out."""
        place = self.place(field)
        return None if place is None else self.reader.follow(place)

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return where a vector's elements begin, and how many there are."""
        start = self.follow(field)
        return (0, 0) if start is None else self.reader.vector(start, width)

    def numbers(self, field: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        start, count = self.vector(field, 4)
        return struct.unpack_from(f"<{count}i", self.reader.data, start) if count else ()

    def tables(self, field: int) -> list[_Table]:
        """Return a vector of tables."""
        start, count = self.vector(field, 4)
        if count > MAX_PARTS:
            raise ValueError("its graph has too many parts")
        return [self.reader.table(self.reader.follow(start + 4 * i)) for i in range(count)]

    def has(self, *fields: int) -> bool:
        """Return whether one of the fields is there."""
        return any(self.place(field, 1) is not None for field in fields)


class Reader:
    """Reads tables out of a FlatBuffer; whatever lies outside is a ValueError."""

    def __init__(self, data: memoryview) -> None:
        self.data = data

    def number(self, form: str, at: int) -> int:
        """Return the number at a place."""
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise ValueError("its graph reaches beyond the FlatBuffer")
        value: int = struct.unpack_from(form, self.data, at)[0]
        return value

    def follow(self, at: int) -> int:
        """Return the place that the reference at a place means."""
        if at % 4:
            raise ValueError("its graph is not aligned")
        return at + self.number("<I", at)

    def vector(self, at: int, width: int) -> tuple[int, int]:
        """Return where the elements of the vector at a place begin, and their count."""
        count = self.number("<I", at)
        if at % 4 or at + 4 + count * width > len(self.data):
            raise ValueError("its graph reaches beyond the FlatBuffer")
        return at + 4, count

    def table(self, at: int) -> _Table:
        """Return the table at a place."""
        vtable = at - self.number("<i", at)
        length, size = self.number("<H", vtable), self.number("<H", vtable + 2)
        if at % 4 or vtable % 2 or length < 4 or length % 2 or size < 4:
            raise ValueError("its graph has a malformed table")
        if vtable + length > len(self.data) or at + size > len(self.data):
            raise ValueError("its graph reaches beyond the FlatBuffer")
        return _Table(self, at, vtable, (length - 4) // 2, size)


def check_graph(data: memoryview) -> None:
    """Check that a FlatBuffer is a graph of the kind that rnn-convert writes.

    Raises:
        ValueError: it is not.
    """
    reader = Reader(data)
    if bytes(data[4:8]) != b"TFL3":
        raise ValueError("its FlatBuffer is no TFLite graph")
    model = reader.table(reader.follow(0))
    if model.number(0, "<I") != 3:
        raise ValueError("its graph is not of version 3")
    codes = [_operator(code) for code in model.tables(1)]
    buffers = [_buffer(buffer) for buffer in model.tables(4)]
    graphs = model.tables(2)
    if not 0 < len(graphs) <= MAX_GRAPHS:
        raise ValueError(f"it has {len(graphs)} graphs, not 1 to {MAX_GRAPHS}")
    for number, graph in enumerate(graphs):
        _check_order(graph, codes, buffers, range(number + 1, len(graphs)))


def _check_order(graph: _Table, codes: list[int], buffers: list[int], later: range) -> None:
    """Check that each operator reads what is there before it, and that each tensor is made once.

    `later` are the numbers of the graphs that it may run as loops: none runs itself.
    """
    tensors = graph.tables(0)
    for tensor in tensors:
        _check_tensor(tensor, buffers)
    made = set(graph.numbers(1))
    made |= {i for i, tensor in enumerate(tensors) if buffers[tensor.number(2, "<I")]}
    for operator in graph.tables(3):
        inputs, outputs = operator.numbers(1), operator.numbers(2)
        code = operator.number(0, "<I")
        # No custom options, variables, scratch tensors, or options outside of the table.
        if code >= len(codes) or operator.has(5, 7, 8, 9, 10):
            raise ValueError("its graph has a malformed operator")
        if codes[code] == WHILE:
            _check_loop(operator, later)
        # -1 stands for an input left out.
        if not set(inputs) <= made | {-1} or made.intersection(outputs):
            raise ValueError("its graph is not in order")
        made.update(outputs)
    known = range(len(tensors))
    if not all(index in known for index in made) or not set(graph.numbers(2)) <= made:
        raise ValueError("its graph names a tensor that is not there")


def _check_loop(operator: _Table, later: range) -> None:
    place = operator.follow(4)
    if place is None or operator.number(3, "<B") != WHILE_OPTIONS:
        raise ValueError("its graph has a malformed loop")
    options = operator.reader.table(place)
    if options.number(0, "<i") not in later or options.number(1, "<i") not in later:
        raise ValueError("its graph has a malformed loop")


def _operator(code: _Table) -> int:
    number = max(code.number(0, "<b"), code.number(3, "<i"))
    if number not in OPERATORS or code.has(1):
        raise ValueError(f"its graph has the operator {number}, which no model needs")
    return number


def _buffer(buffer: _Table) -> int:
    """Return a buffer's size."""
    if buffer.has(1, 2):
        raise ValueError("its graph refers to data outside of itself")
    _, size = buffer.vector(0, 1)
    return size


def _check_tensor(tensor: _Table, buffers: list[int]) -> None:
    shape, kind, buffer = tensor.numbers(0), tensor.number(1, "<b"), tensor.number(2, "<I")
    if len(shape) > MAX_RANK or any(n < 0 for n in shape) or kind not in SIZES:
        raise ValueError("its graph has a tensor of a kind that no model needs")
    if buffer >= len(buffers) or tensor.number(5, "<b") or tensor.has(6, 9):
        raise ValueError("its graph has a tensor of a kind that no model needs")
    elements = math.prod(shape)
    if elements > MAX_ELEMENTS:
        raise ValueError("its graph has a tensor that is too large")
    if buffers[buffer] and buffers[buffer] != elements * SIZES[kind]:
        raise ValueError("its graph has a constant that is not as large as its shape")
