"""The ZIP behind a FlatBuffer, whose headers are checked before anything is inflated."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from pi_runtime.model.archive import read_members

NAMES = ("a.json", "b.json")


def zipped(method: int = zipfile.ZIP_DEFLATED, prefix: bytes = b"graph") -> bytearray:
    packed = io.BytesIO()
    packed.write(prefix)
    with zipfile.ZipFile(packed, "a", method) as archive:
        archive.writestr("a.json", "x" * 1000)
        archive.writestr("b.json", "y")
    return bytearray(packed.getvalue())


def patched(magic: bytes, place: int, form: str, value: int) -> bytes:
    content = zipped()
    struct.pack_into(form, content, content.find(magic) + place, value)
    return bytes(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("prefix", [b"", b"graph"])
def test_members_come_back(method: int, prefix: bytes) -> None:
    content = bytes(zipped(method, prefix))
    members = read_members(content, NAMES)
    assert members["a.json"].read(content, 1000) == b"x" * 1000
    assert members["b.json"].read(content, 1) == b"y"
    with pytest.raises(ValueError, match="has 1000 bytes, more than 999"):
        members["a.json"].read(content, 999)


def test_an_optional_member_may_be_there_or_not() -> None:
    content = bytes(zipped())
    assert list(read_members(content, NAMES, ["c.bin"])) == list(NAMES)
    assert list(read_members(content, ["a.json"], ["b.json", "c.bin"])) == list(NAMES)
    for names, optional in (
        (["a.json"], ["c.bin"]),
        ([*NAMES, "c.bin"], []),
        (["c.bin"], NAMES),
        (["a.json"], []),
    ):
        with pytest.raises(ValueError, match="those that belong there"):
            read_members(content, names, optional)


LOCAL, ENTRY, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a ZIP file"),
        (bytes(zipped()[:-1]), "not a ZIP file"),
        (bytes(zipped()) + b" ", "not a ZIP file"),
        (patched(END, 4, "<H", 1), "those that belong there"),
        (patched(END, 10, "<H", 3), "those that belong there"),
        (patched(END, 12, "<I", 5000), "does not lie where it should"),
        (patched(END, 16, "<I", 0), "does not lie where it should"),
        (patched(END, 20, "<H", 1), "does not lie where it should"),
        (patched(ENTRY, 0, "<I", 0), "directory is damaged"),
        (patched(ENTRY, 8, "<H", 1), "encrypted"),
        (patched(ENTRY, 10, "<H", 12), "packed in a way"),
        (patched(ENTRY, 10, "<H", 0), "not as large as it says"),
        (patched(ENTRY, 28, "<H", 60_000), "directory is damaged"),
        (patched(ENTRY, 42, "<I", 1 << 31), "lies outside"),
        (patched(ENTRY, 20, "<I", 1 << 30), "not where the ZIP directory says"),
        (patched(ENTRY, 20, "<I", 60), "overlap"),
        (patched(LOCAL, 0, "<I", 0), "not where the ZIP directory says"),
        (patched(LOCAL, 8, "<H", 0), "not where the ZIP directory says"),
        (patched(LOCAL, 30, "<H", 0), "not where the ZIP directory says"),
    ],
)
def test_headers_that_are_not_in_order(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_members(content, NAMES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (patched(ENTRY, 24, "<I", 999), "is damaged"),
        (patched(ENTRY, 24, "<I", 1001), "is damaged"),
        (patched(ENTRY, 16, "<I", 0), "is damaged"),
        (patched(ENTRY, 20, "<I", 5), "not packed as its headers say"),
    ],
)
def test_content_that_is_not_what_the_headers_say(content: bytes, reason: str) -> None:
    member = read_members(content, NAMES)["a.json"]
    with pytest.raises(ValueError, match=reason):
        member.read(content, 10_000)
