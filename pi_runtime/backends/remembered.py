"""Which model files were proved here before: small files, named by what was proved, in a cache.

A name is the SHA-256 of the whole model file, of this package's version, and of the interpreter and
the kind of processor that computed it: whatever changes, the proof is made again. The folder is
believed only if it is this user's alone. That it cannot be written is no error: then every process
proves its model for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
from pathlib import Path

from pi_runtime._version import __version__
from pi_runtime.files import replacing

MAX_ENTRIES = 256
"""What is older is forgotten."""
MAX_REASON = 1000
"""Bytes."""


def recall(sha256: str, computed_by: str) -> str | None:
    """Return "" if a model was proved with this interpreter, or why that does not take the file.

    None: it is not known.
    """
    folder = _folder()
    if folder is None or not _own(folder):
        return None
    try:
        with (folder / _name(sha256, computed_by)).open("rb") as file:
            return file.read(MAX_REASON).decode("utf-8", "replace")
    except OSError:
        return None


def remember(sha256: str, computed_by: str, refused: str = "") -> None:
    """Remember that a model was proved, or why an interpreter does not take the file."""
    folder = _folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if not _own(folder):
            return
        entries = sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[: max(0, len(entries) - MAX_ENTRIES + 1)]:
            entry.unlink(missing_ok=True)
        with replacing(folder / _name(sha256, computed_by)) as file:
            file.write(refused.encode("utf-8", "replace")[:MAX_REASON])


def _folder() -> Path | None:
    """Return where it is remembered: where systemd keeps the service's cache, or the user's."""
    for variable, below in (
        ("CACHE_DIRECTORY", ""),
        ("STATE_DIRECTORY", ""),
        ("XDG_CACHE_HOME", "textgenrnn-pi"),
        ("LOCALAPPDATA", "textgenrnn-pi"),
    ):
        first = Path(os.environ.get(variable, "").partition(os.pathsep)[0])
        if first.is_absolute():
            return first / below / "proved"
    try:
        return Path.home() / ".cache" / "textgenrnn-pi" / "proved"
    except RuntimeError:
        return None


def _own(folder: Path) -> bool:
    """Return whether a folder is this user's, and no other user may write in it."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows, where it lies among the user's own files
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _name(sha256: str, computed_by: str) -> str:
    key = "\n".join((sha256, __version__, computed_by, platform.machine()))
    return hashlib.sha256(key.encode()).hexdigest()
