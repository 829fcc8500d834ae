"""Texts from files: plain or CSV, with any line ends, with or without a BOM, in any encoding."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from train.errors import TextError
from train.settings import TrainSettings

SAMPLE_BYTES = 1 << 18
"""How much of a file is read to guess its encoding."""

GUESSES = ("utf_16", "utf_32", "cp1251", "koi8_r", "cp866", "mac_cyrillic", "cp1252", "cp1250")


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
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=settings.delimiter):
            if not row or not row[0]:
                continue
            if context and len(row) < 2:
                raise TextError(
                    f"{path}: a row without a label", "give two columns, text and label"
                )
            texts.append(row[0])
            labels += row[1:2] if context else []
    return texts, labels


def _read(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TextError(f"{path}: {reason}", "name a text file") from None
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise TextError(
            f"{encoding} is an unknown encoding", "give another, e.g. --encoding cp1251"
        ) from None
    if encoding == "utf-8":
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        guess = _guess(content)
        looks = f" (it looks like {guess})" if guess else ""
        raise TextError(
            f"{path} is not {encoding}{looks}", f"add --encoding {guess or 'NAME'}"
        ) from None
    if "\0" in text:
        raise TextError(f"{path} is not a text: it has zero bytes", "name a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _guess(content: bytes) -> str | None:
    """Return the likeliest encoding of text that is not UTF-8, if there is one."""
    from charset_normalizer import from_bytes

    best = from_bytes(content[:SAMPLE_BYTES], cp_isolation=list(GUESSES)).best()
    return best.encoding if best else None
