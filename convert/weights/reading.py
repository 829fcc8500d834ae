"""Reads the arrays of a file through a child process, which may crash, loop or be killed.

See `hdf5_process` for what the two say to each other.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any, cast

import numpy as np

from convert.errors import AGAIN
from convert.weights.hdf5_process import BEGUN, LENGTH_BYTES, cpu_seconds
from pi_runtime.errors import shown
from pi_runtime.model.network import FloatArray

MAX_HEAD_BYTES = 16 << 20
START_SECONDS = 120.0
"""Python, NumPy and h5py may have to be read from a slow disk first."""


class Unreadable(Exception):  # noqa: N818 - it becomes a CheckpointError
    """A file whose arrays cannot be had: what is wrong with it, and what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    version: str
    """Of the Keras that wrote it, or "?"; control characters are escaped."""
    layers: dict[str, tuple[FloatArray, ...]]
    """Each layer's arrays, in Keras's order."""
    sidecars: dict[str, str]
    """The SHA-256 of the "vocab" and the "config" written with it, if the file tells them."""


def read_layers(file: IO[bytes], size: int) -> Contents:
    """Read the layers of an open HDF5 or .keras file of `size` bytes.

    Raises:
        Unreadable: it is damaged, or no Keras weights, or something that is not read.
        ImportError: h5py is not installed.
    """
    if find_spec("h5py") is None:
        raise ImportError("No module named 'h5py'", name="h5py")
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",  # each thread would cost address space and time
        "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded as a library
        "HDF5_USE_FILE_LOCKING": "FALSE",
    }
    quiet = None if os.environ.get("RNN_DEBUG") else subprocess.DEVNULL
    with subprocess.Popen(
        # -P: nothing is imported from the folder that the user happens to be in.
        [sys.executable, "-X", "utf8", "-P", "-m", "convert.weights.hdf5_process", str(size)],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=quiet,
        env=environment,
    ) as child:
        try:
            return _receive(child, size)
        finally:
            child.kill()


def _receive(child: subprocess.Popen[bytes], size: int) -> Contents:
    pipe = cast(IO[bytes], child.stdout)
    starting = threading.Timer(START_SECONDS, child.kill)
    reading = threading.Timer(2.0 * cpu_seconds(size), child.kill)
    starting.start()
    try:
        begun = pipe.read(1)
        starting.cancel()
        reading.start()
        if begun != BEGUN:
            raise Unreadable("h5py does not start here", "install it again: pip install -U h5py")
        head = _head(pipe)
        if "refused" in head:
            what, todo = head["refused"]
            raise Unreadable(shown(what, 600), shown(todo, 200))
        arrays = [_values(pipe, shape) for shape in head["shapes"]]
        layers = {name: tuple(arrays[at] for at in indices) for name, indices in head["layers"]}
        sidecars = {str(name): str(digest) for name, digest in head["sidecars"].items()}
        return Contents(shown(head["version"], 40), layers, sidecars)
    except _BROKEN:
        raise Unreadable("the HDF5 structure is damaged", AGAIN) from None
    finally:
        starting.cancel()
        reading.cancel()


_BROKEN = (
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading from a child leads to that was killed, or that a damaged file has led astray."""


def _head(pipe: IO[bytes]) -> dict[str, Any]:
    length = int.from_bytes(_exactly(pipe, LENGTH_BYTES), "little")
    if length > MAX_HEAD_BYTES:
        raise EOFError
    head: dict[str, Any] = json.loads(_exactly(pipe, length))
    return head


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    content = pipe.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _values(pipe: IO[bytes], shape: list[int]) -> FloatArray:
    array = np.empty(shape, "<f4")
    content: Any = array.reshape(-1).view(np.uint8)
    if cast(io.BufferedReader, pipe).readinto(content) < array.nbytes:
        raise EOFError
    return array.astype(np.float32, copy=False)
