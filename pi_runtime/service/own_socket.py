"""A control socket that the service opens itself, where systemd hands over none."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from pathlib import Path

from pi_runtime.errors import UsageError


class OwnSocket:
    """A listening socket at a path, for this user and its group, and a lock beside it.

    Of services that start at the same moment one gets the lock. It makes the socket under another
    name and renames it, so the path always leads to a socket that somebody listens on.
    """

    def __init__(self, path: Path) -> None:
        """Listen there; take over from a service that is dead.

        Raises:
            UsageError: another service listens there, or something else is there.
            OSError: it cannot be made.
        """
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._lock = self._locked()
        try:
            self._refuse_foreign()
            self.listener = self._bound()
        except BaseException:
            self._unlock()
            raise
        self._identity = _identity(path)

    def close(self) -> None:
        """Stop listening; remove the socket, if it is still this one, and the lock."""
        self.listener.close()
        if _identity(self._path) == self._identity:
            self._path.unlink()
        self._unlock()

    def _locked(self) -> int:
        """Return the lock file's descriptor, once it is locked and still there."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        while True:
            lock = os.open(self._lock_path, flags, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise self._taken() from None
            if _identity(self._lock_path) == _pair(os.fstat(lock)):
                return lock
            os.close(lock)  # its owner removed it meanwhile

    def _unlock(self) -> None:
        self._lock_path.unlink(missing_ok=True)  # while it is locked: nobody else's is removed
        os.close(self._lock)

    def _taken(self) -> UsageError:
        return UsageError(f"a service already listens on {self._path}", "stop it first")

    def _refuse_foreign(self) -> None:
        """Refuse what is no socket, and one on which a service without a lock listens."""
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise UsageError(f"{self._path} is there and is no socket", "give another path")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a full queue is a listener too
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                return  # its owner is gone
            except BlockingIOError:
                pass
        raise self._taken()

    def _bound(self) -> socket.socket:
        """Return the listener, with its path renamed into place."""
        # As short as can be, for a path has 108 bytes at most.
        fresh = self._path.with_name(f".{os.getpid():x}")
        fresh.unlink(missing_ok=True)  # of a process of that number that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o117)
        try:
            listener.bind(str(fresh))
            listener.listen(128)
            fresh.rename(self._path)
        except BaseException:
            listener.close()
            fresh.unlink(missing_ok=True)
            raise
        finally:
            os.umask(mask)
        return listener


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other; None if there is none."""
    try:
        return _pair(path.lstat())
    except FileNotFoundError:
        return None


def _pair(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
