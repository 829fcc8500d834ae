"""Texts from files: plain or CSV, with any line ends, with or without a BOM, in any encoding."""

from __future__ import annotations

import codecs
import csv
import io
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from train.errors import TextError
from train.settings import TrainSettings

SAMPLE_BYTES = 1 << 18
"""How much of a file is read to guess its encoding."""

GUESSES = ("utf_16", "utf_32", "cp1251", "koi8_r", "cp866", "mac_cyrillic", "cp1252", "cp1250")
NO_TEXT = ("idna", "punycode", "undefined")
"""Codecs of Python that decode to text, but not what a file holds."""
LONGEST_FIELD = 2**31 - 1
"""Of a CSV row, in characters: a whole book may be one."""


def read_texts(
    paths: list[Path], settings: TrainSettings, encoding: str = "utf-8", *, context: bool = False
) -> tuple[list[str], list[str]]:
    """Return the texts of files, and with `context` their labels, else an empty list.

    A running text is one element, the files joined by line breaks.

    Raises:
        TextError: a file cannot be read, has another encoding, or lacks a column.
    """
    contents = [_read(path, encoding) for path in paths]
    if settings.header:
        contents = [content.partition("\n")[2] for content in contents]
    if not (settings.is_csv or context):
        if not settings.line_delimited:
            return ["\n".join(content.rstrip("\n") for content in contents)], []
        return [line for content in contents for line in content.split("\n") if line], []
    texts, labels = [], []
    for path, content in zip(paths, contents, strict=True):
        for row in _rows(path, content, settings.delimiter):
            if not row or not row[0]:
                continue
            if context and len(row) < 2:
                raise TextError(
                    f"{path}: a row without a label", "give two columns, text and label"
                )
            texts.append(row[0])
            labels += row[1:2] if context else []
    return texts, labels


def _rows(path: Path, content: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    try:
        yield from csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise TextError(f"{path} is not CSV: {error}", "save it again as CSV") from None


def _read(path: Path, encoding: str) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise TextError(f"{path}: is a device", "name a text file")
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TextError(f"{path}: {reason}", "name a text file") from None
    _check_encoding(encoding)
    if encoding == "utf-8":
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode(encoding)
    except (UnicodeError, ValueError):
        guess = _guess(content)
        looks = f" (it looks like {guess})" if guess else ""
        if not guess or codecs.lookup(guess) == codecs.lookup(encoding):
            looks, guess = "", None
        raise TextError(
            f"{path} is not {encoding}{looks}", f"add --encoding {guess or 'NAME'}"
        ) from None
    if "\0" in text:
        if guess := _utf_16(content):
            raise TextError(
                f"{path} is not {encoding} (it looks like {guess})", f"add --encoding {guess}"
            )
        raise TextError(f"{path} is not a text: it has zero bytes", "name a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _check_encoding(encoding: str) -> None:
    try:
        # Bytes to be decoded at all: "hex" is a codec too, but none of text.
        b"ab".decode(encoding, "ignore")
        known = codecs.lookup(encoding).name not in NO_TEXT
    except (LookupError, UnicodeError, ValueError):
        known = False
    if not known:
        raise TextError(
            f"{encoding} is an unknown encoding", "give another, e.g. --encoding cp1251"
        )


def _utf_16(content: bytes) -> str | None:
    """Return which UTF-16 a text is in, with a byte order mark or without, if it is."""
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if content.startswith(marks) and not content.startswith(codecs.BOM_UTF32_LE):
        return "utf_16"
    sample = content[: min(SAMPLE_BYTES, len(content)) & ~1]
    zeros = {"utf_16_be": sample[::2].count(0), "utf_16_le": sample[1::2].count(0)}
    likeliest = max(zeros, key=zeros.__getitem__)
    # The letters of a script share their high byte, and spaces and line breaks have zero there.
    high = Counter(sample[::2] if likeliest == "utf_16_be" else sample[1::2])
    if not high[0] or sum(count for _, count in high.most_common(2)) < 0.8 * high.total():
        return None
    text = sample.decode(likeliest, "replace")
    readable = sum(letter.isprintable() or letter.isspace() for letter in text)
    return likeliest if readable > 0.9 * len(text) else None


def _guess(content: bytes) -> str | None:
    """Return the likeliest encoding of text that is not UTF-8, if there is one."""
    from charset_normalizer import from_bytes

    if guess := _utf_16(content):
        return guess
    best = from_bytes(content[:SAMPLE_BYTES], cp_isolation=list(GUESSES)).best()
    return best.encoding if best else None
