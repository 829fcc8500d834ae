"""Stops, hyphens and apostrophes, only where they do no harm.

festival's Russian voice drops an utterance for a hyphen or an apostrophe that stands alone, and for
a stop between two letters; festival takes each of several stops for a sentence of its own.
"""

from __future__ import annotations

import re

from pi_runtime.speech.normalise.alphabet import Alphabet

LONGEST_WORD = 40
"""Letters after which a word is cut by a space; engines spend minutes on a word of thousands."""

_LOOSE_JOINT = re.compile(r"(?<!\w)[-']+|[-']+(?!\w)|[-']{2,}")
_STOPS = re.compile(r" ?([.,;!?](?: ?[.,;!?])*) ?")
_LONG_WORD = re.compile(rf"(\w{{{LONGEST_WORD}}})(?=\w)")


def punctuated(text: str, alphabet: Alphabet) -> str:
    """Return a text with hyphens and apostrophes only inside words and single stops behind them."""
    if alphabet.silent:
        text = re.sub(rf"(?<!\w)[{alphabet.silent}]+(?!\w)", " ", text)
    text = _LONG_WORD.sub(r"\1 ", _LOOSE_JOINT.sub(" ", text))
    text = _STOPS.sub(_strongest, " ".join(text.split()))
    return " ".join(text.split()).lstrip(".,;!? ").rstrip(" ,;")


def _strongest(stops: re.Match[str]) -> str:
    return max(stops[1].replace(" ", ""), key=",;.!?".index) + " "
