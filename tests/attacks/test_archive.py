"""Zips from a stranger, given to rnn-convert."""

from __future__ import annotations

import struct
import tempfile
import zipfile
from pathlib import Path

import pytest

from convert.errors import CheckpointError
from convert.files import archive
from convert.files.archive import is_archive, unpacked
from tests.helpers.archives import member, write_zip


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


def refused(path: Path, scratch: Path) -> str:
    assert is_archive(path)
    with pytest.raises(CheckpointError) as error, unpacked(path):
        pass
    assert not list(scratch.iterdir())
    assert str(error.value).isprintable()
    return str(error.value)


@pytest.mark.parametrize("name", ["../w.hdf5", "/tmp/w.hdf5", "a/../../w.hdf5", "..\\w.hdf5"])
def test_zip_slip(tmp_path: Path, scratch: Path, name: str) -> None:
    """A member's path leads out of the folder that the archive is unpacked into."""
    path = write_zip(tmp_path / "x.zip", {name: b"stolen"})
    assert "leads out of it" in refused(path, scratch)
    assert not list(tmp_path.rglob("w.hdf5"))


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644])
def test_a_link_or_a_device_as_a_member(tmp_path: Path, scratch: Path, mode: int) -> None:
    """A symbolic link to /etc/passwd as the vocab: its content would be read, and shown."""
    path = write_zip(tmp_path / "x.zip", {"w.hdf5": b"", member("v.json", mode): b"/etc/passwd"})
    assert "v.json is a link or a device" in refused(path, scratch)


def test_a_zip_bomb(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred kilobytes that inflate to a hundred megabytes, or to as much as the disk has."""
    monkeypatch.setattr(archive, "SMALL", 1 << 16)
    path = write_zip(tmp_path / "x.zip", {"w.hdf5": bytes(100 << 20)})
    assert "is too large, or inflates too much" in refused(path, scratch)


def test_a_size_that_is_not_what_the_directory_says(tmp_path: Path, scratch: Path) -> None:
    """The central directory promises ten bytes, so that a check of it alone lets more through."""
    path = write_zip(tmp_path / "x.zip", {"w.hdf5": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 24, 10)
    path.write_bytes(content)
    assert "damaged zip" in refused(path, scratch)


def test_a_directory_of_a_hundred_thousand_members(tmp_path: Path, scratch: Path) -> None:
    """Python's zipfile makes an object of half a kilobyte for every entry of 46 bytes."""
    path = write_zip(tmp_path / "x.zip", {f"{number}": b"" for number in range(1001)})
    assert "a zip of too many files" in refused(path, scratch)
    path = tmp_path / "64.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(66_000):
            packed.writestr(zipfile.ZipInfo(str(number)), b"")
    assert "a zip of too many files" in refused(path, scratch)


def test_an_encrypted_member(tmp_path: Path, scratch: Path) -> None:
    """zipfile raises a bare RuntimeError: a traceback."""
    path = write_zip(tmp_path / "x.zip", {"w.hdf5": b"secret"})
    content = bytearray(path.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(sign) + flags] |= 1
    path.write_bytes(content)
    assert "w.hdf5 is encrypted" in refused(path, scratch)


def test_names_that_a_terminal_obeys(tmp_path: Path, scratch: Path) -> None:
    """A name with an escape sequence that clears the screen, or writes into the title."""
    path = write_zip(tmp_path / "x.zip", {"a\x1b[2J.h5": b"", "b\u202e.h5": b""})
    assert r"a\x1b[2J.h5" in refused(path, scratch)


def test_the_same_name_twice(tmp_path: Path, scratch: Path) -> None:
    """Two members of one name: what is looked at and what is read are different ones."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("w.hdf5", b"one")
        packed.writestr("w.hdf5", b"two")
    assert "w.hdf5 is there twice" in refused(path, scratch)


def test_a_name_of_a_thousand_letters(tmp_path: Path, scratch: Path) -> None:
    """No file system has it: an OSError that names the temporary folder."""
    path = write_zip(tmp_path / "x.zip", {"w" * 1000 + ".hdf5": b""})
    assert "cannot be unpacked (File name too long)" in refused(path, scratch)
