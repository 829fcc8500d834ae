"""Text that a voice can pronounce, from text that cannot be trusted.

Engines find more than words in a text: espeak-ng and piper take `[[…]]` for phonemes; festival's
Russian voice drops a whole utterance for one dash; its English voice crashes if nothing can be
pronounced. And they read "-5", "10 000", "119:105" or "№5" each in its own wrong way. So first the
numbers, with all that is written around them, become words of the text's language and plain
digits; then the letters become those of the voice's alphabet, one by one, never losing the
sentence; and then punctuation is put where it does no harm.
"""

from __future__ import annotations

import re

from pi_runtime.speech.language import language_of
from pi_runtime.speech.normalise.alphabet import ANY, ENGLISH, RUSSIAN, Alphabet
from pi_runtime.speech.normalise.characters import unified
from pi_runtime.speech.normalise.letters import written_with
from pi_runtime.speech.normalise.numbers import read_numbers
from pi_runtime.speech.normalise.punctuation import LONGEST_WORD, punctuated
from pi_runtime.speech.normalise.words import words_of

__all__ = ["ANY", "ENGLISH", "LONGEST_WORD", "RUSSIAN", "Alphabet", "normalise"]

_START_MARK = re.compile(r"<s>")
_NUMERO = re.compile(r"(?<!\w)N[or]\.\s?(?=[0-9])")
_BEFORE_NUMBER = re.compile(r"\b[1-9][0-9]+(?=[ ,]+[0-9])")


def normalise(text: str, alphabet: Alphabet, language: str = "") -> str:
    """Return what a voice can be given of a text; "" if nothing in it can be pronounced.

    `language` is a language's code; "": that of the text's script.

    >>> normalise("№5: −3 °C, 5-7 км", ANY, "ru")
    'номер 5, минус 3 градуса Цельсия, 5, 7 километров'
    """
    text = _NUMERO.sub("№", unified(_START_MARK.sub(" ", text)))
    words = words_of(language or language_of([text]))
    said = punctuated(written_with(alphabet, read_numbers(text, words, alphabet)), alphabet)
    if not alphabet.reads_lists and words.spell is not None:
        spell = words.spell
        said = _BEFORE_NUMBER.sub(
            lambda number: written_with(alphabet, spell(int(number[0]))), said
        )
    return said if any(alphabet.knows(c) for c in said) else ""
