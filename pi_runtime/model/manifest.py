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
            max_length=bounded(members, "max_length", 10_000),
            word_level=typed(members, "word_level", bool),
            rnn_layers=bounded(members, "rnn_layers", 100),
            rnn_size=bounded(members, "rnn_size", 100_000),
            rnn_bidirectional=typed(members, "rnn_bidirectional", bool),
            dim_embeddings=bounded(members, "dim_embeddings", 100_000),
        )

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
        if type(offset) is not int or offset < 0 or len(shape) != len(strides) or len(shape) > 2:
            raise ValueError("an array's entry is malformed")
        dtype = typed(members, "dtype", str)
        if dtype not in DTYPES:
            raise ValueError(f"an array has the unknown type {dtype[:40]!r}")
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
            ValueError: it reaches beyond the buffer.
        """
        array = self._view(flatbuffer)
        if self.scale is None:
            return array
        copy: npt.NDArray[np.float32] = array.astype(np.float32) * self.scale.read(flatbuffer)
        return copy

    def _view(self, flatbuffer: Any) -> npt.NDArray[Any]:
        dtype, length = DTYPES[self.dtype], len(flatbuffer)
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        if self.offset + last + dtype.itemsize > length or math.prod(self.shape) > length:
            raise ValueError("an array reaches beyond the FlatBuffer")
        return np.ndarray(self.shape, dtype, flatbuffer, self.offset, self.strides)


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
            classes=bounded(members, "classes", 10_000_000),
            quantization=typed(members, "quantization", str),
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
    def from_json(cls, members: Mapping[str, Any], max_length: int, classes: int) -> Golden:
        """Read the document of a model with windows of `max_length` over `classes`."""
        windows = np.array(members["windows"], np.int32)
        probabilities = np.array(members["probabilities"], np.float32)
        tolerances = tuple(float(t) for t in members["tolerances"])
        count = len(tolerances)
        if not count or windows.shape != (count, max_length):
            raise ValueError(f"its golden windows have shape {list(windows.shape)}")
        if windows.min() < 0 or windows.max() >= classes:
            raise ValueError("a golden window holds an unknown id")
        if probabilities.shape != (count, classes):
            raise ValueError(f"its golden probabilities have shape {list(probabilities.shape)}")
        return cls(windows, probabilities, tolerances)

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
