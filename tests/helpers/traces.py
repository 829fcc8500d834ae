"""Texts whose tokens are chosen by a test, with a record of each draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pi_runtime.cli.trace_page import trace_page
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.trace import TracedSequence
from pi_runtime.model.vocabulary import START, Vocabulary

LENGTH = 8
"""T of all of them."""


def drawing(
    tokens: list[str],
    *,
    prefix: str | None = None,
    word_level: bool = False,
    length: int = LENGTH,
    share: float = 1.0,
    others: tuple[str, ...] = (),
    likelier: tuple[str, ...] = (),
    **options: Any,
) -> TracedSequence:
    """Return a text for which these tokens are drawn, until it is done.

    Each has the probability `share`, and `likelier` tokens, which an option must forbid, have twice
    that; the rest of the vocabulary, `others` too, has what is left.
    """
    ids = {
        token: at for at, token in enumerate(dict.fromkeys([START, *tokens, *others, *likelier]), 1)
    }
    vocabulary = Vocabulary(ids, len(ids) + 1, word_level=word_level)
    params = SamplingParams(0, **options)
    sequence = TracedSequence(Sampler(params, vocabulary), length, prefix, random_stream(0))
    for token in tokens:
        sequence.next_id()
        while sequence.waiting:
            sequence.next_id()
        if sequence.done:
            break
        left = 1 - share - 2 * share * len(likelier)
        probabilities = np.full(len(ids) + 1, left / (len(ids) - len(likelier)), np.float32)
        probabilities[[ids[each] for each in likelier]] = 2 * share
        probabilities[ids[token]] = share
        sequence.take(probabilities)
    return sequence


def page_of(
    sequence: TracedSequence,
    command: str = "rnn-generate m.tflite --seed 7",
    weights: Sequence[float] = range(1, LENGTH + 1),
) -> str:
    """Return the page of a text, in which all draws have these weights of the attention, [T]."""
    shares = np.asarray(weights, np.float32) / sum(weights)
    attention = np.tile(shares, (len(sequence.steps), 1))
    return trace_page(sequence, attention, command)
