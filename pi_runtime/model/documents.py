"""JSON from a stranger: what it may hold is bounded before it is built.

Python's parser makes an object of every bracket: 63 MB of `[],` become 1.5 GB. Each array, object
and member costs the text a bracket, a colon or a comma, so counting these bytes bounds the objects
before there is any. Within strings they are counted too, which the bounds leave room for.
"""

from __future__ import annotations

import json
from typing import Any


def parse(name: str, data: bytes, brackets: int, commas: int) -> dict[str, Any]:
    """Return the object that is written in `data`, of at most so many brackets and commas.

    Raises:
        ValueError: it is larger, is not JSON or not an object, holds NaN or an infinity, or text
            that is no Unicode.
    """
    found = data.count(b"[") + data.count(b"{")
    if found > brackets or data.count(b",") > commas:
        raise ValueError(f"{name} holds more than any model of this size needs")
    try:
        # Strictly UTF-8: half a surrogate pair can only come in as an escape.
        document = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise ValueError(f"{name} is nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError(f"{name} is not an object")
    if b"\\ud" in data or b"\\uD" in data:
        _check_unicode(name, document)
    return document


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _check_unicode(name: str, document: dict[str, Any]) -> None:
    """Refuse half a surrogate pair, which could neither be written nor sent."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half of a surrogate pair, which is no text") from None
