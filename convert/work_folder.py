"""A private folder for the files of a conversion, which goes with it, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = "rnn-convert-"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a folder that is removed afterwards, as are those that killed runs left.

    Raises:
        OSError: there is no room for it.
    """
    _remove_leftovers()
    folder, lock = _create()
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _create() -> tuple[Path, int | None]:
    """Create a folder and lock it, which tells others that its owner is alive."""
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX))
        if not fcntl:
            return folder, None
        with suppress(FileNotFoundError):  # another run took it for a leftover
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return folder, lock
            os.close(lock)


def _remove_leftovers() -> None:
    """Remove this user's folders that no process holds."""
    if not fcntl:
        return
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(handle).st_uid == os.geteuid():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
