"""The language of a text, by its script: enough to choose a voice."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

# The first word of a letter's Unicode name, and the language a voice is sought for.
_SCRIPTS = {
    "LATIN": "en",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "CJK": "cmn",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "DEVANAGARI": "hi",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "TAMIL": "ta",
}


def language_of(text: Iterable[str], default: str = "en") -> str:
    """Return the language of a text, or of a vocabulary's tokens, by its most common script."""
    counts: Counter[str] = Counter()
    for token in text:
        for letter in filter(str.isalpha, token):
            script = unicodedata.name(letter, "").partition(" ")[0]
            if script in _SCRIPTS:
                counts[_SCRIPTS[script]] += 1
    return counts.most_common(1)[0][0] if counts else default
