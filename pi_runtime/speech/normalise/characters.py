"""The many characters for the same digits and signs, made one."""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 8
"""Combining marks on one letter; Unicode sorts them, in time that grows with their square."""

HARD_SPACE = "\u00a0"
MINUS = "−"

_APART = "\x1f"
_BETWEEN = re.compile(rf"(?<=\w){_APART}+(?=\w)")
_EDGE = re.compile(_APART)

# fmt: off
_SAME = {
    "\u202f": HARD_SPACE, "\u2009": HARD_SPACE, "\u2007": HARD_SPACE, "\u2008": HARD_SPACE,
    "\u2060": "", "\u20e3": " ",  # the frame of a key: 1️⃣2️⃣ are two numbers
    "‐": "-", "‑": "-", "﹣": "-", "－": "-", "‒": "–", "―": "—", "⁃": "-", "➖": MINUS,
    "＋": "+", "➕": "+", "✕": "×", "✖": "×", "⨯": "×", "⋅": "·", "∙": "·", "➗": "÷",
    "⁄": "/", "∕": "/", "／": "/", "∶": ":", "：": ":", "＝": "=", "％": "%", "﹪": "%", "＃": "#",
    "＄": "$", "﹩": "$", "￡": "£", "￥": "¥", "＆": "&", "＠": "@", "＜": "<", "＞": ">",
    "．": ".", "∗": "*", "＊": "*", "˚": "°", "℃": "°C", "℉": "°F", "ʼ": "'", "’": "'", "‘": "'",
    "′": "'", _APART: " ", "〜": "–", "～": "–",
}
# fmt: on
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+−", strict=True))
_VARIANTS = frozenset(map(chr, range(0xFE00, 0xFE10)))
"""What chooses a character's look."""
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")


def unified(text: str) -> str:
    """Return a text with ASCII digits, and one character for each sign around numbers.

    >>> unified("x² ≈ ½ + ١٢")
    'x^2 ≈ 1/2 + 12'
    """
    text = unicodedata.normalize("NFC", _without_endless_marks(text))
    text = _RAISED.sub(lambda run: "^" + "".join(_SUPERSCRIPTS[c] for c in run[0]), text)
    text = "".join(map(_unified, text))
    return _EDGE.sub("", _BETWEEN.sub(" ", text))


def _unified(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category in ("No", "Nl"):
        return f"{_APART}{_number(character)}{_APART}"
    if category == "So":
        plain = unicodedata.normalize("NFKD", character)
        if any("0" <= part <= "9" for part in plain):  # ㍘, an hour; ㎡
            return f"{_APART}{plain}{_APART}"
    return "" if category == "Cf" or character in _VARIANTS else character


def _number(character: str) -> str:
    """Return a character that is a number in itself, such as ½, ⑫ or Ⅷ."""
    plain = unicodedata.normalize("NFKD", character)
    if plain.isascii() and plain.isalpha():
        return plain
    plain = plain.replace("⁄", "/")
    if re.fullmatch(r"[0-9]+/[0-9]*", plain):
        return plain
    value = unicodedata.numeric(character)
    return f"{value:.15g}"


def _without_endless_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)
