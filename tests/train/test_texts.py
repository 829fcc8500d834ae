"""Texts from files: what is read, and what is refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from train.corpus import make_vocabulary
from train.errors import TextError
from train.settings import TrainSettings
from train.texts import read_texts

RUNNING = TrainSettings()
VERSE = "Мороз и солнце; день чудесный!\nЕщё ты дремлешь, друг прелестный.\n" * 5


def read(tmp_path: Path, content: bytes, encoding: str = "utf-8", **how: Any) -> list[str]:
    (tmp_path / "a.txt").write_bytes(content)
    settings = TrainSettings(**how)
    return read_texts([tmp_path / "a.txt"], settings, encoding)[0]


def refused(tmp_path: Path, content: bytes, encoding: str = "utf-8", **how: Any) -> str:
    with pytest.raises(TextError) as error:
        read(tmp_path, content, encoding, **how)
    return str(error.value).removeprefix(f"{tmp_path / 'a.txt'} ")


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "koi8_r"],
)
def test_any_encoding_that_is_named(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, VERSE.encode(encoding), encoding) == [VERSE.rstrip("\n")]


@pytest.mark.parametrize("text", [VERSE, "Roses are red,\nviolets are blue.\n"])
@pytest.mark.parametrize("encoding", ["utf_16", "utf_16_le", "utf_16_be"])
def test_utf_16_is_recognized_without_a_mark_too(tmp_path: Path, encoding: str, text: str) -> None:
    pytest.importorskip("charset_normalizer")
    says = refused(tmp_path, text.encode(encoding))
    assert says == f"is not utf-8 (it looks like {encoding}) – add --encoding {encoding}"


@pytest.mark.parametrize(
    "encoding",
    ["hex", "rot13", "undefined", "idna", "punycode", "base64", "zlib", "mbcs", "", "a\0b", "ж"],
)
def test_a_codec_that_is_none_of_text(tmp_path: Path, encoding: str) -> None:
    says = refused(tmp_path, b"abc", encoding)
    assert says.endswith("is an unknown encoding – give another, e.g. --encoding cp1251")


def test_zero_bytes(tmp_path: Path) -> None:
    assert refused(tmp_path, b"abc\0defg") == (
        "is not a text: it has zero bytes – name a text file"
    )


@pytest.mark.parametrize("content", [b"+2AA-", b"a+2AA-b+3AA-"])
def test_halves_of_surrogate_pairs(tmp_path: Path, content: bytes) -> None:
    """UTF-7 lets them through, and the vocab could not be written in UTF-8 afterwards."""
    texts = read(tmp_path, content, "utf-7")
    with pytest.raises(TextError, match="halves of surrogate pairs"):
        make_vocabulary(texts, word_level=False, max_words=100, single_text=True)


def test_a_book_in_one_field_of_a_csv(tmp_path: Path) -> None:
    """Python's csv refuses more than 131,072 characters by default: a traceback."""
    book = VERSE * 500
    assert len(book) > 131_072
    assert read(tmp_path, f'"{book}",x\nnext,y\n'.encode(), is_csv=True) == [book, "next"]
    assert read(tmp_path, b'"never closed\nno,end\n', is_csv=True) == ["never closed\nno,end\n"]


def test_what_is_no_file_of_text(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path, "is a directory"),
        (tmp_path / "none", "no such file or directory"),
        (Path("/dev/zero"), "is a device"),
    ):
        with pytest.raises(TextError, match=f"{path}: {reason} – name a text file"):
            read_texts([path], RUNNING)


def test_a_pipe_is_read_as_a_shells_process_substitution_is(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"one\ntwo\n")
    os.close(theirs)
    try:
        assert read_texts([Path(f"/dev/fd/{ours}")], RUNNING)[0] == ["one\ntwo"]
    finally:
        os.close(ours)


def test_the_encoding_that_a_text_looks_like_is_named(tmp_path: Path) -> None:
    pytest.importorskip("charset_normalizer")
    assert refused(tmp_path, VERSE.encode("cp1251")) == (
        "is not utf-8 (it looks like cp1251) – add --encoding cp1251"
    )
    assert refused(tmp_path, VERSE.encode("utf-32")).endswith("– add --encoding utf_32")
    assert refused(tmp_path, VERSE.encode("utf-16")[:-1], "utf-16") == (
        "is not utf-16 – add --encoding NAME"
    )
    assert refused(tmp_path, b"\xff" * 50 + b"\0\1\2", "ascii").endswith("– add --encoding NAME")


def test_lines_rows_and_labels(tmp_path: Path) -> None:
    assert read(tmp_path, b"one\r\n\r\ntwo\rthree", line_delimited=True) == ["one", "two", "three"]
    assert read(tmp_path, b"name\none\n", header=True) == ["one"]
    (tmp_path / "a.csv").write_bytes(b'"o,ne",x\n\n,y\ntwo,z\n')
    found = read_texts([tmp_path / "a.csv"], RUNNING, context=True)
    assert found == (["o,ne", "two"], ["x", "z"])
    (tmp_path / "a.csv").write_bytes(b"one\n")
    with pytest.raises(TextError, match="a row without a label – give two columns"):
        read_texts([tmp_path / "a.csv"], RUNNING, context=True)
