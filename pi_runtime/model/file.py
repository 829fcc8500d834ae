"""The artefact: NAME.tflite, a TFLite FlatBuffer with a ZIP of associated files behind it.

    ┌──────────────────────┐ 0
    │ FlatBuffer           │   any TFLite runtime loads it and ignores the rest
    ├──────────────────────┤ manifest["flatbuffer"]["length"]
    │ ZIP                  │   any unzip lists it
    │   manifest.json      │   format, producer, source, quantization, where each array lies
    │   config.json        │   max_length, word_level, single_text, architecture
    │   vocab.json         │   {token: id}
    │   golden.json        │   windows and the probabilities expected of them
    │   ngrams.bin         │   in version 2 alone: hashed n-grams of the training texts (`ngrams`)
    └──────────────────────┘

The FlatBuffer holds every weight array as raw little-endian bytes, so the manifest records byte
offset, shape and strides, and NumPy maps the arrays in place: no second copy, no parser.

A file without n-grams is of version 1, byte for byte what it was before there were any.

Threat model: a file from a stranger. It is read into memory once, and what is checked there is what
is used: nobody can change or cut it any more. Nothing in it is executed or unpickled; members,
sizes and the shape of the JSON are bounded before they are built (`archive`, `documents`), the work
that it asks for before it is done; every array must lie inside the FlatBuffer; the FlatBuffer's
SHA-256 is checked first. The hash guards against damage, not against forgery: whoever writes the
file writes the hash. What a TFLite interpreter, C++ that parses the file, does with a forged one is
tried in a process of its own (`pi_runtime.backends.proof`).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import shlex
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pi_runtime.errors import ModelFileError, shown, shown_path
from pi_runtime.model.archive import Member, read_members
from pi_runtime.model.documents import parse
from pi_runtime.model.manifest import (
    MAX_BYTES,
    MAX_GOLDEN,
    ArraySpec,
    Config,
    Golden,
    Manifest,
    bounded,
    typed,
    vocabulary_from_json,
)
from pi_runtime.model.network import Network
from pi_runtime.model.ngrams import MAX_NGRAM_BYTES, NgramSet
from pi_runtime.model.vocabulary import Vocabulary

MEMBERS = ("manifest.json", "config.json", "vocab.json", "golden.json")
NGRAMS = "ngrams.bin"
VERSIONS = {1: frozenset(MEMBERS), 2: frozenset((*MEMBERS, NGRAMS))}
"""The versions of the format that are read, and what each has behind the FlatBuffer."""
SMALL_MEMBER_BYTES = 1 << 20
"""Upper bound on the manifest and the config, which need some kilobytes."""
MAX_VOCAB_BYTES = 16 << 20
HDF5 = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""
ZIP = b"PK\3\4"
"""How a ZIP begins, and so a .keras file."""
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
    zlib.error,
)


class ModelFile:
    """A checked artefact, in memory as long as anything looks into it."""

    content: bytes
    """The whole file, as it was when it was read."""
    sha256: str
    """Of the whole file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read and check `path`.

        Raises:
            ModelFileError: it is missing, damaged, or not a model of this package.
        """
        where = Path(path)
        self.name = shown_path(where)
        """What errors call it."""
        try:
            # A pipe without a writer would let this wait for ever.
            file = open(where, "rb", opener=without_waiting)  # noqa: SIM115
        except OSError as error:
            raise ModelFileError(
                f"{self.name}: {(error.strerror or str(error)).lower()}",
                _models_beside(where) or "name a .tflite file that rnn-convert wrote",
            ) from None
        with file, self._trusting_nothing():
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is not a regular file")
            _check_kind(where, file)
            # The size may grow meanwhile.
            self.content = file.read(min(status.st_size, MAX_BYTES) + 1)
            self._check()

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "the model") -> ModelFile:
        """Check a model that lies in memory; `name` is what errors call it.

        Raises:
            ModelFileError: it is damaged, or not a model of this package.
        """
        model = cls.__new__(cls)
        model.name, model.content = name, content
        with model._trusting_nothing():
            model._check()
        return model

    def _check(self) -> None:
        size = len(self.content)
        if not 0 < size <= MAX_BYTES:
            raise ValueError(f"it has {size} bytes")
        members = read_members(self.content, MEMBERS, (NGRAMS,))
        raw = self._document(members["manifest.json"], SMALL_MEMBER_BYTES, 10_000, 30_000)
        version = raw.get("format_version")
        if type(version) is not int or version not in VERSIONS:
            raise ModelFileError(
                f"{self.name}: format version {shown(repr(version))}, "
                f"this package reads {' and '.join(map(str, VERSIONS))}",
                "convert the checkpoint again, or install the package that wrote it",
            )
        if members.keys() != VERSIONS[version]:
            raise ValueError("its associated files are not those of its format version")
        flatbuffer = typed(raw, "flatbuffer", dict)
        self._length = bounded(flatbuffer, "length", size)
        if self._length > min(member.start for member in members.values()):
            raise ValueError("its FlatBuffer reaches into its associated files")
        with memoryview(self.content) as whole:
            digest = hashlib.sha256(whole[: self._length])
            if digest.hexdigest() != flatbuffer.get("sha256"):
                raise ValueError("its SHA-256 is not the one written down: it is damaged")
            digest.update(whole[self._length :])
        self.sha256 = digest.hexdigest()
        self.manifest = Manifest.from_json(raw)
        classes = self.manifest.classes
        self.config = Config.from_json(
            self._document(members["config.json"], SMALL_MEMBER_BYTES, 1000, 1000)
        )
        # An embedding takes a byte of the file at least: its numbers justify all others.
        if classes * self.config.dim_embeddings > self._length:
            raise ValueError("the file is too small for the classes that the manifest gives")
        self.config.check_work(classes)
        self.vocabulary = vocabulary_from_json(
            # Tokens may hold brackets and commas of their own.
            self._document(
                members["vocab.json"], MAX_VOCAB_BYTES, 1000 + classes // 4, 1000 + 2 * classes
            ),
            classes,
            word_level=self.config.word_level,
        )
        # Read when they are asked for: of a file that was proved here before, they never are.
        self._golden = members["golden.json"]
        self._ngrams = members.get(NGRAMS)

    def _document(self, member: Member, most: int, brackets: int, commas: int) -> dict[str, Any]:
        return parse(member.name, member.read(self.content, most), brackets, commas)

    @property
    def flatbuffer(self) -> memoryview:
        """The part that a TFLite interpreter reads."""
        return memoryview(self.content)[: self._length]

    @contextlib.contextmanager
    def _trusting_nothing(self) -> Iterator[None]:
        """Turn whatever a damaged or hostile file provokes into one sentence."""
        try:
            yield
        except _DAMAGE as error:
            raise ModelFileError(
                f"{self.name}: not a textgenrnn-pi model, or damaged ({shown(error, 200)})",
                "make one with rnn-convert, or copy it again",
            ) from None

    def network(self) -> Network:
        """Return the weights, mapped in place (int8 ones as float32 copies).

        Raises:
            ModelFileError: an array does not lie where the manifest says it does.
        """
        with self._trusting_nothing():
            network = read_network(self.flatbuffer, self.manifest.arrays, self.config)
            if network.classes != self.vocabulary.classes:
                raise ValueError("the arrays do not have the classes that the manifest gives")
            return network

    def ngrams(self) -> NgramSet | None:
        """Return the n-grams of the texts that the network was trained on, if the file has them.

        Raises:
            ModelFileError: they are damaged, or those of another kind of network.
        """
        if self._ngrams is None:
            return None
        with self._trusting_nothing():
            found = NgramSet.from_bytes(self._ngrams.read(self.content, MAX_NGRAM_BYTES))
            if (found.unit == "words") != self.config.word_level:
                raise ValueError(f"its n-grams are of {found.unit}, its tokens are not")
            return found

    def golden(self) -> Golden:
        """Return the golden windows.

        Raises:
            ModelFileError: they are damaged.
        """
        length, classes = self.config.max_length, self.vocabulary.classes
        numbers = MAX_GOLDEN * (length + classes + 1)
        most = SMALL_MEMBER_BYTES + 40 * numbers
        with self._trusting_nothing():
            found = self._document(self._golden, most, 100, numbers + 100)
            return Golden.from_json(found, length, classes)


def without_waiting(path: str, flags: int) -> int:
    """Open a file, as an `opener`; a FIFO is not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _models_beside(path: Path) -> str:
    """Return advice that names the models in the folder of a missing one, the nearest first."""
    try:
        beside = {each.stem: str(each) for each in sorted(path.parent.glob("*.tflite"))}
    except OSError:
        return ""
    from difflib import get_close_matches

    if near := get_close_matches(path.stem, beside, 1):
        return f"did you mean {shown_path(beside[near[0]])}?"
    return f"there is {shown(', '.join(list(beside.values())[:5]), 500)}" if beside else ""


def _check_kind(path: Path, file: IO[bytes]) -> None:
    """Recognize what is taken for a model most often: what the model is made of.

    Raises:
        ModelFileError: it is that; the message says what to do with it.
    """
    start = file.read(64)
    file.seek(0)
    if start[4:8] == TFLITE:
        return
    suffix, name = path.suffix.lower(), shown_path(path)
    if start.startswith((HDF5, ZIP)) or suffix in (".hdf5", ".h5", ".keras", ".zip"):
        raise ModelFileError(
            f"{name} is a checkpoint, not a model", f"run: rnn-convert {_quoted(path)}"
        )
    if suffix == ".json" or re.match(rb'\s*\{\s*"', start):
        weights = [each.name for each in sorted(path.parent.glob("*_weights.hdf5"))]
        stem = path.name.partition("_")[0]
        own = [each for each in weights if each.startswith(f"{stem}_")] or weights
        raise ModelFileError(
            f"{name} is a vocab or config, not a model",
            f"run: rnn-convert {_quoted(path.with_name(own[0]))}"
            if own
            else "give the _weights.hdf5 beside it to rnn-convert",
        )
    if suffix in (".txt", ".csv"):
        raise ModelFileError(
            f"{name} is a text, not a model", "name a .tflite file; rnn-train makes one of a text"
        )


def _quoted(path: Path) -> str:
    return shlex.quote(shown_path(path))


def read_network(flatbuffer: Any, arrays: Mapping[str, ArraySpec], config: Config) -> Network:
    """Return the network whose arrays lie in a buffer.

    Raises:
        ValueError: an array reaches beyond the buffer, or the architecture is not the config's.
    """
    # Two arrays may be the same bytes, as TensorFlow stores equal constants once, and the bytes of
    # zeros are found wherever zeros are. But the file must justify what they cost together.
    if sum(math.prod(spec.shape) for spec in arrays.values()) > len(flatbuffer):
        raise ValueError("the arrays hold more numbers than the FlatBuffer has bytes")
    network = Network.from_arrays(
        {name: spec.read(flatbuffer) for name, spec in arrays.items()},
        config.rnn_layers,
        config.rnn_bidirectional,
    )
    if (network.units, network.embedding.shape[1]) != (config.rnn_size, config.dim_embeddings):
        raise ValueError("the arrays do not have the shapes that the config gives")
    return network


def pack_model(
    flatbuffer: bytes,
    manifest: Manifest,
    config: Config,
    vocabulary: Vocabulary,
    golden: Golden,
    ngrams: NgramSet | None = None,
) -> bytes:
    """Return an artefact's bytes; the same input gives the same bytes."""
    documents: dict[str, Any] = {
        "manifest.json": manifest.to_json(),
        "config.json": config.to_json(vocabulary),
        "vocab.json": vocabulary.ids,
        "golden.json": golden.to_json(),
    }
    return seal(flatbuffer, documents | ({NGRAMS: ngrams.to_bytes()} if ngrams else {}))


def seal(flatbuffer: bytes, documents: Mapping[str, Any]) -> bytes:
    """Return a FlatBuffer with the four documents behind it, its length and hash among them.

    With `NGRAMS` among the documents, which are bytes, it is a file of version 2.
    """
    manifest = {
        **documents["manifest.json"],
        "format_version": 2 if NGRAMS in documents else 1,
        "flatbuffer": {
            "length": len(flatbuffer),
            "sha256": hashlib.sha256(flatbuffer).hexdigest(),
        },
    }
    import zipfile  # which reading a model does without

    packed = io.BytesIO()
    packed.write(flatbuffer)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name in MEMBERS:
            document = manifest if name == "manifest.json" else documents[name]
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json.dumps(document, ensure_ascii=False, indent=1))
        if NGRAMS in documents:
            # Stored: half of its bits are set by chance, and nothing packs that.
            archive.writestr(zipfile.ZipInfo(NGRAMS, (1980, 1, 1, 0, 0, 0)), documents[NGRAMS])
    return packed.getvalue()
