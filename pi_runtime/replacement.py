"""A file that takes another's place in one step, and what a killed run leaves of one."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where a file in use can be neither removed nor renamed
    fcntl = None  # type: ignore[assignment]

MAX_ENTRIES = 10_000
"""How many names of a folder are looked at for what killed runs left."""

FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""For opening any file: no child inherits it, and Windows leaves its line breaks alone."""

_LEFT = re.compile(r"\..+\.rnn-\d+-[0-9a-f]{8}\.tmp", re.DOTALL)
"""The name of a temporary file."""

_NAME_LENGTH = 50
"""Characters of the target's name in it: with four bytes each, a file system takes them all."""


@contextlib.contextmanager
def replacement(path: Path, *, new: bool = False) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place once it is complete and on the disk.

    `path` is the file itself, no link to it. It keeps its mode, owner, group, ACL and user
    attributes as far as this user may set them; its other hard links keep the old content. A new
    file gets the mode that the umask leaves. With `new` nothing is replaced: of several that are to
    be `path` at once, one becomes it.

    Raises:
        FileExistsError: `new`, and `path` is there.
        OSError: it could not be written. `path` is as it was, unless the last step alone failed:
            to make the new name last on the disk.
    """
    remove_leftovers(path.parent)
    old = path.stat() if path.exists() else None
    # Named before it is there: a signal may end this run while the system creates it.
    temporary, held = _temporary_name(path), None
    try:
        while (file := _create(temporary, 0o666 if old is None else 0o600)) is None:
            temporary = _temporary_name(path)
        # A second descriptor holds the lock until the file has its name; closing the first one is
        # where some file systems report that the content did not arrive.
        held = os.dup(file.fileno()) if fcntl is not None else None
        with file:
            yield file
            file.flush()
            if old is not None:
                _take_over(path, old, file.fileno())
            os.fsync(file.fileno())
        (_place if new else Path.replace)(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if held is not None:
            os.close(held)
    sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of runs that were killed: this user's, and held by nobody."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for _, entry in zip(range(MAX_ENTRIES), entries, strict=False):
            if _LEFT.fullmatch(entry.name):
                _remove_unless_held(entry.path)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can tell.

    Raises:
        OSError: they are not.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # a folder that may be written to and not be read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            error.filename = str(folder)
            raise
    finally:
        os.close(handle)


def _temporary_name(path: Path) -> Path:
    name = f".{path.name[:_NAME_LENGTH]}.rnn-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    return path.parent / name


def _create(temporary: Path, mode: int) -> IO[bytes] | None:
    """Create a temporary file and lock it, which tells others that its owner is alive.

    None: the name is taken, or another run took the file for a leftover and removes it.
    """
    try:
        # The mode that the umask leaves cannot be asked for without changing it for a moment.
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | FLAGS, mode)
    except FileExistsError:
        return None
    except OSError as error:
        error.filename = str(temporary.parent)
        raise
    if fcntl is None or _locked(handle):
        return os.fdopen(handle, "w+b")
    os.close(handle)
    return None


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name unless another one has it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.replace(path)
    else:
        temporary.unlink()


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, where nobody else gets one either
        return True
    return os.fstat(handle).st_nlink > 0


def _remove_unless_held(path: str) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | FLAGS)
        try:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)  # noqa: PTH108
        finally:
            os.close(handle)


def _take_over(path: Path, old: os.stat_result, handle: int) -> None:
    """Give a file the owner, group, mode and attributes of the one that it replaces."""
    if not hasattr(os, "fchown"):
        return
    mode = old.st_mode & 0o777
    new = os.fstat(handle)
    if old.st_gid != new.st_gid:
        try:
            os.fchown(handle, -1, old.st_gid)
        except OSError:  # what the old group might do is not this group's
            mode &= ~0o070 | (mode & 0o007) << 3
    if old.st_uid != new.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(handle, old.st_uid, -1)
    os.fchmod(handle, mode)
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(path):
            if name.startswith("user.") or name == "system.posix_acl_access":
                with contextlib.suppress(OSError):
                    os.setxattr(handle, name, os.getxattr(path, name))
