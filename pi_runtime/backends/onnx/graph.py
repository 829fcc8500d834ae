"""Graphs as the bytes that ONNX Runtime reads: a writer for the few messages of ONNX it takes.

Sources: protobuf's encoding (protobuf.dev/programming-guides/encoding) for the bytes, ONNX's
onnx.proto for the numbers of the fields. The `onnx` package, which writes them too, is as large as
the runtime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IR_VERSION, OPSET = 8, 17
"""Of 2022: what every ONNX Runtime since 1.12 reads. Debian 13 has 1.21."""

DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int32): 6, np.dtype(np.int64): 7}
"""TensorProto.DataType."""

Shape = tuple[int | str, ...]
"""Sizes; those that vary have a name instead."""


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _message(field: int, content: bytes | str) -> bytes:
    encoded = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(encoded)) + encoded


def _attribute(name: str, value: int | str | list[int]) -> bytes:
    if isinstance(value, int):
        typed = _number(3, value) + _number(20, 2)
    elif isinstance(value, str):
        typed = _message(4, value) + _number(20, 3)
    else:
        typed = b"".join(_number(8, each) for each in value) + _number(20, 7)
    return _message(1, name) + typed


def _value(name: str, dtype: npt.DTypeLike, shape: Shape) -> bytes:
    sizes = (_number(1, d) if isinstance(d, int) else _message(2, d) for d in shape)
    tensor = _number(1, DATA_TYPES[np.dtype(dtype)])
    tensor += _message(2, b"".join(_message(1, size) for size in sizes))
    return _message(1, name) + _message(2, _message(1, tensor))


class Graph:
    """A graph in the making. Values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, dtype: npt.DTypeLike, shape: Shape) -> str:
        """Declare an input."""
        self._inputs.append(_message(11, _value(name, dtype, shape)))
        return name

    def output(self, name: str, shape: Shape) -> str:
        """Declare a float32 output, which a node computes."""
        self._outputs.append(_message(12, _value(name, np.float32, shape)))
        return name

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Add a constant."""
        name = f"constant {len(self._constants)}"
        sizes = b"".join(_number(1, size) for size in array.shape)
        tensor = sizes + _number(2, DATA_TYPES[array.dtype]) + _message(8, name)
        self._constants.append(_message(5, tensor + _message(9, array.tobytes())))
        return name

    def integers(self, *values: int) -> str:
        """Add a constant of int64, which axes and shapes are."""
        return self.constant(np.array(values, np.int64))

    def node(self, operator: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Add a node of one output, called `to` if that is given."""
        return self.nodes(operator, *inputs, to=[to or f"value {len(self._nodes)}"], **attributes)[
            0
        ]

    def nodes(self, operator: str, *inputs: str, to: list[str], **attributes: Any) -> list[str]:
        """Add a node with outputs of these names."""
        node = b"".join(_message(1, name) for name in inputs)
        node += b"".join(_message(2, name) for name in to) + _message(4, operator)
        for name, value in attributes.items():
            node += _message(5, _attribute(name, value))
        self._nodes.append(_message(1, node))
        return to

    def to_bytes(self) -> bytes:
        """Return the ModelProto."""
        parts = [*self._nodes, _message(2, "network"), *self._constants]
        graph = b"".join([*parts, *self._inputs, *self._outputs])
        opset = _message(1, "") + _number(2, OPSET)
        return _number(1, IR_VERSION) + _message(7, graph) + _message(8, opset)
