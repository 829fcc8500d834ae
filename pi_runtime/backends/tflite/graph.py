"""Writes a TFLite graph: operators in order, from inputs and constants to outputs, and no loops.

Source: TensorFlow Lite's schema.fbs, version 3, and the FlatBuffers binary format. Here a table
begins with the distance to its vtable, all of its fields take four bytes, and what it refers to
lies behind it: so everything is appended, and a reference is filled in when its end is reached.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.in_flight import Float32
from pi_runtime.model.flatbuffer import OPERATORS

Shape = tuple[int, ...]

FLOAT32 = 0
KINDS = {"float32": FLOAT32, "int32": 2, "int8": 9}
"""Tensor types by NumPy's names."""

NUMBERS = {operator.name: number for number, operator in OPERATORS.items()}

ALIGNMENT = 16
"""Of constants, in bytes."""

QUANTIZED_PRODUCT = 12
"""The version of FULLY_CONNECTED that knows a scale for each row of its weights."""


class _Tensor(NamedTuple):
    shape: Shape
    kind: int
    buffer: int
    scale: Float32 | None
    """Of each row, for int8."""


class _Operator(NamedTuple):
    code: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    kind: int
    """The number of its options among the schema's BuiltinOptions, or 0."""
    options: Sequence[int]


class Graph:
    """Tensors are numbered as they are made; each method returns the new one's number."""

    def __init__(self) -> None:
        self._tensors: list[_Tensor] = []
        self._operators: list[_Operator] = []
        self._codes: dict[tuple[str, int], int] = {}
        self._buffers: list[npt.NDArray[Any] | None] = [None]  # the first is empty by definition
        self._numbers: dict[tuple[int, ...], int] = {}

    def shape(self, tensor: int) -> Shape:
        """Return a tensor's shape."""
        return self._tensors[tensor].shape

    def input(self, shape: Shape, kind: str) -> int:
        """Add a tensor that the caller fills."""
        return self._tensor(shape, KINDS[kind])

    def constant(self, array: npt.NDArray[Any], scale: Float32 | None = None) -> int:
        """Add a constant; for an int8 one with the `scale` of each row."""
        self._buffers.append(np.ascontiguousarray(array))
        return self._tensor(array.shape, KINDS[array.dtype.name], len(self._buffers) - 1, scale)

    def numbers(self, *numbers: int) -> int:
        """Return the constant that holds these numbers, such as an operator's axes."""
        if numbers not in self._numbers:
            self._numbers[numbers] = self.constant(np.array(numbers, np.int32))
        return self._numbers[numbers]

    def apply(self, name: str, inputs: Sequence[int], shape: Shape, *options: int) -> int:
        """Add an operator with one output."""
        return self._apply(name, 1, inputs, [shape], options)[0]

    def each(self, name: str, *tensors: int) -> int:
        """Add an operator that computes each value by itself, from tensors of like shape."""
        shapes = [self._tensors[tensor].shape for tensor in tensors]
        shape = shapes[0] if shapes[0] == shapes[-1] else np.broadcast_shapes(*shapes)
        return self._apply(name, 1, tensors, [shape], ())[0]

    def product(self, tensor: int, weights: int, bias: int | None = None) -> int:
        """Add the product of a tensor's last axis and weights [outputs, inputs]."""
        matrix = self._tensors[weights]
        version = 1 if matrix.scale is None else QUANTIZED_PRODUCT
        inputs = (tensor, weights, -1 if bias is None else bias)
        shape = (*self._tensors[tensor].shape[:-1], matrix.shape[0])
        # No activation, weights as they are, all axes kept.
        return self._apply("FULLY_CONNECTED", version, inputs, [shape], (0, 0, 1))[0]

    def slice(self, tensor: int, begin: Shape, shape: Shape) -> int:
        """Add a tensor's part from a place on."""
        return self.apply("SLICE", (tensor, self.numbers(*begin), self.numbers(*shape)), shape)

    def split(self, tensor: int, parts: int) -> list[int]:
        """Add a tensor's equal parts along the last axis."""
        *outer, width = self._tensors[tensor].shape
        axis = self.numbers(len(outer))
        shapes = [(*outer, width // parts)] * parts
        return self._apply("SPLIT", 1, (axis, tensor), shapes, (parts,))

    def concatenate(self, tensors: Sequence[int], axis: int) -> int:
        """Add the tensors behind each other."""
        shape = list(self._tensors[tensors[0]].shape)
        shape[axis] = sum(self._tensors[tensor].shape[axis] for tensor in tensors)
        return self.apply("CONCATENATION", tensors, tuple(shape), axis)

    def _tensor(
        self, shape: Shape, kind: int, buffer: int = 0, scale: Float32 | None = None
    ) -> int:
        self._tensors.append(_Tensor(shape, kind, buffer, scale))
        return len(self._tensors) - 1

    def _apply(
        self,
        name: str,
        version: int,
        inputs: Sequence[int],
        shapes: Sequence[Shape],
        options: Sequence[int],
    ) -> list[int]:
        outputs = [self._tensor(shape, FLOAT32) for shape in shapes]
        code = self._codes.setdefault((name, version), len(self._codes))
        kind = OPERATORS[NUMBERS[name]].options
        self._operators.append(_Operator(code, inputs, outputs, kind, options))
        return outputs

    def to_bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the FlatBuffer of the graph."""
        file = _Writer(b"\0\0\0\0TFL3")
        codes, graphs, buffers = file.table(0, 3, 0, 0, None, 0)[1:]
        for place, (name, version) in zip(
            file.tables(codes, len(self._codes)), self._codes, strict=True
        ):
            number = NUMBERS[name]
            file.table(place, min(number, 127), None, version, number)
        (graph,) = file.tables(graphs, 1)
        tensors, read, written, operators = file.table(graph, 0, 0, 0, 0)
        file.numbers(read, inputs)
        file.numbers(written, outputs)
        for place, tensor in zip(
            file.tables(tensors, len(self._tensors)), self._tensors, strict=True
        ):
            _write_tensor(file, place, tensor)
        for place, operator in zip(
            file.tables(operators, len(self._operators)), self._operators, strict=True
        ):
            _write_operator(file, place, operator)
        for place, buffer in zip(
            file.tables(buffers, len(self._buffers)), self._buffers, strict=True
        ):
            if buffer is None:
                file.table(place)
            else:
                (data,) = file.table(place, 0)
                file.vector(data, buffer.nbytes, buffer.data.cast("B"), ALIGNMENT)
        return bytes(file)


def _write_tensor(file: _Writer, place: int, tensor: _Tensor) -> None:
    fields = (0, tensor.kind, tensor.buffer)
    if tensor.scale is None:
        shape, *_ = file.table(place, *fields)
    else:
        shape, *_, quantization = file.table(place, *fields, None, 0)
        scales, zeros = file.table(quantization, None, None, 0, 0)
        rows = len(tensor.scale)
        file.vector(scales, rows, tensor.scale.tobytes())
        file.vector(zeros, rows, bytes(8 * rows), 8)
    file.numbers(shape, tensor.shape)


def _write_operator(file: _Writer, place: int, operator: _Operator) -> None:
    fields = (operator.code, 0, 0)
    if operator.kind:
        _, inputs, outputs, _, options = file.table(place, *fields, operator.kind, 0)
        file.table(options, *operator.options)
    else:
        _, inputs, outputs = file.table(place, *fields)
    file.numbers(inputs, operator.inputs)
    file.numbers(outputs, operator.outputs)


class _Writer(bytearray):
    """A FlatBuffer so far. `place` is where the reference to what is appended lies."""

    def __init__(self, begin: bytes) -> None:
        super().__init__(begin)
        self._vtables: dict[tuple[bool, ...], int] = {}

    def table(self, place: int, *fields: int | None) -> list[int]:
        """Append a table, some fields of which are left out; return where the others lie."""
        present = tuple(field is not None for field in fields)
        vtable = self._vtables.get(present)
        if vtable is None:
            vtable = self._vtables[present] = self._vtable(present)
        kept = [field for field in fields if field is not None]
        at = len(self)
        self._refer(place)
        self += struct.pack(f"<{1 + len(kept)}i", at - vtable, *kept)
        return list(range(at + 4, len(self), 4))

    def _vtable(self, present: Sequence[bool]) -> int:
        at = len(self)
        offsets = np.cumsum(present) * 4 * np.array(present)
        size = 4 + 4 * sum(present)
        self.extend(struct.pack(f"<{2 + len(present)}H", 4 + 2 * len(present), size, *offsets))
        self._align(4)
        return at

    def tables(self, place: int, count: int) -> range:
        """Append a vector of tables; return where the references to them lie."""
        self.vector(place, count, bytes(4 * count))
        return range(len(self) - 4 * count, len(self), 4)

    def numbers(self, place: int, numbers: Sequence[int]) -> None:
        """Append a vector of int32."""
        self.vector(place, len(numbers), struct.pack(f"<{len(numbers)}i", *numbers))

    def vector(self, place: int, count: int, data: bytes | memoryview, alignment: int = 4) -> None:
        """Append a vector of so many values, which are given as bytes."""
        self.extend(bytes(-(len(self) + 4) % alignment))
        self._refer(place)
        self += struct.pack("<I", count)
        self += data
        self._align(4)

    def _refer(self, place: int) -> None:
        struct.pack_into("<I", self, place, len(self) - place)

    def _align(self, alignment: int) -> None:
        self.extend(bytes(-len(self) % alignment))
