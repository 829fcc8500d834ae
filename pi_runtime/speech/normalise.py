"""Text that a voice can pronounce, from text that cannot be trusted.

Engines find more than words in a text: espeak-ng and piper take `[[…]]` for phonemes; festival's
Russian voice drops a whole utterance for one dash; its English voice crashes if nothing can be
pronounced. So a voice gets the characters of its alphabet and nothing else. The others are
spelled as words, written with the alphabet's letters, or left out, one by one: never the sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_WORD = 40
"""Letters after which a word is cut by a space; engines spend minutes on a word of thousands."""

_PUNCTUATION = frozenset(".,!?;' ")
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ")
_DIGITS = frozenset("0123456789")

# espeak-ng and engines like it pronounce these themselves, in every language.
_SIGNS = frozenset("%$€£&+=@#°")

_SPELLED_EN = {
    "-": "minus",
    "%": "percent",
    "$": "dollars",
    "€": "euros",
    "£": "pounds",
    "₽": "roubles",
    "@": "at",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "#": "number",
    "№": "number",
    "°": "degrees",
}
_SPELLED_RU = {
    "-": "минус",
    "%": "процентов",
    "$": "долларов",
    "€": "евро",
    "£": "фунтов",
    "₽": "рублей",
    "@": "собака",
    "&": "и",
    "+": "плюс",
    "=": "равно",
    "#": "номер",
    "№": "номер",
    "°": "градусов",
}
# fmt: off
_TO_LATIN = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z",
    "и": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}
# fmt: on
_FOREIGN_LATIN = {
    "ß": "ss",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "œ": "oe",
    "þ": "th",
    "ð": "d",
    "ı": "i",
}  # fmt: skip
_UKRAINIAN_TO_LATIN = {"і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u"}
_UKRAINIAN_TO_RUSSIAN = {"і": "и", "ї": "йи", "є": "е", "ґ": "г", "ў": "у"}
_GREEK_TO_LATIN = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "i", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
# A pause, a quotation mark or nothing at all in every language.
_COMMON = {
    "…": ".",
    ":": ",",
    "(": ",",
    ")": ",",
    "–": ",",
    "—": ",",
    "―": ",",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "。": ".",
    "！": "!",
    "？": "?",
    "，": ",",
    "、": ",",
}
_START_MARK = re.compile(r"<s>")
_LOOSE_JOINT = re.compile(r"(?<!\w)[-']+|[-']+(?!\w)")
_STOPS = re.compile(r"\s*([.,;!?](?:\s*[.,;!?])*)\s*")
_NUMBER_JOINT = re.compile(r"(?<=\d)[.,](?=\d)")
_LONG_NUMBER = re.compile(r"(\d{9})(?=\d)")
_ZEROS = re.compile(r"(?<![\d.,])00+")
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LONG_WORD = re.compile(rf"(\w{{{LONGEST_WORD}}})(?=\w)")


@dataclass(frozen=True)
class Alphabet:
    """What one voice pronounces."""

    letters: frozenset[str] | None
    """The letters and digits it knows; None: those of every script."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Signs that are read as words."""
    latinised: Mapping[str, str] = field(default_factory=dict)
    """Lower-case letters written with others."""
    decimal: Mapping[str, str] = field(default_factory=dict)
    """How a stop or comma inside a number is read aloud, if the voice does not know."""
    silent: str = ""
    """Letters without a sound of their own; a word of nothing else cannot be pronounced."""

    def knows(self, character: str) -> bool:
        """Return whether the voice pronounces a letter, digit or mark."""
        if self.letters is not None:
            return character in self.letters
        marks = ("Mn", "Mc")
        return (
            character.isalnum() or character in _SIGNS or unicodedata.category(character) in marks
        )


ENGLISH = Alphabet(
    _LATIN | _DIGITS,
    _SPELLED_EN,
    {**_TO_LATIN, **_FOREIGN_LATIN, **_UKRAINIAN_TO_LATIN, **_GREEK_TO_LATIN},
)
RUSSIAN = Alphabet(
    _CYRILLIC | _LATIN | _DIGITS,
    _SPELLED_RU,
    {**_FOREIGN_LATIN, **_UKRAINIAN_TO_RUSSIAN, **_GREEK_TO_LATIN},
    decimal={".": "точка", ",": "запятая"},
    silent="ъьЪЬ",
)
ANY = Alphabet(None)


def sanitise(text: str, alphabet: Alphabet) -> str:
    """Return what a voice can be given of a text; '' if nothing in it can be pronounced."""
    text = unicodedata.normalize("NFC", _START_MARK.sub(" ", text))
    said = "".join(_said(character, alphabet) for character in text)
    said = unicodedata.normalize("NFC", said)
    # Hyphens and apostrophes only inside words, stops only behind them: festival's Russian voice
    # drops an utterance for one that stands alone or between two letters.
    said = _MINUS.sub(f" {alphabet.spelled.get('-', '')} ", said)
    if not alphabet.decimal:
        said = _THOUSANDS.sub("", said)  # elsewhere the comma is the decimal separator
    said = _NUMBER_JOINT.sub(lambda m: _decimal(m[0], alphabet), said)
    # No voice reads numbers of more than nine digits; festival's Russian one cannot read "000".
    said = _ZEROS.sub(lambda m: " ".join(m[0]) + " ", _LONG_NUMBER.sub(r"\1 ", said))
    said = _LONG_WORD.sub(r"\1 ", _LOOSE_JOINT.sub(" ", said))
    if alphabet.silent:
        said = re.sub(rf"(?<!\w)[{alphabet.silent}]+(?!\w)", " ", said)
    said = " ".join(_STOPS.sub(_spaced_stop, said).split()).lstrip(".,;!? ").rstrip(" ,;")
    return said if any(alphabet.knows(c) for c in said) else ""


def _decimal(joint: str, alphabet: Alphabet) -> str:
    return f" {alphabet.decimal[joint]} " if joint in alphabet.decimal else joint


def _said(character: str, alphabet: Alphabet) -> str:
    if alphabet.knows(character) or character in _PUNCTUATION or character == "-":
        return character
    if character in alphabet.spelled:
        return f" {alphabet.spelled[character]} "
    if character.lower() in alphabet.latinised:
        letters = alphabet.latinised[character.lower()]
        return letters.capitalize() if character.isupper() else letters
    if character in _COMMON and not alphabet.knows(character):
        return _COMMON[character]
    if character.isspace():
        return " "
    base = unicodedata.normalize("NFKD", character)
    if base != character:
        return "".join(_said_part(c, alphabet) for c in base)
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    return " "


def _said_part(character: str, alphabet: Alphabet) -> str:
    if alphabet.knows(character):
        return character
    if character.lower() in alphabet.latinised:
        return alphabet.latinised[character.lower()]
    return "" if unicodedata.category(character).startswith("M") else " "


def _spaced_stop(match: re.Match[str]) -> str:
    """Make several stops in a row one: festival takes each for a separate utterance."""
    if len(match[0]) == 1 and _NUMBER_JOINT.match(match.string, match.start()):
        return match[0]
    return max(match[1].replace(" ", ""), key=",;.!?".index) + " "
