"""The constants of a TFLite graph, and where the FlatBuffer keeps the network's arrays in them.

TensorFlow decides where in the file a constant lies, and for int8 which value it gets. Both are
found by searching for the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pi_runtime.model.manifest import ArraySpec
from pi_runtime.model.network import FloatArray

MIN_QUANTIZED = 1024
"""TensorFlow leaves smaller constants in float32, which the attention logits need."""

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


def quantized_tensors(flatbuffer: bytes) -> list[QuantizedTensor]:
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


class Constants:
    """The constants of a graph; each method registers one and returns it for use in the graph."""

    def __init__(self, quantization: str) -> None:
        self._unquantized_elements = MIN_QUANTIZED - 1 if quantization == "int8" else 1 << 14
        self._stored: list[tuple[FloatArray, dict[str, _Part]]] = []

    def table(self, name: str, array: FloatArray) -> FloatArray:
        """Register an array that the file stores as it is."""
        strides = (4 * array.shape[-1], 4)[-array.ndim :]
        return self._add(array, array, {name: _Part(0, array.shape, strides)})

    def matrix(self, **parts: FloatArray) -> FloatArray:
        """Register matrices stacked by rows for one product; the file stores the transpose."""
        stacked = np.concatenate(list(parts.values()))
        places, row = {}, 0
        for name, part in parts.items():
            places[name] = _Part(4 * row, part.shape, (4, 4 * len(stacked)))
            row += len(part)
        return self._add(stacked, stacked.T, places)

    def partial_sums(self, name: str, vector: FloatArray) -> FloatArray:
        """Register a vector [n, 1] as a matrix [n, n / m], for a product that sums m terms at once.

        The file stores its transpose: row k has terms k * m to (k + 1) * m, in their columns.
        """
        size = len(vector)
        most = self._unquantized_elements // size
        rows = next(n for n in range(max(1, min(size // 8, most)), 0, -1) if size % n == 0)
        step = size // rows
        matrix = np.zeros((size, rows), np.float32)
        matrix[np.arange(size), np.arange(size) // step] = vector[:, 0]
        return self._add(matrix, matrix.T, {name: _Part(0, (rows, step), (4 * (size + step), 4))})

    def _add(self, array: FloatArray, stored: FloatArray, parts: dict[str, _Part]) -> FloatArray:
        self._stored.append((np.ascontiguousarray(stored, "<f4"), parts))
        return array

    def placed(
        self, flatbuffer: bytes, quantized: list[QuantizedTensor]
    ) -> tuple[bytes, dict[str, ArraySpec]]:
        """Find every array in a FlatBuffer; return the manifest entries by name.

        TensorFlow leaves out what changes nothing, such as a bias of zeros, and what it has
        computed beforehand. Such an array is appended to the FlatBuffer, which no interpreter
        minds.
        """
        specs: dict[str, ArraySpec] = {}
        appended: list[bytes] = []
        end = len(flatbuffer)
        for stored, parts in self._stored:
            offset = _find(flatbuffer, stored.tobytes(), 4)
            if offset is not None:
                specs |= {name: part.spec(offset) for name, part in parts.items()}
                continue
            tensor = next((tensor for tensor in quantized if tensor.holds(stored)), None)
            offset = scale_offset = None
            if tensor is not None:
                offset = _find(flatbuffer, tensor.data.tobytes(), 1)
                scale_bytes = np.ascontiguousarray(tensor.scale, "<f4").tobytes()
                scale_offset = _find(flatbuffer, scale_bytes, 4)
            if tensor is None or offset is None or scale_offset is None:
                appended.append(bytes(-end % ALIGNMENT) + stored.tobytes())
                offset = end + -end % ALIGNMENT
                end += len(appended[-1])
                specs |= {name: part.spec(offset) for name, part in parts.items()}
                continue
            # Rows of the stored transpose are columns of the array: so is the scale's axis.
            scale = ArraySpec("float32", scale_offset, tensor.scale.shape, (4,))
            specs |= {name: part.int8_spec(offset, scale) for name, part in parts.items()}
        return b"".join([flatbuffer, *appended]), specs


def _find(haystack: bytes, needle: bytes, alignment: int) -> int | None:
    """Return the first aligned offset of `needle`."""
    at = haystack.find(needle)
    while at >= 0 and at % alignment:
        at = haystack.find(needle, at + 1)
    return at if at >= 0 else None
