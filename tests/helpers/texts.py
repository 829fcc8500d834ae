"""A generator on the reference backend, and textgenrnn's loop to compare it with."""

from __future__ import annotations

from collections.abc import Sequence

from pi_runtime import TextGenerator
from pi_runtime.backends.reference import ReferenceBackend
from pi_runtime.generation.defaults import SCHEDULE
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import sample
from pi_runtime.model.vocabulary import Vocabulary
from tests.helpers.checkpoints import config_of, small_network, small_vocab

NETWORK = small_network(classes=20)
LENGTH = 8


def reference_generator(
    *, single_text: bool = False, word_level: bool = False, vocab: dict[str, int] | None = None
) -> TextGenerator:
    """Return a generator that computes `NETWORK` by its definition."""
    ids = vocab or small_vocab(20, single_text=single_text)
    return TextGenerator(
        ReferenceBackend(NETWORK, LENGTH),
        Vocabulary(ids, 20, word_level=word_level),
        config_of(NETWORK, LENGTH, word_level=word_level),
    )


def tokens_by_hand(
    vocabulary: Vocabulary,
    prefix: list[str],
    limit: int,
    seed: int,
    schedule: Sequence[float] = SCHEDULE,
) -> list[str]:
    """Return the tokens of textgenrnn's loop, spelled out: the whole window for every token."""
    random, tokens = random_stream(seed), list(prefix)
    while len(tokens) < limit:
        ids = [vocabulary.id(token) for token in tokens[-LENGTH:]]
        session = ReferenceBackend(NETWORK, LENGTH).session()
        for token_id in ids or [0]:
            (probabilities,) = session.step([token_id])
        temperature = schedule[(len(tokens) - 1) % len(schedule)]
        tokens.append(vocabulary.token(sample(probabilities, temperature, random)))
        if tokens[-1] == "<s>":
            break
    return tokens
