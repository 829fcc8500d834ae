"""What a voice pronounces."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = frozenset("0123456789")
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ")
# espeak-ng and engines like it pronounce these themselves, in every language.
_SIGNS = frozenset("%$€£&+=@#°")
_MARKS = ("Mn", "Mc")

# fmt: off
_TO_LATIN = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z",
    "и": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}
_FOREIGN_LATIN = {
    "ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "œ": "oe", "þ": "th", "ð": "d", "ı": "i",
}
_UKRAINIAN_TO_LATIN = {"і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u"}
_UKRAINIAN_TO_RUSSIAN = {"і": "и", "ї": "йи", "є": "е", "ґ": "г", "ў": "у"}
_GREEK_TO_LATIN = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "i", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}
# fmt: on


@dataclass(frozen=True)
class Alphabet:
    """What one voice pronounces. The words for signs are not its own but the language's."""

    letters: frozenset[str] | None
    """The letters and digits it knows; None: those of every script."""
    signs: frozenset[str] = frozenset()
    """Signs that it reads as words itself, in a language that has no words for them here."""
    latinised: Mapping[str, str] = field(default_factory=dict)
    """Lower-case letters written with others."""
    silent: str = ""
    """Letters without a sound of their own; a word of nothing else cannot be pronounced."""
    reads_numbers: bool = True
    """Whether it reads whole numbers right; else they reach it in words, if the language has a
    speller here."""
    reads_lists: bool = True
    """Whether it reads two numbers in a row as whole ones."""

    def knows(self, character: str) -> bool:
        """Return whether the voice pronounces a letter, digit or sign."""
        if self.letters is not None:
            return character in self.letters or character in self.signs
        return (
            character.isalpha()
            or character in DIGITS
            or character in self.signs
            or unicodedata.category(character) in _MARKS
        )


# festival's English voice reads "12, 13" as "one two, thirteen".
ENGLISH = Alphabet(
    _LATIN | DIGITS,
    latinised={**_TO_LATIN, **_FOREIGN_LATIN, **_UKRAINIAN_TO_LATIN, **_GREEK_TO_LATIN},
    reads_lists=False,
)
# festival's Russian voice says "одна тысяч", gives two numbers of ten digits the same sound, and
# nothing for 00.
RUSSIAN = Alphabet(
    _CYRILLIC | _LATIN | DIGITS,
    latinised={**_FOREIGN_LATIN, **_UKRAINIAN_TO_RUSSIAN, **_GREEK_TO_LATIN},
    silent="ъьЪЬ",
    reads_numbers=False,
)
ANY = Alphabet(None, signs=_SIGNS)
