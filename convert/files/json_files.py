"""JSON tables beside a checkpoint, read without trusting them: in any Unicode encoding, bounded.

A folder may hold anything under the name of a vocab: a data set of gigabytes, a FIFO, an array of a
million empty arrays. So a file is looked at before it is read, and its text before it is parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_runtime.model.file import without_waiting

MAX_BYTES = 64 << 20
MAX_CONFIG_BYTES = 1 << 20

# A string, closed or cut off, as one match: so the scan is linear whatever the text.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_FIRST_NUMBER = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*+"\s*:\s*[0-9]')
_OPENS_TABLE = re.compile(r"\s*\{\s*[\"}]")


class NotATable(Exception):  # noqa: N818 - no failure, but an answer
    """Why a file is not what it was looked at for."""


@dataclass(frozen=True)
class Table:
    """An object of a JSON file, and the hash of the file's bytes."""

    pairs: list[tuple[str, Any]]
    """Its members in the order of the file, repeated keys too."""
    sha256: str

    @property
    def members(self) -> dict[str, Any]:
        """The object as Python's json reads it: of a repeated key, the last value counts."""
        return dict(self.pairs)


def looks_like_a_table(path: Path, least: int = 0, most: int = MAX_BYTES) -> bool:
    """Return whether a regular file of a size in these bounds begins as a JSON object does."""
    try:
        return least <= path.stat().st_size <= most and bool(_OPENS_TABLE.match(_start(path)))
    except (OSError, NotATable):
        return False


def begins_with_a_number(path: Path) -> bool:
    """Return whether the first member of an object in a file is a number, as every vocab's is.

    Raises:
        NotATable: it is no regular file.
        OSError: it cannot be read.
    """
    return bool(_FIRST_NUMBER.match(_start(path)))


def _start(path: Path) -> str:
    content = _read(path, 512)
    return content.decode(json.detect_encoding(content), "replace").removeprefix("\ufeff")


def read_table(path: Path, most: int = MAX_CONFIG_BYTES, members: int | None = None) -> Table:
    """Read a file of at most `most` bytes; an empty one is an empty table.

    With `members`, the table is flat, of at most that many members.

    Raises:
        NotATable: it is not such a table; the message says what it is.
        OSError: it cannot be read.
    """
    content = _read(path, most + 1)
    if len(content) > most:
        raise NotATable(f"it is larger than {most >> 10} KiB")
    sha256 = hashlib.sha256(content).hexdigest()
    if stranger := _stranger(content):
        raise NotATable(f"it is {stranger}")
    try:
        # What json.loads does with bytes, but strict: half a surrogate pair is no character.
        text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise NotATable("it is not JSON in UTF-8, UTF-16 or UTF-32") from None
    if not text.strip():
        return Table([], sha256)
    if members is not None:
        _check_flat(text, members)
    pairs: list[tuple[str, Any]] = []

    def remember(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs[:] = found  # the outermost object is the last to end
        return dict(found)

    try:
        table = json.loads(text, object_pairs_hook=remember)
    except (ValueError, RecursionError):
        raise NotATable("it is not JSON") from None
    if not isinstance(table, dict):
        raise NotATable("it is not a table")
    return Table(pairs, sha256)


def _stranger(content: bytes) -> str:
    """Return what a download that went wrong left in place of a table."""
    start = content[:64].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not the file itself"
    if start.startswith((b"\x1f\x8b", b"pk\x03\x04")):
        return "packed: unpack it first"
    return ""


def _check_flat(text: str, members: int) -> None:
    """Refuse, before it is parsed, what would take many times its size in memory."""
    too_many = NotATable("it has more tokens than the weights have classes")
    if text.count('"') > 4 * members:
        raise too_many
    outside = _STRING.sub("", text)
    if "[" in outside or outside.count("{") != 1:
        raise NotATable("it is not a table of tokens and ids")
    if outside.count(",") >= members:
        raise too_many


def _read(path: Path, most: int) -> bytes:
    """Return the first bytes of a regular file; never wait, as for who writes into a FIFO."""
    try:
        file = open(path, "rb", opener=without_waiting)  # noqa: SIM115
    except IsADirectoryError:
        raise NotATable("it is not a file") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise NotATable("it is not a file")
        return file.read(most)


def as_whole(value: Any) -> int | None:
    """Return a whole number that a config has as one, as 40.0 or as "40"; None if it is none."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}(\.0+)?\s*", value, re.ASCII):
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int else None


def as_flag(value: Any) -> bool | None:
    """Return what a config has as true, "true" or 1, or as false; None if it is neither."""
    if isinstance(value, str):
        value = {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    if type(value) is int and value in (0, 1):
        value = bool(value)
    return value if isinstance(value, bool) else None
