"""Letters, signs and marks, one by one, as far as a voice knows them or something like them."""

from __future__ import annotations

import unicodedata

from pi_runtime.speech.normalise.alphabet import Alphabet

PUNCTUATION = frozenset(".,!?;'- ")

# A pause, a quotation mark or nothing at all in every language.
_COMMON = {
    "…": ".", ":": ",", "(": ",", ")": ",", "–": ",", "—": ",", "―": ",", "’": "'", "‘": "'",
    "ʼ": "'", "。": ".", "！": "!", "？": "?", "，": ",", "、": ",",
}  # fmt: skip


def written_with(alphabet: Alphabet, text: str) -> str:
    """Return a text in the letters of an alphabet and plain punctuation."""
    return unicodedata.normalize("NFC", "".join(_written(c, alphabet) for c in text))


def _written(character: str, alphabet: Alphabet) -> str:
    if alphabet.knows(character) or character in PUNCTUATION:
        return character
    if character.lower() in alphabet.latinised:
        letters = alphabet.latinised[character.lower()]
        return letters.capitalize() if character.isupper() else letters
    if character in _COMMON:
        return _COMMON[character]
    if character.isspace():
        return " "
    base = unicodedata.normalize("NFKD", character)
    if base != character:
        return "".join(_part(c, alphabet) for c in base)
    return "" if unicodedata.category(character) in ("Mn", "Me", "Cf") else " "


def _part(character: str, alphabet: Alphabet) -> str:
    if alphabet.knows(character):
        return character
    if character.lower() in alphabet.latinised:
        return alphabet.latinised[character.lower()]
    return "" if unicodedata.category(character).startswith("M") else " "
