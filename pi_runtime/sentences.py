"""Where sentences end: a stream of text cut into them, each as soon as its end is certain.

Guarantee: the result does not depend on how the stream was cut into pieces, since it is read
character by character.

Known limits, pinned by tests: a sentence that ends with an abbreviation is taken together with the
next one; a single letter with a stop is taken for an initial; German ordinals (am 24. Dezember) are
cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import inf

_CLOSERS = "\"'»”’)]"
_STOPS = tuple(".!?…")
_LINE_ENDS = "\n\r\f\v\x85\u2028\u2029"
_CJK_STOPS = "。！？"
_CJK_CLOSERS = "」』”’）"
_INITIAL = re.compile(r"(?:^|[\s.(])[^\W\d_]\.\Z")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.\Z")
_LIST_NUMBER = re.compile(r"\s*\d{1,3}\.\Z")
_MAYBE_NUMBERED = re.compile(r"(?:^|\W)(?:nos?|art|sec|ch|mar|гл|ст)\.\s\Z", re.IGNORECASE)
"""Words that are abbreviations before a number: No. 5."""
_NUMERIC = frozenset("0123456789.,:/'-–—\u00a0\u202f\u2009")
_LONGEST_END = 24
"""Characters that tell whether a sentence ends: more than an abbreviation and what closes it."""
# fmt: off
_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "approx", "jr", "sr", "vol", "fig",
    "гг", "руб", "коп", "тыс", "млн", "млрд", "ул", "им", "проф", "акад", "см", "ср", "напр",
    "др", "пр", "стр", "рис", "табл", "кв", "корп", "тел", "обл", "пер", "просп", "пос",
    "pp", "nr", "ca", "jan", "feb", "apr", "aug", "sept", "oct", "nov", "dec",
})
# fmt: on


def split_sentences(pieces: Iterable[str], limit: float = inf) -> Iterator[str]:
    """Yield the sentences of a text that comes in pieces, without the space around them.

    A sentence ends at a stop, question or exclamation mark or ellipsis that a space follows, at a
    line break, or after a CJK stop; but not behind an abbreviation or a list's number. Text of more
    than `limit` characters without any is cut behind a comma, else at a space, else anywhere;
    inside a number only if it has no end.
    """
    text = ""
    for piece in pieces:
        for character in piece:
            if _ends_before(text, character):
                yield from filter(None, [text.strip()])
                text = ""
            text += character
            if len(text) > limit:
                at = _forced_cut(text, int(limit))
                yield from filter(None, [text[:at].strip()])
                text = text[at:]
    yield from filter(None, [text.strip()])


class OpenSentence:
    """The sentence in progress of a text that comes in pieces."""

    def __init__(self) -> None:
        self.text = ""
        """What there is of it, with the space before it."""

    def push(self, piece: str) -> list[str]:
        """Take a piece of the text; return the sentences that have ended by it."""
        ended = []
        for character in piece:
            if _ends_before(self.text, character):
                ended.append(self.text)
                self.text = ""
            self.text += character
        return ended

    @property
    def has_ended(self) -> bool:
        """Whether the text could end here: there is only space, or a stop is the last."""
        text = self.text.rstrip()
        return not text or any(_ends_before(text, following) for following in " x")


def _ends_before(text: str, character: str) -> bool:
    if character in _LINE_ENDS:
        return True
    end = text[-_LONGEST_END:]  # a text without an end is looked at again for each character
    if character.isspace():
        return end.rstrip(_CLOSERS).endswith(_STOPS) and not _goes_on(text)
    if end[-1:].isspace() and _MAYBE_NUMBERED.search(end):
        return not character.isdigit()
    bare = end.rstrip(_CJK_CLOSERS)
    return bare.endswith(tuple(_CJK_STOPS)) and character not in _CJK_STOPS + _CJK_CLOSERS


def _goes_on(text: str) -> bool:
    end = text[-_LONGEST_END:]
    if _INITIAL.search(end) or _LIST_NUMBER.fullmatch(text) or _MAYBE_NUMBERED.search(end + " "):
        return True
    word = _LAST_WORD.search(end)
    return bool(word) and word[1].lower() in _ABBREVIATIONS  # type: ignore[index]


def _forced_cut(text: str, limit: int) -> int:
    # A mark counts with its space: the comma of 1,234 and the colon of 12:30 are no places to cut.
    for marks in ((", ", "; ", ": "), (" ",)):
        found = max(text.rfind(mark, limit // 3, limit) for mark in marks)
        while found > 0 and text[found - 1].isdigit() and text[found + 1].isdigit():  # 10 000
            found = text.rfind(" ", limit // 3, found)
        if found > 0:
            return found + 1
    at = limit
    while at > limit // 2 and {text[at - 1], text[at]} <= _NUMERIC:
        at -= 1
    return at if at > limit // 2 else limit
