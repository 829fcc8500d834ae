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
import mmap
import os
import re
import shlex
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pi_runtime.errors import ModelFileError
from pi_runtime.model.manifest import (
    MAX_BYTES,
    ArraySpec,
    Config,
    Golden,
    Manifest,
    bounded,
    typed,
    vocabulary_from_json,
)
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary

FORMAT_VERSION = 1
MEMBERS = ("manifest.json", "config.json", "vocab.json", "golden.json")
MAX_MEMBER_BYTES = 64 << 20
HDF5 = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""
TFLITE = b"TFL3"
"""Bytes 4 to 7 of a TFLite file."""

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


class ModelFile:
    """An opened, checked artefact, mapped into memory as long as anything looks into it."""

    content: bytes | mmap.mmap
    """The whole file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open and check `path`.

        Raises:
            ModelFileError: it is missing, damaged, or not a model of this package.
        """
        self.path: Path | None = Path(path)
        """None for a model that was never a file."""
        self.name = str(self.path)
        """What errors call it."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise ModelFileError(
                f"{self.name}: {(error.strerror or str(error)).lower()}",
                _models_beside(self.path) or "name a .tflite file that rnn-convert wrote",
            ) from None
        with file, self._trusting_nothing():
            _check_kind(self.path, file)
            size = os.fstat(file.fileno()).st_size
            if not 0 < size <= MAX_BYTES:
                raise ValueError(f"it has {size} bytes")
            documents = _read_documents(file)
            self.content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._check(documents)

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "the model") -> ModelFile:
        """Check a model that lies in memory; `name` is what errors call it.

        Raises:
            ModelFileError: it is damaged, or not a model of this package.
        """
        model = cls.__new__(cls)
        model.path, model.name, model.content = None, name, content
        with model._trusting_nothing():
            model._check(_read_documents(io.BytesIO(content)))
        return model

    def _check(self, documents: Mapping[str, Any]) -> None:
        raw = documents["manifest.json"]
        version = raw.get("format_version")
        if version != FORMAT_VERSION:
            raise ModelFileError(
                f"{self.name}: format version {version!r}, this package reads {FORMAT_VERSION}",
                "convert the checkpoint again, or install the package that wrote it",
            )
        flatbuffer = typed(raw, "flatbuffer", dict)
        self._length = bounded(flatbuffer, "length", len(self.content))
        with self._flatbuffer() as graph:
            if hashlib.sha256(graph).hexdigest() != flatbuffer.get("sha256"):
                raise ValueError("its SHA-256 is not the one written down: it is damaged")
        self.manifest = Manifest.from_json(raw)
        self.config = Config.from_json(documents["config.json"])
        self.vocabulary = vocabulary_from_json(
            documents["vocab.json"], self.manifest.classes, word_level=self.config.word_level
        )
        self._golden = documents["golden.json"]

    @contextlib.contextmanager
    def _flatbuffer(self) -> Iterator[memoryview]:
        with memoryview(self.content) as whole, whole[: self._length] as flatbuffer:
            yield flatbuffer

    @contextlib.contextmanager
    def _trusting_nothing(self) -> Iterator[None]:
        """Turn whatever a damaged or hostile file provokes into one sentence."""
        try:
            yield
        except _DAMAGE as error:
            raise ModelFileError(
                f"{self.name}: not a textgenrnn-pi model, or damaged ({error})",
                "make one with rnn-convert, or copy it again",
            ) from None

    def network(self) -> Network:
        """Return the weights, mapped in place (int8 ones as float32 copies).

        Raises:
            ModelFileError: an array does not lie where the manifest says it does.
        """
        with self._trusting_nothing():
            flatbuffer = memoryview(self.content)[: self._length]
            network = read_network(flatbuffer, self.manifest.arrays, self.config)
            if network.classes != self.vocabulary.classes:
                raise ValueError("the arrays do not have the classes that the manifest gives")
            return network

    def golden(self) -> Golden:
        """Return the golden windows.

        Raises:
            ModelFileError: they are damaged.
        """
        with self._trusting_nothing():
            return Golden.from_json(self._golden, self.config.max_length, self.vocabulary.classes)


def _models_beside(path: Path) -> str:
    """Return advice that names the models in the folder of a missing one, the nearest first."""
    try:
        beside = {each.stem: str(each) for each in sorted(path.parent.glob("*.tflite"))}
    except OSError:
        return ""
    from difflib import get_close_matches

    if near := get_close_matches(path.stem, beside, 1):
        return f"did you mean {beside[near[0]]}?"
    return f"there is {', '.join(list(beside.values())[:5])}" if beside else ""


def _check_kind(path: Path, file: IO[bytes]) -> None:
    """Recognize what is taken for a model most often: what the model is made of.

    Raises:
        ModelFileError: it is that; the message says what to do with it.
    """
    start = file.read(64)
    file.seek(0)
    if start[4:8] == TFLITE:
        return
    suffix = path.suffix.lower()
    if start.startswith(HDF5) or suffix in (".hdf5", ".h5"):
        convert = f"run: rnn-convert {shlex.quote(str(path))}"
        raise ModelFileError(f"{path} is a checkpoint, not a model", convert)
    if suffix == ".keras":
        raise ModelFileError(
            f"{path} is a Keras file, not a model",
            "give rnn-convert the _weights.hdf5 that textgenrnn saved",
        )
    if suffix == ".json" or re.match(rb'\s*\{\s*"', start):
        weights = [each.name for each in sorted(path.parent.glob("*_weights.hdf5"))]
        stem = path.name.partition("_")[0]
        own = [name for name in weights if name.startswith(f"{stem}_")] or weights
        what = str(path.with_name(own[0])) if own else "the _weights.hdf5 beside it"
        raise ModelFileError(
            f"{path} is a vocab or config, not a model",
            f"run: rnn-convert {shlex.quote(what)}" if own else f"give {what} to rnn-convert",
        )
    if suffix in (".txt", ".csv"):
        raise ModelFileError(
            f"{path} is a text, not a model", "name a .tflite file; rnn-train makes one of a text"
        )


def read_network(flatbuffer: Any, arrays: Mapping[str, ArraySpec], config: Config) -> Network:
    """Return the network whose arrays lie in a buffer.

    Raises:
        ValueError: an array reaches beyond the buffer, or the architecture is not the config's.
    """
    network = Network.from_arrays(
        {name: spec.read(flatbuffer) for name, spec in arrays.items()},
        config.rnn_layers,
        config.rnn_bidirectional,
    )
    if network.units != config.rnn_size:
        raise ValueError("the arrays do not have the shapes that the config gives")
    return network


def _read_documents(file: IO[bytes]) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        if sorted(infos) != sorted(MEMBERS) or len(archive.infolist()) != len(MEMBERS):
            raise ValueError("its associated files are not the four that belong there")
        documents = {}
        for name, info in infos.items():
            if info.file_size > MAX_MEMBER_BYTES:
                raise ValueError(f"{name} is larger than {MAX_MEMBER_BYTES} bytes")
            with archive.open(info) as member:
                documents[name] = json.loads(member.read(MAX_MEMBER_BYTES).decode("utf-8"))
            if not isinstance(documents[name], dict):
                raise ValueError(f"{name} is not an object")
    return documents


def pack_model(
    flatbuffer: bytes, manifest: Manifest, config: Config, vocabulary: Vocabulary, golden: Golden
) -> bytes:
    """Return an artefact's bytes; the same input gives the same bytes."""
    return seal(
        flatbuffer,
        {
            "manifest.json": manifest.to_json(),
            "config.json": config.to_json(vocabulary),
            "vocab.json": vocabulary.ids,
            "golden.json": golden.to_json(),
        },
    )


def seal(flatbuffer: bytes, documents: Mapping[str, Any]) -> bytes:
    """Return a FlatBuffer with the four documents behind it, its length and hash among them."""
    manifest = {
        **documents["manifest.json"],
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
            document = manifest if name == "manifest.json" else documents[name]
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json.dumps(document, ensure_ascii=False, indent=1))
    return packed.getvalue()
