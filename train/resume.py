"""NAME_resume.npz: the state of an interrupted training, read as a file that may be anything."""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from pi_runtime.model.file import without_waiting
from train.errors import TrainingError

Array = npt.NDArray[Any]

MAX_STATE = 16 << 20
"""Bytes of the member that is not an array: two numbers per epoch, and some."""

MAX_HEADER = 4096
"""Bytes before the numbers of an array's member; NumPy writes 128."""

_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<type>[<>|=]?[a-zA-Z?]\d{0,8})', "
    rb"'fortran_order': (?P<by_columns>True|False), 'shape': \((?P<shape>[\d, ]{0,200})\), \} *\n",
    re.DOTALL,
)
"""What comes before the numbers in a .npy file."""

_DAMAGE = (
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,  # zipfile: of a compression that it does not know
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,  # zipfile: of an encrypted member
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged file may raise."""


@dataclass(frozen=True)
class TrainingState:
    """Everything that the next epoch depends on."""

    epoch: int
    """How many epochs are complete."""
    losses: list[float]
    val_losses: list[float]
    fingerprint: str
    """Of the settings and the texts."""
    variables: list[Array]
    """The model's, then the optimizer's."""

    def to_bytes(self) -> bytes:
        """Return the content of its file."""
        members = {**vars(self), "variables": len(self.variables)}
        content = io.BytesIO()
        np.savez(
            content,
            state=np.array(json.dumps(members)),
            **{f"v{index}": array for index, array in enumerate(self.variables)},
        )
        return content.getvalue()

    @classmethod
    def read(cls, path: Path, fingerprint: str, like: Sequence[Array]) -> TrainingState:
        """Read the state of the training with that fingerprint and variables `like` these.

        No more is read than such variables take, and nothing is unpickled.

        Raises:
            TrainingError: the file is missing, damaged, no such file at all or of another training.
        """
        try:
            with _regular(path) as raw, zipfile.ZipFile(raw) as file:
                members = _members(file)
                if members.get("fingerprint") != fingerprint:
                    raise TrainingError(
                        f"{path} is a training on other texts or with other settings",
                        "give the same again, or train without --resume",
                    )
                if members.pop("variables") != len(like):
                    raise ValueError("it has other variables than this model")
                variables = [
                    _array(file, f"v{index}", array.shape, array.dtype)
                    for index, array in enumerate(like)
                ]
            state = cls(variables=variables, **members)
            state._check()
            return state
        except FileNotFoundError:
            raise TrainingError(
                f"{path}: there is no interrupted training", "train without --resume"
            ) from None
        except PermissionError:
            raise TrainingError(
                f"{path}: not for this user to read", f"chmod u+r {path}, or train without --resume"
            ) from None
        except _DAMAGE as error:
            why = " ".join(ascii(str(error) or type(error).__name__)[1:-1].split())
            raise TrainingError(
                f"{path} is damaged or no state of a training ({why[:120]})",
                "train without --resume",
            ) from None

    def _check(self) -> None:
        """Check what JSON leaves open.

        Raises:
            ValueError: it is nothing that a training wrote.
        """
        if type(self.epoch) is not int or self.epoch < 1:
            raise ValueError("its epoch is no count")
        for losses, lengths in (
            (self.losses, {self.epoch}),
            (self.val_losses, {0, self.epoch}),
        ):
            if type(losses) is not list or len(losses) not in lengths:
                raise ValueError("its losses are not one per epoch")
            if not all(type(loss) is float and not math.isinf(loss) for loss in losses):
                raise ValueError("a loss is no finite number")
        if not all(np.isfinite(array).all() for array in self.variables):
            raise ValueError("a weight is no finite number")


def _regular(path: Path) -> IO[bytes]:
    """Open a file; a pipe is not waited for."""
    file = open(path, "rb", opener=without_waiting)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("not a regular file")
    return file


def _members(file: zipfile.ZipFile) -> dict[str, Any]:
    info = file.getinfo("state.npy")
    if info.file_size > MAX_STATE:
        raise ValueError("its state is too long")
    text = _unpacked(file.read(info))
    if text.shape != () or text.dtype.kind != "U":
        raise ValueError("its state is no text")
    members = json.loads(str(text))
    if type(members) is not dict:
        raise ValueError("its state is no JSON object")
    return members


def _array(file: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Read an array of that shape and type, and nothing else."""
    info = file.getinfo(f"{name}.npy")
    if info.file_size > math.prod(shape) * dtype.itemsize + MAX_HEADER:
        raise ValueError(f"{name} is longer than this model's")
    array = _unpacked(file.read(info))
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is of another shape or type than this model's")
    return array


def _unpacked(content: bytes) -> Array:
    """Return the array of a .npy file, which is no larger than the file says that it is."""
    # Not by NumPy, which runs a header through Python's own parser.
    header = _NPY.match(content)
    if not header:
        raise ValueError("an array has no header that NumPy writes")
    dtype = np.dtype(header["type"].decode())
    shape = tuple(int(length) for length in re.findall(rb"\d+", header["shape"]))
    numbers = content[header.end() :]
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(numbers):
        raise ValueError("an array is not as long as it says")
    order: Literal["F", "C"] = "F" if header["by_columns"] == b"True" else "C"
    return np.frombuffer(numbers, dtype).reshape(shape, order=order)
