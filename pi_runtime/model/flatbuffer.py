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


class _Operator(NamedTuple):
    """What an operator reads and writes, and which options it may have."""

    name: str
    inputs: tuple[int, ...]
    """How many it may have; () for any number."""
    options: int
    """The number of its options among the schema's BuiltinOptions. They may be left out."""
    outputs: tuple[int, ...] = (1,)


OPERATORS = {
    0: _Operator("ADD", (2,), 11),
    2: _Operator("CONCATENATION", (), 10),
    6: _Operator("DEQUANTIZE", (1,), 38),
    9: _Operator("FULLY_CONNECTED", (2, 3), 8),
    14: _Operator("LOGISTIC", (1,), 0),
    18: _Operator("MUL", (2,), 21),
    22: _Operator("RESHAPE", (2,), 17),
    25: _Operator("SOFTMAX", (1,), 9),
    28: _Operator("TANH", (1,), 0),
    36: _Operator("GATHER", (2,), 23),
    39: _Operator("TRANSPOSE", (2,), 26),
    41: _Operator("SUB", (2,), 28),
    42: _Operator("DIV", (2,), 29),
    45: _Operator("STRIDED_SLICE", (4,), 32),
    47: _Operator("EXP", (1,), 33),
    49: _Operator("SPLIT", (2,), 35, ()),
    55: _Operator("MAXIMUM", (2,), 39),
    58: _Operator("LESS", (2,), 41),
    65: _Operator("SLICE", (3,), 48),
    70: _Operator("EXPAND_DIMS", (2,), 52),
    74: _Operator("SUM", (2,), 27),
    77: _Operator("SHAPE", (1,), 55),
    82: _Operator("REDUCE_MAX", (2,), 27),
    83: _Operator("PACK", (), 59),
    88: _Operator("UNPACK", (1,), 64, ()),
    93: _Operator("ZEROS_LIKE", (1,), 67),
    94: _Operator("FILL", (2,), 68),
    105: _Operator("REVERSE_V2", (2,), 81),
    119: _Operator("WHILE", (), 93, ()),
    126: _Operator("BATCH_MATMUL", (2,), 101),
}
"""The builtin operators that the graphs of TensorFlow's converters since 2.15 consist of, by the
schema's number. All but WHILE compute their outputs from their inputs and nothing else."""

WHILE = 119
RESHAPE = 22
INT8 = 9

SIZES = {0: 4, 2: 4, 4: 8, 6: 1, 9: 1}
"""Bytes of a value by tensor type: float32, int32, int64, bool, int8."""

ALIGNMENT = 4
"""Of constants, in bytes."""

MAX_GRAPHS = 401
"""The network, and a loop's condition and body for each direction of a hundred layers."""
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

    def check_text(self, field: int) -> None:
        """Check that a string, which an interpreter reads up to a zero byte, ends in one."""
        start, count = self.vector(field, 1)
        if start and self.reader.number("<B", start + count):
            raise ValueError("its graph has a name without an end")

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


def check_graph(data: memoryview, *, loops: bool) -> None:
    """Check that a FlatBuffer is a graph of the kind that rnn-convert writes.

    `loops` says whether it is one with loops, as bidirectional networks are.

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
    model.check_text(3)
    for entry in model.tables(6):
        entry.check_text(0)
        if entry.number(1, "<I") >= len(buffers):
            raise ValueError("its graph has metadata outside of it")
    if model.tables(7):
        raise ValueError("its graph has signatures, which no model needs")
    graphs = model.tables(2)
    most = MAX_GRAPHS if loops else 1
    if not 0 < len(graphs) <= most:
        raise ValueError(f"it has {len(graphs)} graphs, not 1 to {most}")
    for number, graph in enumerate(graphs):
        _check_order(graph, codes, buffers, range(number + 1, len(graphs)))


def _check_order(graph: _Table, codes: list[int], buffers: list[int], later: range) -> None:
    """Check that each operator reads what is there before it, and that each tensor is made once.

    `later` are the numbers of the graphs that it may run as loops: none runs itself.
    """
    graph.check_text(4)
    tensors = graph.tables(0)
    for tensor in tensors:
        _check_tensor(tensor, buffers)
    made = set(graph.numbers(1))
    made |= {i for i, tensor in enumerate(tensors) if buffers[tensor.number(2, "<I")]}
    for operator in graph.tables(3):
        inputs, outputs = operator.numbers(1), operator.numbers(2)
        code = operator.number(0, "<I")
        # No custom options, variables, scratch tensors, or options outside of the table.
        if code >= len(codes) or operator.has(5, 7, 8, 9, 10, 11, 12):
            raise ValueError("its graph has a malformed operator")
        _check_operator(operator, codes[code], len(inputs), len(outputs))
        if codes[code] == WHILE:
            _check_loop(operator, later)
        # -1 stands for an input left out.
        if not set(inputs) <= made | {-1} or made.intersection(outputs):
            raise ValueError("its graph is not in order")
        made.update(outputs)
    known = range(len(tensors))
    if not all(index in known for index in made) or not set(graph.numbers(2)) <= made:
        raise ValueError("its graph names a tensor that is not there")


def _check_operator(operator: _Table, code: int, inputs: int, outputs: int) -> None:
    known, kind, options = OPERATORS[code], operator.number(3, "<B"), operator.follow(4)
    if inputs not in (known.inputs or (inputs,)) or outputs not in (known.outputs or (outputs,)):
        raise ValueError(f"its graph has a {known.name} of other inputs or outputs")
    if kind not in (0, known.options) or bool(kind) != (options is not None):
        raise ValueError(f"its graph has a {known.name} with the options of another operator")
    if options is not None:
        table = operator.reader.table(options)
        if code == RESHAPE and len(table.numbers(0)) > MAX_RANK:
            raise ValueError("its graph has a malformed shape")


def _check_loop(operator: _Table, later: range) -> None:
    place = operator.follow(4)
    if place is None:
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
    start, size = buffer.vector(0, 1)
    if size and start % ALIGNMENT:
        raise ValueError("its graph has a constant that is not aligned")
    return size


def _check_tensor(tensor: _Table, buffers: list[int]) -> None:
    shape, kind, buffer = tensor.numbers(0), tensor.number(1, "<b"), tensor.number(2, "<I")
    if len(shape) > MAX_RANK or any(n < 0 for n in shape) or kind not in SIZES:
        raise ValueError("its graph has a tensor of a kind that no model needs")
    if buffer >= len(buffers) or tensor.number(5, "<b") or tensor.has(6, 9):
        raise ValueError("its graph has a tensor of a kind that no model needs")
    tensor.check_text(3)
    signature = tensor.numbers(7)
    if signature and (
        len(signature) != len(shape)
        or any(n not in (-1, size) for n, size in zip(signature, shape, strict=True))
    ):
        raise ValueError("its graph has a tensor of two shapes")
    _check_quantization(tensor, shape, kind)
    elements = math.prod(shape)
    if elements > MAX_ELEMENTS:
        raise ValueError("its graph has a tensor that is too large")
    if buffers[buffer] and buffers[buffer] != elements * SIZES[kind]:
        raise ValueError("its graph has a constant that is not as large as its shape")


def _check_quantization(tensor: _Table, shape: tuple[int, ...], kind: int) -> None:
    place = tensor.follow(4)
    if place is None:
        return
    table = tensor.reader.table(place)
    _, scales = table.vector(2, 4)
    _, zeros = table.vector(3, 8)
    axis = table.number(6, "<i")
    if table.has(0, 1, 4, 5) or scales != zeros or (scales and kind != INT8):
        raise ValueError("its graph has a tensor that is quantized in no way we know")
    if scales > 1 and not (0 <= axis < len(shape) and shape[axis] == scales):
        raise ValueError("its graph has a tensor with scales for other rows")
