"""Writing files: whole or not at all, to what cannot be replaced, and at the end of a file."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pi_runtime.errors import UsageError
from pi_runtime.replacement import FLAGS, replacement, sync_folder

MAX_LINKS = 40
"""How many links in a row are followed, as on Linux."""

_OF_A_PROCESS = ("/proc/", "/dev/fd/")
"""Where names of open files are, as /dev/stdout: renaming to one would not reach the file."""


def checked_target(name: str, option: str) -> Path:
    """Return the path of a file to be written; whether it can be is found out before the work.

    Raises:
        UsageError: it cannot be; the message says what to do.
    """
    path, advice = Path(name), f"name another with {option}"
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", f"name a file with {option}")
    if path.is_socket():
        raise UsageError(f"{path}: is a socket", advice)
    folder = path if name.endswith("/") else path.parent
    if not folder.is_dir():
        if folder.exists():
            raise UsageError(f"{folder}: is no folder", advice)
        create = f"create it (mkdir -p {shlex.quote(str(folder))})"
        raise UsageError(f"{folder}: no such folder", f"{create}, or {advice}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"{path}: not for this user to write", advice)
    return path


def check_replaceable(path: Path, option: str) -> None:
    """Find out before the work whether a file can be replaced, which its folder decides.

    Raises:
        UsageError: it cannot be; the message says what to do.
    """
    path = _followed(path)
    if _written_through(path):
        return
    folder, advice = path.parent, f"name a file in another folder with {option}"
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{folder}: not for this user to write, and a file in it is replaced as a whole", advice
        )
    if path.exists() and hasattr(os, "geteuid"):
        sticky = folder.stat().st_mode & stat.S_ISVTX
        if sticky and os.geteuid() not in (0, folder.stat().st_uid, path.stat().st_uid):
            raise UsageError(f"{path}: is another user's, in a folder that keeps it so", advice)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes `path`'s place once it is complete and on the disk.

    A symbolic link is followed. A device or a pipe is never replaced by a regular file. See
    `replacement`.

    Raises:
        OSError: it could not be written; `path` is untouched, and nothing is left beside it.
    """
    path = _followed(path)
    if _written_through(path):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    with replacement(path) as file:
        yield file


def replace_together(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together; a file that has its content already is left alone.

    All are complete and on the disk before the first takes its place; they do so in this order.

    Raises:
        OSError: one could not be written; nothing has changed, unless it was the taking place that
            failed: then those before it have changed.
    """
    with contextlib.ExitStack() as taking_place:  # the last one in is the first one out
        for path, content in reversed(list(files.items())):
            if not _has(path, content):
                file = taking_place.enter_context(replacing(path))
                file.write(content)
                file.flush()
                with _naming(path):
                    os.fsync(file.fileno())


def _has(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


@contextlib.contextmanager
def whole_texts(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes text to a file that appears when all of it is there.

    If writing ends early, for whatever reason, an older file stays. A pipe or a device, also one
    that a name like /dev/stdout stands for, is written to at once.

    Raises:
        OSError: the file cannot be written.
    """
    path = _followed(path)
    if not _written_through(path):
        with replacement(path) as file:
            yield lambda text: _write(file.fileno(), text.encode())
        return
    with _naming(path):
        # Never truncated: behind /dev/stdout there may be a file with something in it.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | FLAGS)
        try:
            yield lambda text: _write(handle, text.encode())
        finally:
            os.close(handle)


@contextlib.contextmanager
def appended_texts(path: Path, end: str = "\n", begin: str = "") -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a text at the end of a file; what is there is never touched.

    Each text is written at once, under a lock, so that any number of runs may append. One that
    cannot be written whole is cut off again. `end` is what ends each text: if the file does not end
    with it, as after a power cut, it is added first. `begin` is what an empty file begins with.

    Raises:
        OSError: the file cannot be written; it holds the whole texts that could be.
    """
    path = _followed(path)
    if _written_through(path):
        with whole_texts(path) as write:
            write(begin)
            yield write
        return
    new = not path.exists()
    with _naming(path):
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | FLAGS, 0o666)
        try:
            own = 0  # where this run's last text ended

            def append(text: str) -> None:
                nonlocal own
                own = _append(handle, text.encode(), end.encode(), begin.encode(), own)

            yield append
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            sync_folder(path.parent)


@contextlib.contextmanager
def whole_lines(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a line. See `whole_texts`.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_texts(path) as write:
        yield lambda line: write(f"{line}\n")


def _followed(path: Path) -> Path:
    """Return what a link leads to, up to a name that stands for an open file.

    Raises:
        OSError: it leads nowhere.
    """
    for _ in range(MAX_LINKS):
        if str(path).startswith(_OF_A_PROCESS) or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _written_through(path: Path) -> bool:
    return str(path).startswith(_OF_A_PROCESS) or (path.exists() and not path.is_file())


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors say which file it was."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _append(handle: int, content: bytes, end: bytes, begin: bytes, own: int) -> int:
    """Write it at the end in one call, or leave the file as it was. Return where it ends."""
    with _locked(handle):
        size = os.fstat(handle).st_size
        if not size:
            content = begin + content
        elif size != own:
            os.lseek(handle, max(0, size - len(end)), os.SEEK_SET)
            if os.read(handle, len(end)) != end:
                content = end + content
        try:
            _write(handle, content)
        except BaseException:
            os.ftruncate(handle, size)
            raise
        return size + len(content)


@contextlib.contextmanager
def _locked(handle: int) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
