"""The page that `rnn-generate --trace` writes: one HTML file that needs nothing else.

What a model or a prefix has in it reaches the page as JSON in which no `<` is left, and the page's
script shows it as text, never as markup. The page's policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.cli.output import as_json
from pi_runtime.generation.trace import Step, TracedSequence
from pi_runtime.model.vocabulary import START, clean_up

TEMPLATE = Path(__file__).with_name("trace.html")

MAX_TOKEN = 40
"""Characters of a token that are shown: a vocabulary may have one of any length."""


def trace_page(sequence: TracedSequence, attention: npt.NDArray[np.float32], command: str) -> str:
    """Return the page of a text that is done.

    `attention` is that of its draws, [steps, T]; `command` gives the text again.
    """
    template = TEMPLATE.read_text("utf-8")
    data = as_json(_data(sequence, attention, command)).replace("<", r"\u003c")
    filled = {
        "@STYLE@": _digest(template, "style"),
        "@SCRIPT@": _digest(template, "script"),
        "@DATA@": data,
    }
    for place, content in filled.items():  # the data last: what it holds is no place
        template = template.replace(place, content, 1)
    return template


def _digest(template: str, tag: str) -> str:
    """Return how a content security policy names the only element that has no attributes."""
    content = template.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _data(
    sequence: TracedSequence, attention: npt.NDArray[np.float32], command: str
) -> dict[str, Any]:
    """Return what the page shows. Tokens are numbers in a table of those that it names."""
    vocabulary, tokens = sequence.vocabulary, sequence.tokens
    ends = tokens[-1:] == [START] and bool(sequence.steps)
    numbers: dict[str, int] = {}

    def number(token: str) -> int:
        return numbers.setdefault(token, len(numbers))

    def step(found: Step, weights: npt.NDArray[np.float32]) -> list[Any]:
        top = [(number(vocabulary.token(each)), _share(p)) for each, p in found.top]
        largest = float(weights.max())
        # A byte of each one's square root: small weights need digits of their own.
        scaled = np.rint(255 * np.sqrt(weights / largest)).astype(np.uint8)
        return [
            _share(found.probability),
            found.rank,
            round(found.entropy, 2),
            float(f"{found.temperature:.3g}"),
            [each for each, _ in top],
            [p for _, p in top],
            _share(largest),
            base64.b64encode(scaled.tobytes()).decode(),
        ]

    text = [number(token) for token in (tokens[:-1] if ends else tokens)]
    printed = sequence.printed
    return {
        "command": command,
        "words": vocabulary.word_level,
        "window": attention.shape[1],
        "tokens": int(vocabulary.drawable.sum()),
        "text": text,
        "given": len(sequence.given),
        "printed": [printed.start, printed.stop],
        "spaced": _spaced(tokens[: len(text)]) if vocabulary.word_level else [],
        "starts": not vocabulary.single_text,
        "ends": ends,
        "mark": number(START),
        "steps": [step(*each) for each in zip(sequence.steps, attention, strict=True)],
        "table": [_cut(token) for token in numbers],  # once all are in it
    }


def _share(probability: float) -> int:
    """Return a probability in thousandths of a percent."""
    return round(probability * 100_000)


def _cut(token: str) -> str:
    return token if len(token) <= MAX_TOKEN else token[: MAX_TOKEN - 1] + "…"


def _spaced(tokens: Sequence[str]) -> list[int]:
    """Return which words have a space before them, as the text has them."""
    text, at, found = clean_up(" ".join(tokens)), 0, []
    for token in tokens:
        apart = text.startswith(" ", at)
        at += apart + len(token)
        found.append(int(apart))
    return found
