"""Writing files so that they are never half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO


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
def whole_lines(path: Path) -> Iterator[Callable[[str], None]]:
    """Truncate `path` and yield a function that appends one whole line to it at once.

    However writing ends (a full disk, Ctrl-C), the file holds whole lines only.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("wb", buffering=0) as file:
        whole = 0

        def write(line: str) -> None:
            nonlocal whole
            rest = memoryview(line.encode("utf-8") + b"\n")
            while rest:
                rest = rest[file.write(rest) :]
            whole = file.tell()

        try:
            yield write
        except BaseException as error:
            file.truncate(whole)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            raise
