"""The texts a network was trained on, from files, as rnn-train reads them."""

from __future__ import annotations

import codecs
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

from convert.errors import ConversionError
from pi_runtime.errors import shown_path
from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary

MAX_CORPUS_BYTES = 256 << 20
"""Upper bound on all files together. A set of n-grams is full at about as much."""


def read_corpus(paths: Sequence[Path], *, single_text: bool) -> list[str]:
    """Return the texts of files in UTF-8: each line, or all of them as one running text.

    Raises:
        ConversionError: a file cannot be read, or is not in UTF-8; or they are too large.
    """
    contents: list[str] = []
    room = MAX_CORPUS_BYTES
    for path in paths:
        content = _read(path, room)
        room -= len(content)
        contents.append(_decoded(path, content))
    if single_text and contents:
        return ["\n".join(content.rstrip("\n") for content in contents)]
    return [line for content in contents for line in content.split("\n") if line]


def ngrams_of(texts: Sequence[str], vocabulary: Vocabulary) -> NgramSet:
    """Return the n-grams of the texts that a network with this vocabulary was trained on.

    Raises:
        ConversionError: there is nothing in them, or too much.
    """
    try:
        return NgramSet.of(texts, vocabulary)
    except ValueError as error:
        raise ConversionError(f"the corpus: {error}", "leave it out, or give another") from None


def _read(path: Path, room: int) -> bytes:
    name = shown_path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise ConversionError(f"{name}: is a device", "name a text file")
        with path.open("rb") as file:
            content = file.read(room + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConversionError(f"{name}: {reason}", "name a text file with --corpus") from None
    if len(content) > room:
        raise ConversionError(
            f"{name}: the corpus has more than {MAX_CORPUS_BYTES >> 20} MB", "give a part of it"
        )
    return content


def _decoded(path: Path, content: bytes) -> str:
    name = shown_path(path)
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start + len(content) - len(error.object)  # a mark may be cut off
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise ConversionError(
            f"{name}: byte {at}, {content[at]:#04x}, is not UTF-8",
            f"convert it: iconv -f {'UTF-16' if utf_16 else 'ENCODING'} -t UTF-8 "
            f"{shlex.quote(name)} > utf-8.txt",
        ) from None
    if "\0" in text:
        raise ConversionError(f"{name} is not a text: it has zero bytes", "name a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
