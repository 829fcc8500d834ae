"""The JSON documents of a model file, checked as they are read.

`from_json` trusts nothing: it raises ValueError, KeyError or TypeError for whatever is missing, of
the wrong type or out of bounds, which `ModelFile` turns into one sentence. Some are named tuples: a
dataclass costs a one-off four times as much to define.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pi_runtime.model.vocabulary import Vocabulary

MAX_BYTES = 1 << 30
"""Upper bound on a model file, and so on every offset and length in it."""

MAX_LENGTH = 2000
"""Upper bound on T: the files found in the wild have at most 300."""

MAX_CLASSES = 500_000
"""Upper bound on V: textgenrnn's own is 10,000 words."""

MAX_WORK = 3 * 10**10
"""Upper bound on the multiply-adds of a token. 12 × 500 units, both ways over a window of 300, take
2 × 10^10; they take a Pi 4 several seconds."""

MAX_LOAD_WORK = 4 * 10**11
"""Upper bound on the multiply-adds of the T tokens that a text's first window of padding takes.
Stock networks, 2 × 128 units, reach it at a window of 1,000."""

MAX_STATE_BYTES = 64 << 20
"""Upper bound on the state of one text."""

_ACTIVATION = 32
"""Multiply-adds that take as long as one exponential or hyperbolic tangent."""

MAX_GOLDEN = 16
"""Upper bound on golden windows; rnn-convert writes four."""

MAX_TOLERANCE = 0.5
"""Upper bound on what a golden window may deviate. Over-trained networks of the zoo allow 0.05."""

MIN_QUANTIZED = 1024
"""In an int8 file smaller arrays are float32: TensorFlow leaves them, as the attention needs."""

DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "int8": np.dtype("i1")}


@dataclass(frozen=True)
class Config:
    """`config.json`: what the weights alone do not say, and the architecture they have."""

    name: str
    max_length: int
    """T: tokens the network sees at once."""
    word_level: bool
    rnn_layers: int
    rnn_size: int
    rnn_bidirectional: bool
    dim_embeddings: int

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Config:
        """Read the document."""
        return cls(
            name=typed(members, "name", str),
            max_length=bounded(members, "max_length", MAX_LENGTH),
            word_level=typed(members, "word_level", bool),
            rnn_layers=bounded(members, "rnn_layers", 100),
            rnn_size=bounded(members, "rnn_size", 100_000),
            rnn_bidirectional=typed(members, "rnn_bidirectional", bool),
            dim_embeddings=bounded(members, "dim_embeddings", 100_000),
        )

    def check_work(self, classes: int) -> None:
        """Check that a network of this architecture can be computed in sensible time and memory.

        Raises:
            ValueError: it cannot.
        """
        length, units = self.max_length, self.rnn_size
        ways = 2 if self.rnn_bidirectional else 1
        width, features, step = self.dim_embeddings, self.dim_embeddings, 0
        for _ in range(self.rnn_layers):
            step += ways * (4 * units * (width + units) + _ACTIVATION * 5 * units)
            width = ways * units
            features += width
        step += _ACTIVATION * features
        work = length * step + features * classes
        if work > MAX_WORK:
            raise ValueError(
                f"a token takes {work / 1e9:.0f} billion multiply-adds, "
                f"more than {MAX_WORK / 1e9:.0f}"
            )
        if ways == 1 and length * work > MAX_LOAD_WORK:
            raise ValueError(
                f"a window of {length} tokens takes {length * work / 1e9:.0f} billion "
                f"multiply-adds to begin with, more than {MAX_LOAD_WORK / 1e9:.0f}"
            )
        if self.state_bytes > MAX_STATE_BYTES:
            raise ValueError(
                f"a text takes {self.state_bytes >> 20} MB, more than {MAX_STATE_BYTES >> 20}"
            )

    @property
    def state_bytes(self) -> int:
        """About what one text takes while it is computed: features, states, and a layer's gates."""
        width = (2 if self.rnn_bidirectional else 1) * self.rnn_size
        return 4 * self.max_length * (self.dim_embeddings + width * (3 * self.rnn_layers + 8))

    def to_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the document; `single_text`, which the vocabulary tells, is there for readers."""
        return {**asdict(self), "single_text": vocabulary.single_text}


class ArraySpec(NamedTuple):
    """Where an array lies in the FlatBuffer, and how: offset and strides in bytes."""

    dtype: str
    """"float32" or "int8"."""
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    scale: ArraySpec | None = None
    """For int8: what to multiply with, by column or for all."""

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> ArraySpec:
        """Read an entry of the manifest."""
        offset = members["offset"]
        shape = tuple(bounded({"axis": axis}, "axis", MAX_BYTES) for axis in members["shape"])
        strides = tuple(bounded({"stride": s}, "stride", MAX_BYTES) for s in members["strides"])
        if type(offset) is not int or not 0 <= offset <= MAX_BYTES or len(shape) != len(strides):
            raise ValueError("an array's entry is malformed")
        if not 1 <= len(shape) <= 2 or not _apart(shape, strides):
            raise ValueError("an array's values lie upon each other")
        dtype = typed(members, "dtype", str)
        if dtype not in DTYPES:
            raise ValueError(f"an array has the unknown type {dtype[:40]!r}")
        if any(place % DTYPES[dtype].itemsize for place in (offset, *strides)):
            raise ValueError("an array is not aligned")
        scale = cls.from_json(typed(members, "scale", dict)) if dtype == "int8" else None
        if scale and (scale.dtype != "float32" or scale.shape not in ((1,), shape[-1:])):
            raise ValueError("an array's scale is not float32, one for all or one per column")
        return cls(dtype, offset, shape, strides, scale)

    def to_json(self) -> dict[str, Any]:
        """Return the entry."""
        entry: dict[str, Any] = {
            "dtype": self.dtype,
            "offset": self.offset,
            "shape": list(self.shape),
            "strides": list(self.strides),
        }
        return {**entry, "scale": self.scale.to_json()} if self.scale else entry

    def read(self, flatbuffer: Any) -> npt.NDArray[np.float32]:
        """Return the array, in place in a buffer (an int8 one as a float32 copy).

        Raises:
            ValueError: it reaches beyond the buffer, or holds NaN or an infinity.
        """
        array: npt.NDArray[np.float32] = self._view(flatbuffer)
        if self.scale is not None:
            array = array.astype(np.float32) * self.scale.read(flatbuffer)
        if not np.isfinite(array).all():
            raise ValueError("a weight is not a finite number")
        return array

    def _view(self, flatbuffer: Any) -> npt.NDArray[Any]:
        dtype, length = DTYPES[self.dtype], len(flatbuffer)
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        if self.offset + last + dtype.itemsize > length or math.prod(self.shape) > length:
            raise ValueError("an array reaches beyond the FlatBuffer")
        return np.ndarray(self.shape, dtype, flatbuffer, self.offset, self.strides)


def _apart(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return whether no two values of an array share bytes of the larger stride."""
    (inner, count), *outer = sorted(zip(strides, shape, strict=True))
    return all(stride >= inner * count or 1 in (n, count) for stride, n in outer)


class Manifest(NamedTuple):
    """`manifest.json`, but for the format version and the FlatBuffer's length and hash."""

    producer: dict[str, Any]
    """The versions that wrote the file, by package."""
    source: dict[str, Any]
    """What it was converted from: `layout`, and `sha256` by file name."""
    classes: int
    """V."""
    quantization: str
    """"float32" or "int8"."""
    runtimes: list[Any]
    """What loads the file, as requirements."""
    arrays: dict[str, ArraySpec]
    """By the names of `Network.arrays`."""

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Manifest:
        """Read the document."""
        return cls(
            producer=typed(members, "producer", dict),
            source=typed(members, "source", dict),
            classes=bounded(members, "classes", MAX_CLASSES),
            quantization=_quantization(members),
            # The first files of version 1 do not name any.
            runtimes=typed({"runtimes": [], **members}, "runtimes", list),
            arrays={
                name: ArraySpec.from_json(entry)
                for name, entry in typed(members, "arrays", dict).items()
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {
            "producer": self.producer,
            "source": self.source,
            "classes": self.classes,
            "quantization": self.quantization,
            "runtimes": self.runtimes,
            "arrays": {name: spec.to_json() for name, spec in self.arrays.items()},
        }


@dataclass(frozen=True)
class Golden:
    """`golden.json`: windows with the probabilities the reference computed for them."""

    windows: npt.NDArray[np.int32]
    """[N, T]."""
    probabilities: npt.NDArray[np.float32]
    """[N, V]."""
    tolerances: tuple[float, ...]
    """The largest |Δp| a float32 backend may show, per window."""

    @classmethod
    def from_json(
        cls,
        members: Mapping[str, Any],
        max_length: int,
        classes: int,
    ) -> Golden:
        """Read the document of a model with windows of `max_length` over `classes`."""
        tolerances = tuple(typed(members, "tolerances", list))
        count = len(tolerances)
        if not 0 < count <= MAX_GOLDEN:
            raise ValueError(f"it has {count} golden windows, not 1 to {MAX_GOLDEN}")
        if not all(type(t) in (int, float) and 0 <= t <= MAX_TOLERANCE for t in tolerances):
            raise ValueError(f"a golden window tolerates another number than 0 to {MAX_TOLERANCE}")
        windows = _table(members, "windows", (count, max_length))
        if windows.dtype.kind != "i" or windows.min() < 0 or windows.max() >= classes:
            raise ValueError("a golden window holds an unknown id")
        probabilities = _table(members, "probabilities", (count, classes)).astype(np.float32)
        # NaN compares false with everything.
        if not (probabilities >= 0).all() or not (abs(probabilities.sum(axis=1) - 1) < 0.05).all():
            raise ValueError("golden probabilities are not such")
        windows = windows.astype(np.int32)
        return cls(windows, probabilities, tuple(map(float, tolerances)))

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {
            "windows": self.windows.tolist(),
            "probabilities": self.probabilities.tolist(),
            "tolerances": list(self.tolerances),
        }


def vocabulary_from_json(
    members: Mapping[str, Any], classes: int, *, word_level: bool
) -> Vocabulary:
    """Read `vocab.json`: {token: id}, fewer than `classes`, ids from 1 to classes - 1.

    Two tokens may have one id, which then stands for the later one: see `Vocabulary`.
    """
    for token, token_id in members.items():
        if type(token_id) is not int or not 0 < token_id < classes:
            raise ValueError(f"the vocabulary gives {token!r} the id {token_id!r}")
    if not 0 < len(members) < classes:
        raise ValueError(f"the vocabulary has {len(members)} tokens for {classes} classes")
    return Vocabulary(members, classes, word_level=word_level)


def _quantization(members: Mapping[str, Any]) -> str:
    quantization: str = typed(members, "quantization", str)
    if quantization not in DTYPES:
        raise ValueError("its quantization is unknown")
    return quantization


def _table(members: Mapping[str, Any], key: str, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return a member that is a list of lists of numbers, of just this shape."""
    rows = typed(members, key, list)
    # Before NumPy sees them: it makes arrays of far more than numbers.
    if len(rows) != shape[0] or any(type(row) is not list or len(row) != shape[1] for row in rows):
        raise ValueError(f"its golden {key} do not have the shape {list(shape)}")
    if any(type(value) not in (int, float) for row in rows for value in row):
        raise ValueError(f"its golden {key} hold something else than numbers")
    return np.array(rows)


def typed(members: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return a member of just this type."""
    if key not in members or type(members[key]) is not kind:
        raise ValueError(f"{key} is missing or is not {kind.__name__}")
    return members[key]


def bounded(members: Mapping[str, Any], key: str, most: int) -> int:
    """Return an integer member from 1 to `most`."""
    value: int = typed(members, key, int)
    if not 0 < value <= most:
        raise ValueError(f"{key} is {value}, not 1 to {most}")
    return value
