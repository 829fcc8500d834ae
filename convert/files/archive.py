"""A zip of a checkpoint's files, as a notebook or a mail hands it over, read as it is.

Only the weights and the JSON files are unpacked, into a private folder that is removed, under their
bare names: what path a member claims does not matter. Counts, sizes and ratios are checked before
and while bytes are read.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from convert.errors import CheckpointError
from convert.files.names import WEIGHTS_SUFFIXES
from convert.work_folder import work_folder
from pi_runtime.errors import Error, shown, shown_path

MAX_MEMBERS = 1000
MAX_DIRECTORY_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 1 << 30
MAX_RATIO = 200
"""Unpacked to packed, of what is not small. Weights shrink by a tenth, JSON to a tenth."""
SMALL = 16 << 20
CHUNK = 1 << 20

ZIP = b"PK\x03\x04"
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x07"
_END_SIZE = 22
_KERAS = {"config.json", "metadata.json", "model.weights.h5"}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip, and no .keras file, which is one too."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if file.read(4) not in (ZIP, _END):
                return False
            try:
                _check_directory(file, "")
                with zipfile.ZipFile(file) as archive:
                    return not set(archive.namelist()) >= _KERAS
            except (CheckpointError, *_DAMAGE):
                return path.suffix.lower() != ".keras"
    except OSError:
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield the path of the weights of an archive, unpacked with the JSON files beside them.

    Errors raised within name the archive, not the folder.

    Raises:
        CheckpointError: it has not just one file of weights, or is not to be unpacked.
        OSError: it cannot be read, or there is no room for what it holds.
    """
    with work_folder() as folder:
        try:
            yield _unpack(path, folder)
        except Error as error:
            inside, outside = f"{folder}{os.sep}", f"{shown_path(path)}: "
            what, todo = (text.replace(inside, outside) for text in (error.what, error.todo))
            raise type(error)(what, todo) from None


def _unpack(path: Path, folder: Path) -> Path:
    name = shown_path(path)
    try:
        with path.open("rb") as file:
            _check_directory(file, name)
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, name)
                weights = _weights(members, name)
                left = MAX_UNPACKED_BYTES
                for target, info in _wanted(members, weights).items():
                    left -= _extract(archive, info, folder / target, left, name)
    except _DAMAGE as error:
        raise CheckpointError(
            f"{name}: a damaged zip ({shown(error)})", "copy or download it again"
        ) from None
    return folder / PurePosixPath(weights).name


def _check_directory(file: IO[bytes], name: str) -> None:
    """Bound the list of members before zipfile makes objects of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_SIZE - 0xFFFF - 20))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise CheckpointError(f"{name}: a zip that is cut off", "copy or download it again")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES or tail[: at - 16].endswith(_END_64):
        raise CheckpointError(
            f"{name}: a zip of too many files",
            "make one of the weights, vocab and config alone",
        )
    file.seek(0)


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by their paths in it, less what macOS adds."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in info.orig_filename:
            raise _refused(name, info, "leads out of it")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(name, info, "is a link or a device")
        if info.is_dir() or "__MACOSX" in path.parts or path.name.startswith("._"):
            continue
        if str(path) in members:
            raise _refused(name, info, "is there twice")
        members[str(path)] = info
    return members


def _refused(name: str, info: zipfile.ZipInfo, why: str) -> CheckpointError:
    return CheckpointError(
        f"{name}: its file {shown(info.filename)} {why}", "unpack it yourself and look at it"
    )


def _weights(members: dict[str, zipfile.ZipInfo], name: str) -> str:
    weights = sorted(path for path in members if path.lower().endswith(WEIGHTS_SUFFIXES))
    if len(weights) > 1:
        raise CheckpointError(
            f"{name}: holds several weights: {', '.join(shown_path(path) for path in weights[:5])}",
            "unpack it and convert each by itself",
        )
    if not weights:
        nested = [path for path in members if path.lower().endswith((".zip", ".tar", ".gz"))]
        if nested:
            raise CheckpointError(
                f"{name}: holds {shown(nested[0])} and no weights", "unpack it, and convert that"
            )
        raise CheckpointError(
            f"{name}: a zip without weights",
            "put the _weights.hdf5 that textgenrnn saved into it, or give that",
        )
    return weights[0]


def _wanted(members: dict[str, zipfile.ZipInfo], weights: str) -> dict[str, zipfile.ZipInfo]:
    """Return what to unpack by its bare name; of two of a name, the one nearer to the weights."""
    folder = PurePosixPath(weights).parent
    tables = sorted(
        (PurePosixPath(path) for path in members if path.lower().endswith(".json")),
        key=lambda path: (path.parent != folder, len(path.parts), str(path)),
    )
    wanted = {PurePosixPath(weights).name: members[weights]}
    for path in tables:
        wanted.setdefault(path.name, members[str(path)])
    return wanted


def _extract(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int, name: str
) -> int:
    """Unpack one member; return how many bytes it had."""
    if info.flag_bits & 0x1:
        raise _refused(name, info, "is encrypted")
    if info.compress_type not in _METHODS:
        raise _refused(name, info, "is compressed in a way that is not read here")
    allowed = min(left, max(SMALL, MAX_RATIO * info.compress_size))
    done = 0
    try:
        with archive.open(info) as member, target.open("xb") as file:
            while chunk := member.read(CHUNK):
                done += len(chunk)
                if done > allowed:
                    raise _refused(name, info, "is too large, or inflates too much")
                file.write(chunk)
    except OSError as error:
        raise _refused(name, info, f"cannot be unpacked ({error.strerror or error})") from None
    return done
