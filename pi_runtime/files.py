"""Writing files so that they are never half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pi_runtime.errors import UsageError


def checked_target(name: str, option: str) -> Path:
    """Return the path of a file to be written; whether it can be is found out before the work.

    Raises:
        UsageError: it cannot be; the message says what to do.
    """
    path, advice = Path(name), f"name another with {option}"
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", f"name a file with {option}")
    folder = path if name.endswith("/") else path.parent
    if not folder.is_dir():
        if folder.exists():
            raise UsageError(f"{folder}: is no folder", advice)
        create = f"create it (mkdir -p {shlex.quote(str(folder))})"
        raise UsageError(f"{folder}: no such folder", f"{create}, or {advice}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"{path}: not for this user to write", advice)
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes `path`'s place once it is complete and on the disk.

    A symbolic link is followed. A device or a pipe is never replaced by a regular file.

    Raises:
        OSError: it could not be written; `path` is untouched, and nothing is left beside it.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        error.filename = str(path.parent)
        raise
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; these are meant to be read.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, name):
            error.filename, error.filename2 = str(path), None
        raise


@contextlib.contextmanager
def whole_chunks(path: Path) -> Iterator[Callable[[str], None]]:
    """Truncate `path` and yield a function that appends one whole chunk to it at once.

    However writing ends (a full disk, Ctrl-C), the file holds whole chunks only.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("wb", buffering=0) as file:
        whole = 0

        def write(chunk: str) -> None:
            nonlocal whole
            content = chunk.encode("utf-8")
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            whole += len(content)

        try:
            yield write
        except BaseException as error:
            if file.seekable():  # and not a pipe
                file.truncate(whole)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            raise


@contextlib.contextmanager
def whole_lines(path: Path) -> Iterator[Callable[[str], None]]:
    """Truncate `path` and yield a function that appends one whole line to it. See `whole_chunks`.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_chunks(path) as write:
        yield lambda line: write(f"{line}\n")
