"""textgenrnn's checkpoints, HDF5 or .keras, as a `Network`.

The file's kind is told by how it begins, its arrays are read by h5py in a child process (see
`reading`), and `keras_layout` knows what they mean. Nothing here imports h5py.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convert.errors import AGAIN, GIVE_WEIGHTS, CheckpointError
from convert.weights.keras_layout import layout_of, network_from_keras, recurrent_layers
from convert.weights.reading import Contents, Unreadable, read_layers
from convert.weights.strangers import (
    CONTEXT,
    START_BYTES,
    foreign_file,
    foreign_folder,
    missing_file,
    strange_layers,
)
from pi_runtime.errors import shown, shown_path
from pi_runtime.model.file import HDF5, without_waiting
from pi_runtime.model.network import FloatArray, Network

MAX_FILE_BYTES = 4 << 30


@dataclass(frozen=True)
class Checkpoint:
    """A network and the file it was read from."""

    path: Path
    sha256: str
    network: Network
    layout: str
    """The file's Keras layout and version, for people to read."""
    notes: tuple[str, ...] = ()
    """What of the file was kept out, for people to read."""
    sidecars: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of the "vocab" and the "config" written with it, if the file tells them."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a textgenrnn checkpoint.

    Raises:
        CheckpointError: the file is missing, not HDF5, not textgenrnn's, or its weights are
            damaged.
        ImportError: h5py is not installed.
    """
    try:
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            _check_kind(file, size, path)
            contents = read_layers(file, size)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return _checkpoint(path, digest, contents)
    except Unreadable as error:
        raise CheckpointError(f"{shown_path(path)}: {error.what}", error.todo) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno == errno.ENOENT and (found := missing_file(path)):
            raise CheckpointError(f"{shown_path(path)}: {found[0]}", found[1]) from None
        raise CheckpointError(f"{shown_path(path)}: {reason}", GIVE_WEIGHTS) from None


def _open(path: Path) -> io.FileIO:
    """Open a regular file; a FIFO is not waited for, and a device not read.

    It is not buffered: the child process moves the same position.
    """
    _check_regular(path.stat(), path)
    file = open(path, "rb", buffering=0, opener=without_waiting)  # noqa: SIM115
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except Unreadable:
        file.close()
        raise
    return file


def _check_regular(found: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise Unreadable(*foreign_folder(path))
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("is no regular file, but a pipe or a device", GIVE_WEIGHTS)


def _check_kind(file: io.FileIO, size: int, path: Path) -> None:
    """Check how a file begins; leave it at its start."""
    start = file.read(START_BYTES)
    if size > MAX_FILE_BYTES:
        raise Unreadable(f"the file has {size >> 20} MB", GIVE_WEIGHTS)
    offset = 0
    while start[:2] != b"PK":
        # HDF5 may begin behind a block of the user's own.
        file.seek(offset)
        if file.read(len(HDF5)) == HDF5:
            break
        offset = 2 * offset or 512
        if offset >= size:
            raise Unreadable(*foreign_file(start, path))
    file.seek(0)


def _checkpoint(path: Path, digest: str, contents: Contents) -> Checkpoint:
    layers = contents.layers
    try:
        problems = strange_layers(layers)
        if problems:
            also = f" (also: {'; '.join(what for what, _ in problems[1:6])})"
            what, todo = problems[0]
            raise Unreadable(what + (also if problems[1:] else ""), todo)
        network = network_from_keras(layers)
        layout = layout_of(layers["rnn_1"])
    except (LookupError, ValueError, TypeError) as error:
        what = shown(str(error).strip("'"), 200)
        raise Unreadable(f"not a readable checkpoint ({what})", AGAIN) from None
    # The halves of a CuDNN bias may be finite and their sum not.
    if damaged := _not_finite(_used(layers)) or _not_finite(network.arrays().values()):
        raise Unreadable(
            f"{damaged} of its arrays hold NaN or infinity: the training diverged",
            "take an earlier checkpoint, or train again with a lower learning rate",
        )
    notes: tuple[str, ...] = ()
    if any(arrays for name, arrays in layers.items() if name.startswith(CONTEXT)):
        notes = ("trained with labels; their layer is left out, the text needs none",)
    layout = f"{layout}, Keras {contents.version}"
    return Checkpoint(path, digest, network, layout, notes, contents.sidecars)


def _not_finite(arrays: Iterable[FloatArray]) -> int:
    return sum(not np.isfinite(array).all() for array in arrays)


def _used(layers: Mapping[str, tuple[FloatArray, ...]]) -> list[FloatArray]:
    used = ("embedding", *recurrent_layers(layers), "attention", "output")
    return [array for name in used for array in layers[name]]
