"""The artefact: NAME.tflite, a TFLite FlatBuffer with a ZIP of associated files behind it.

    ┌──────────────────────┐ 0
    │ FlatBuffer           │   any TFLite runtime loads it and ignores the rest
    ├──────────────────────┤ manifest["flatbuffer"]["length"]
    │ ZIP                  │   any unzip lists it
    │   manifest.json      │   format, producer, source, quantization, where each array lies
    │   config.json        │   max_length, word_level, single_text, architecture
    │   vocab.json         │   {token: id}
    │   golden.json        │   windows and the probabilities expected of them
    └──────────────────────┘

The FlatBuffer holds every weight array as raw little-endian bytes, so the manifest records byte
offset, shape and strides, and NumPy maps the arrays in place: no second copy, no parser.

Threat model: a file from a stranger. Nothing in it is executed or unpickled; member names, counts
and sizes are bounded before anything is allocated; every array must lie inside the FlatBuffer; the
FlatBuffer's SHA-256 is checked before an interpreter sees it. The hash guards against damage, not
against forgery: whoever writes the file writes the hash, and a TFLite interpreter is C++ that
parses the file. Run models you do not trust on the NumPy backend, or in the service's sandbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import mmap
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pi_runtime.errors import ModelFileError
from pi_runtime.model.network import FloatArray, Network
from pi_runtime.model.vocabulary import Vocabulary

FORMAT_VERSION = 1

MAX_FILE_BYTES = 1 << 30
MAX_MEMBER_BYTES = 64 << 20
MEMBERS = ("manifest.json", "config.json", "vocab.json", "golden.json")

_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,  # and with it RecursionError, from JSON nested too deep
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)

_DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "int8": np.dtype("i1")}


@dataclass(frozen=True)
class Config:
    """What the weights alone do not say, and the architecture they have."""

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
        """Read a config member.

        Raises:
            ValueError: a key is missing or out of bounds.
        """
        config = cls(
            name=_typed(members, "name", str),
            max_length=_bounded(members, "max_length", 10_000),
            word_level=_typed(members, "word_level", bool),
            rnn_layers=_bounded(members, "rnn_layers", 100),
            rnn_size=_bounded(members, "rnn_size", 100_000),
            rnn_bidirectional=_typed(members, "rnn_bidirectional", bool),
            dim_embeddings=_bounded(members, "dim_embeddings", 100_000),
        )
        return config


@dataclass(frozen=True)
class Golden:
    """Windows with the probabilities the reference computed for them."""

    windows: npt.NDArray[np.int32]
    """[N, T]."""
    probabilities: npt.NDArray[np.float32]
    """[N, V]."""
    tolerances: tuple[float, ...]
    """The largest |Δp| a float32 backend may show, a window."""


class ModelFile:
    """An opened, checked artefact, mapped into memory as long as anything looks into it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open and check `path`.

        Raises:
            ModelFileError: it is missing, damaged, or not a model of this package.
        """
        self.path = Path(path)
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise ModelFileError(
                f"{self.path}: {(error.strerror or str(error)).lower()}",
                "name a .tflite file that rnn-convert wrote",
            ) from None
        with file, self._trusting_nothing():
            self._open(file)

    def _open(self, file: IO[bytes]) -> None:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MAX_FILE_BYTES:
            raise ValueError(f"it has {size} bytes")
        members = _read_members(file)
        self.manifest = members["manifest.json"]
        version = self.manifest.get("format_version")
        if version != FORMAT_VERSION:
            raise ModelFileError(
                f"{self.path}: format version {version!r}, this package reads {FORMAT_VERSION}",
                "convert the checkpoint again, or install the package that wrote it",
            )
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        flatbuffer = _typed(self.manifest, "flatbuffer", dict)
        self._length = _bounded(flatbuffer, "length", size)
        with memoryview(self._map) as whole, whole[: self._length] as graph:
            if hashlib.sha256(graph).hexdigest() != flatbuffer.get("sha256"):
                raise ValueError("its SHA-256 is not the one written down: it is damaged")
        self.config = Config.from_json(members["config.json"])
        self.vocabulary = _vocabulary(members["vocab.json"], self.config, self.manifest)
        self._golden = members["golden.json"]

    @contextlib.contextmanager
    def _trusting_nothing(self) -> Iterator[None]:
        """Turn whatever a damaged or hostile file provokes into one sentence."""
        try:
            yield
        except _DAMAGE as error:
            raise ModelFileError(
                f"{self.path}: not a textgenrnn-pi model, or damaged ({error})",
                "make one with rnn-convert, or copy it again",
            ) from None

    def network(self) -> Network:
        """Return the weights, mapped in place (int8 ones as float32 copies).

        Raises:
            ModelFileError: an array does not lie where the manifest says it does.
        """
        with self._trusting_nothing():
            places = _typed(self.manifest, "arrays", dict)
            network = Network.from_arrays(
                {name: self._array(place) for name, place in places.items()},
                self.config.rnn_layers,
                self.config.rnn_bidirectional,
            )
            if network.classes != self.vocabulary.classes or network.units != self.config.rnn_size:
                raise ValueError("the arrays do not have the shapes that the config gives")
            return network

    def golden(self) -> Golden:
        """Return the golden windows.

        Raises:
            ModelFileError: they are damaged.
        """
        with self._trusting_nothing():
            windows = np.array(self._golden["windows"], np.int32)
            probabilities = np.array(self._golden["probabilities"], np.float32)
            tolerances = tuple(float(t) for t in self._golden["tolerances"])
            count = len(tolerances)
            if not count or windows.shape != (count, self.config.max_length):
                raise ValueError(f"its golden windows have shape {list(windows.shape)}")
            if windows.min() < 0 or windows.max() >= self.vocabulary.classes:
                raise ValueError("a golden window holds an unknown id")
            if probabilities.shape != (count, self.vocabulary.classes):
                raise ValueError(f"its golden answers have shape {list(probabilities.shape)}")
            return Golden(windows, probabilities, tolerances)

    def _array(self, place: Mapping[str, Any]) -> FloatArray:
        array: FloatArray = self._view(place, _DTYPES[_typed(place, "dtype", str)])
        if array.dtype == np.int8:
            scale = self._view(_typed(place, "scale", dict), _DTYPES["float32"])
            array = array.astype(np.float32) * scale
        return array

    def _view(self, place: Mapping[str, Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        offset = place["offset"]
        shape = [_bounded({"axis": axis}, "axis", MAX_FILE_BYTES) for axis in place["shape"]]
        strides = [_bounded({"stride": s}, "stride", MAX_FILE_BYTES) for s in place["strides"]]
        if type(offset) is not int or offset < 0 or len(shape) != len(strides) or len(shape) > 2:
            raise ValueError("an array's place is malformed")
        end = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if end + dtype.itemsize > self._length or math.prod(shape) > self._length:
            raise ValueError("an array reaches beyond the FlatBuffer")
        return np.ndarray(shape, dtype, self._map, offset, strides)


def _read_members(file: IO[bytes]) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        if sorted(infos) != sorted(MEMBERS) or len(archive.infolist()) != len(MEMBERS):
            raise ValueError("its associated files are not the four that belong there")
        contents = {}
        for name, info in infos.items():
            if info.file_size > MAX_MEMBER_BYTES:
                raise ValueError(f"{name} is larger than {MAX_MEMBER_BYTES} bytes")
            with archive.open(info) as member:
                contents[name] = json.loads(member.read(MAX_MEMBER_BYTES).decode("utf-8"))
            if not isinstance(contents[name], dict):
                raise ValueError(f"{name} is not an object")
    return contents


def _vocabulary(
    members: Mapping[str, Any], config: Config, manifest: Mapping[str, Any]
) -> Vocabulary:
    classes = _bounded(manifest, "classes", 10_000_000)
    seen = set()
    for token, number in members.items():
        if type(number) is not int or not 0 < number < classes or number in seen:
            raise ValueError(f"the vocabulary gives {token!r} the id {number!r}")
        seen.add(number)
    if not seen:
        raise ValueError("the vocabulary is empty")
    return Vocabulary(members, classes, word_level=config.word_level)


def _typed(members: Mapping[str, Any], key: str, kind: type) -> Any:
    if key not in members or type(members[key]) is not kind:
        raise ValueError(f"{key} is missing or is not {kind.__name__}")
    return members[key]


def _bounded(members: Mapping[str, Any], key: str, largest: int) -> int:
    value: int = _typed(members, key, int)
    if not 0 < value <= largest:
        raise ValueError(f"{key} is {value}, not 1 to {largest}")
    return value


def pack_model(flatbuffer: bytes, members: Mapping[str, Any]) -> bytes:
    """Return an artefact's bytes.

    `members` holds the four JSON documents; the manifest's format version and `flatbuffer` entry
    are filled in here. The same input gives the same bytes.
    """
    manifest = {
        **members["manifest.json"],
        "format_version": FORMAT_VERSION,
        "flatbuffer": {
            "length": len(flatbuffer),
            "sha256": hashlib.sha256(flatbuffer).hexdigest(),
        },
    }
    packed = io.BytesIO()
    packed.write(flatbuffer)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name in MEMBERS:
            document = manifest if name == "manifest.json" else members[name]
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json.dumps(document, ensure_ascii=False, indent=1))
    return packed.getvalue()
