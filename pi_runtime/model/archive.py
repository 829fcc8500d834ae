"""The ZIP at the end of a model file, read by its published layout and by nothing else's rules.

Source: PKWARE's APPNOTE 6.3.10, 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16
(its end). Only what a model file needs is read: members known by name, stored or deflated, one
behind the other. All headers are checked before a byte is inflated, and nothing is inflated beyond
what the caller allows: Python's zipfile believes the sizes that a file gives.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from typing import NamedTuple

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

MAX_DIRECTORY = 4096
"""Bytes of a central directory: five entries need four hundred."""

_ENCRYPTED = 0x2041
"""Encryption, strong encryption, and hidden headers, among an entry's flags."""

_OTHERS = "its associated files are not those that belong there"


class Member(NamedTuple):
    """A member whose headers are in order; its content is not inflated yet."""

    name: str
    start: int
    """Where its packed bytes begin."""
    packed: int
    size: int
    method: int
    """0: stored; 8: deflated."""
    crc: int

    def read(self, content: bytes, most: int) -> bytes:
        """Return what it holds.

        Raises:
            ValueError: that is more than `most` bytes, or not what its headers say.
        """
        if self.size > most:
            raise ValueError(f"{self.name} has {self.size} bytes, more than {most}")
        packed = content[self.start : self.start + self.packed]
        if self.method:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            # A byte more than it should hold, to see whether it holds more.
            data = inflater.decompress(packed, self.size + 1)
            if not inflater.eof or inflater.unused_data:
                raise ValueError(f"{self.name} is not packed as its headers say")
        else:
            data = packed
        if len(data) != self.size or zlib.crc32(data) != self.crc:
            raise ValueError(f"{self.name} is damaged")
        return data


def read_members(
    content: bytes, names: Collection[str], optional: Collection[str] = ()
) -> dict[str, Member]:
    """Return the members of the ZIP that ends a file, which must be just these, by name.

    Those that are `optional` may be there too.

    Raises:
        ValueError: there is no ZIP, its members are others, or a header is not in order.
    """
    if len(content) < _END.size or content[-_END.size :][:4] != b"PK\5\6":
        raise ValueError("not a ZIP file at its end")
    end = len(content) - _END.size
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(content, end)
    if disk or first_disk or here != count or count > len(names) + len(optional):
        raise ValueError(_OTHERS)
    if size > MAX_DIRECTORY or comment or start + size != end:
        raise ValueError("its ZIP directory does not lie where it should")
    members: dict[str, Member] = {}
    place = start
    for _ in range(count):
        member, place = _entry(content, place, end)
        if member.name not in (*names, *optional) or member.name in members:
            raise ValueError(_OTHERS)
        members[member.name] = member
    if not members.keys() >= set(names):
        raise ValueError(_OTHERS)
    if place != end:
        raise ValueError("its ZIP directory does not lie where it should")
    last = 0
    for member in sorted(members.values(), key=lambda member: member.start):
        # No overlap: a member's local header may not begin within the one before.
        if member.start - _LOCAL.size - len(member.name) < last:
            raise ValueError("its associated files overlap")
        last = member.start + member.packed
    if last > start:
        raise ValueError("its associated files overlap")
    return members


def _entry(content: bytes, place: int, end: int) -> tuple[Member, int]:
    """Return the member of a directory entry and where the next entry begins."""
    if place + _ENTRY.size > end:
        raise ValueError("its ZIP directory is cut off")
    fields = _ENTRY.unpack_from(content, place)
    magic, _, _, flags, method, _, _, crc, packed, size, named, extra, comment = fields[:13]
    header = fields[16]
    begin = place + _ENTRY.size
    following = begin + named + extra + comment
    if magic != b"PK\1\2" or following > end:
        raise ValueError("its ZIP directory is damaged")
    if flags & _ENCRYPTED or method not in (0, 8):
        raise ValueError("an associated file is encrypted, or packed in a way that no model is")
    if method == 0 and packed != size:
        raise ValueError("an associated file is not as large as it says")
    raw = content[begin : begin + named]
    if header + _LOCAL.size > end:
        raise ValueError("an associated file lies outside")
    local = _LOCAL.unpack_from(content, header)
    start = header + _LOCAL.size + local[9] + local[10]
    own = content[header + _LOCAL.size : header + _LOCAL.size + local[9]]
    if local[0] != b"PK\3\4" or own != raw or local[3] != method or start + packed > end:
        raise ValueError("an associated file is not where the ZIP directory says")
    return Member(raw.decode("ascii", "replace"), start, packed, size, method, crc), following
