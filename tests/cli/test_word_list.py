"""`--reject FILE`: words and phrases that a text may not have."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.cli.generation_arguments import patterns
from pi_runtime.cli.word_list import MAX_BYTES
from pi_runtime.errors import UsageError


def finds(path: Path, text: str) -> bool:
    (pattern,) = patterns(str(path))
    return bool(re.search(pattern, text))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\ufeffdarn\n\n  black  magic \nа$$\nЧёрт\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("darn", True),
        ("Oh, DARN!", True),
        ("darning", False),
        ("undarn", False),
        ("black magic", True),
        ("Black\nmagic.", True),
        ("blackmagic", False),
        ("а$$", True),
        ("чёрт возьми", True),
        ("чёртов", False),
        ("", False),
    ],
)
def test_lines_are_whole_words_in_any_case(words: Path, text: str, found: bool) -> None:
    assert finds(words, text) is found


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_any_line_finds_itself(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    path = tmp_path_factory.getbasetemp() / "line.txt"
    path.write_text(line, "utf-8")
    if " ".join(line.split()):
        assert finds(path, f"({line})")
    else:
        with pytest.raises(UsageError, match="is empty"):
            patterns(str(path))


def test_what_names_no_file_is_an_expression() -> None:
    assert patterns(r"\d+") == (r"\d+",)
    assert patterns(".") == (".",)  # a folder
    assert patterns("a\0b") == ("a\0b",)


def test_files_that_cannot_be_right(tmp_path: Path) -> None:
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"word\n" * (MAX_BYTES // 5 + 1))
    binary.write_bytes(b"\xff\xfe\0")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, says in (
        (large, f"more than {MAX_BYTES} bytes"),
        (binary, "not UTF-8"),
        (fifo, "not a file"),
        (tmp_path / "missing.txt", "no such file"),
    ):
        with pytest.raises(UsageError, match=says):
            patterns(str(path))
