"""The constants of a TFLite graph, and where the FlatBuffer keeps the network's arrays in them.

TensorFlow gets stand-ins: constants of the right shape that hold one value each, which no other
has. It can neither compute with the real values and leave them out (adding a bias of zeros), nor
take two for one, and carries a few bytes through its dozen copies of a graph. The real values are
then written over the stand-ins, so the result is the same as from the real ones.

For int8 TensorFlow must see the weights. It decides which values they get, and these are found by
searching for the bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.model.manifest import MIN_QUANTIZED, ArraySpec
from pi_runtime.model.network import FloatArray

ALIGNMENT = 16
"""Of an array that is appended, as of those that TensorFlow stores."""


@dataclass(frozen=True)
class QuantizedTensor:
    """An int8 constant of a FlatBuffer: value = data * scale, with one scale for all or per row."""

    data: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]

    def holds(self, stored: FloatArray) -> bool:
        """Return whether these are the given weights, up to rounding."""
        if self.data.shape != stored.shape:
            return False
        scale = self.scale[:, None] if self.scale.size > 1 else self.scale
        return bool((np.abs(self.data * scale - stored) <= 0.51 * scale).all())


def quantized_tensors(flatbuffer: Any) -> list[QuantizedTensor]:
    """Return the int8 constants of a FlatBuffer."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(flatbuffer, 0)
    found = []
    for graph in (model.Subgraphs(index) for index in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(index) for index in range(graph.TensorsLength())):
            buffer, parameters = model.Buffers(tensor.Buffer()), tensor.Quantization()
            if tensor.Type() == schema.TensorType.INT8 and buffer.DataLength():
                data = buffer.DataAsNumpy().view(np.int8).reshape(tensor.ShapeAsNumpy())
                found.append(QuantizedTensor(data, parameters.ScaleAsNumpy()))
    return found


@dataclass(frozen=True)
class _Part:
    """An array of the network within a stored constant; offset and strides in float32 bytes."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def spec(self, offset: int) -> ArraySpec:
        """Return its manifest entry, given the offset of the constant."""
        return ArraySpec("float32", offset + self.offset, self.shape, self.strides)

    def int8_spec(self, offset: int, scale: ArraySpec) -> ArraySpec:
        """Return its manifest entry in a constant of a byte per value."""
        strides = tuple(stride // 4 for stride in self.strides)
        return ArraySpec("int8", offset + self.offset // 4, self.shape, strides, scale)


@dataclass(frozen=True)
class StandIn:
    """A constant of one value, in place of an array of the same shape."""

    value: float
    shape: tuple[int, ...]


Constant = FloatArray | StandIn


@dataclass(frozen=True)
class _Stored:
    """A constant as the file stores it, and what of the network is in it."""

    values: Callable[[], FloatArray]
    parts: dict[str, _Part]
    stand_in: StandIn | None


class Constants:
    """The constants of a graph; each method registers one and returns it for use in the graph."""

    def __init__(self, quantization: str) -> None:
        self._quantized = quantization == "int8"
        self._unquantized_elements = MIN_QUANTIZED - 1 if self._quantized else 1 << 14
        self._stored: list[_Stored] = []

    def table(self, name: str, array: FloatArray) -> Constant:
        """Register an array that the file stores as it is."""
        strides = (4 * array.shape[-1], 4)[-array.ndim :]
        return self._add(array.shape, lambda: array, {name: _Part(0, array.shape, strides)})

    def matrix(self, **parts: FloatArray) -> Constant:
        """Register matrices stacked by rows for one product; the file stores the transpose."""
        rows = sum(len(part) for part in parts.values())
        columns = next(iter(parts.values())).shape[1]
        places, row = {}, 0
        for name, part in parts.items():
            places[name] = _Part(4 * row, part.shape, (4, 4 * rows))
            row += len(part)
        return self._add(
            (rows, columns), lambda: np.concatenate(list(parts.values())).T, places, transposed=True
        )

    def partial_sums(self, name: str, vector: FloatArray) -> Constant:
        """Register a vector [n, 1] as a matrix [n, n / m], for a product that sums m terms at once.

        The file stores its transpose: row k has terms k * m to (k + 1) * m, in their columns.
        """
        size = len(vector)
        most = self._unquantized_elements // size
        rows = next(n for n in range(max(1, min(size // 8, most)), 0, -1) if size % n == 0)
        step = size // rows

        def stored() -> FloatArray:
            matrix = np.zeros((rows, size), np.float32)
            matrix[np.arange(size) // step, np.arange(size)] = vector[:, 0]
            return matrix

        part = _Part(0, (rows, step), (4 * (size + step), 4))
        return self._add((size, rows), stored, {name: part}, transposed=True)

    def _add(
        self,
        shape: tuple[int, ...],
        values: Callable[[], FloatArray],
        parts: dict[str, _Part],
        *,
        transposed: bool = False,
    ) -> Constant:
        stand_in = None
        if not self._quantized or math.prod(shape) < MIN_QUANTIZED:
            # Exact in float32, and no value that arithmetic treats apart.
            stand_in = StandIn(0.5 + (len(self._stored) + 1) / (1 << 14), shape)
        self._stored.append(_Stored(values, parts, stand_in))
        return stand_in or (values().T if transposed else values())

    def place(self, flatbuffer: Any) -> tuple[dict[str, ArraySpec], bytes]:
        """Write the values over the stand-ins in a FlatBuffer, a writable buffer.

        Return each array's manifest entry, by name, and what is to be appended to the FlatBuffer:
        weights in int8 that TensorFlow did not need, such as those that a zero multiplies.

        Raises:
            RuntimeError: a stand-in is not in it.
        """
        specs: dict[str, ArraySpec] = {}
        appended: list[bytes] = []
        end = len(flatbuffer)
        by_value = _stand_ins(flatbuffer, {s.stand_in.value for s in self._stored if s.stand_in})
        quantized = quantized_tensors(flatbuffer) if self._quantized else []
        whole = bytes(flatbuffer) if self._quantized else b""
        for stored in self._stored:
            values = np.ascontiguousarray(stored.values(), "<f4")
            if stored.stand_in is not None:
                offset, room = by_value.get(stored.stand_in.value, (0, np.empty(0, "<f4")))
                if room.size != values.size:
                    raise RuntimeError(f"TensorFlow left out {', '.join(stored.parts)}")
                room[:] = values.ravel()
                specs |= {name: part.spec(offset) for name, part in stored.parts.items()}
                continue
            found = _find_quantized(whole, quantized, values)
            if found is not None:
                specs |= {n: part.int8_spec(*found) for n, part in stored.parts.items()}
                continue
            appended.append(bytes(-end % ALIGNMENT) + values.tobytes())
            offset = end + -end % ALIGNMENT
            end += len(appended[-1])
            specs |= {name: part.spec(offset) for name, part in stored.parts.items()}
        return specs, b"".join(appended)


def _stand_ins(flatbuffer: Any, values: set[float]) -> dict[float, tuple[int, FloatArray]]:
    """Return where each stand-in of a FlatBuffer lies: its offset, and the room it takes."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(flatbuffer, 0)
    start = np.frombuffer(flatbuffer, np.uint8).__array_interface__["data"][0]
    found: dict[float, tuple[int, FloatArray]] = {}
    for buffer in (model.Buffers(index) for index in range(model.BuffersLength())):
        if buffer.DataLength() == 0 or buffer.DataLength() % 4:
            continue
        room = buffer.DataAsNumpy().view("<f4")
        value = float(room[0])
        if value in values and value not in found and (room == room[0]).all():
            found[value] = room.__array_interface__["data"][0] - start, room
    return found


def _find_quantized(
    flatbuffer: bytes, tensors: list[QuantizedTensor], values: FloatArray
) -> tuple[int, ArraySpec] | None:
    """Return the offset of these values in int8, and their scale's manifest entry."""
    tensor = next((tensor for tensor in tensors if tensor.holds(values)), None)
    if tensor is None:
        return None
    offset = _find(flatbuffer, tensor.data.tobytes(), 1)
    scale_offset = _find(flatbuffer, np.ascontiguousarray(tensor.scale, "<f4").tobytes(), 4)
    if offset is None or scale_offset is None:
        return None
    # Rows of the stored transpose are columns of the array: so is the scale's axis.
    return offset, ArraySpec("float32", scale_offset, tensor.scale.shape, (4,))


def _find(haystack: bytes, needle: bytes, alignment: int) -> int | None:
    """Return the first aligned offset of `needle`."""
    at = haystack.find(needle)
    while at >= 0 and at % alignment:
        at = haystack.find(needle, at + 1)
    return at if at >= 0 else None
