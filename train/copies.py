"""How much of what a network writes it has from its training texts, word for word."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pi_runtime.generation.decoding import decode
from pi_runtime.generation.generator import MAX_BATCH, TextGenerator
from pi_runtime.generation.params import SamplingParams
from pi_runtime.model.ngrams import RUNS, gram_hashes, text_key, units_in_runs
from pi_runtime.model.vocabulary import Vocabulary, words_of

TEMPERATURES = (0.2, 0.5, 1.0)
"""Those of textgenrnn's sample texts."""
TEXTS = 100
"""Texts per temperature."""
SECONDS = 20.0
"""How long all of them may take."""
MUCH = 0.5
"""A share that is worth a word of advice."""


@dataclass(frozen=True)
class Copies:
    """What was found at one temperature."""

    temperature: float
    texts: int
    """How many were generated, and of running text begun: `TEXTS`, if the time was enough."""
    units: int
    """How many characters or words they have."""
    share: float
    """Of the texts, those that are training texts; of running text, what lies in copied runs."""


def find_copies(
    generator: TextGenerator,
    texts: Sequence[str],
    *,
    seed: int = 0,
    max_gen_length: int = 300,
    seconds: float = SECONDS,
) -> list[Copies]:
    """Generate texts at each of `TEMPERATURES`, and compare them with the training texts.

    If there is a text per line, a copy is a text that is one of them. Of one running text, what
    counts are runs of at least `RUNS` units that are in it. Temperatures at which there was no time
    for a text are left out.
    """
    vocabulary = generator.vocabulary
    written: dict[float, list[str]] = {}
    for rest, temperature in zip((3, 2, 1), TEMPERATURES, strict=True):
        begun = time.monotonic()
        params = SamplingParams(temperature, max_gen_length)
        written[temperature] = list(_generated(generator, params, seed, begun + seconds / rest))
        seconds -= time.monotonic() - begun
    written = {temperature: found for temperature, found in written.items() if any(found)}
    if not written:
        return []
    unit = "words" if vocabulary.word_level else "characters"
    shares = (_shares_of_runs if vocabulary.single_text else _shares_of_texts)(
        written.values(), texts, unit
    )
    return [
        Copies(temperature, len(found), sum(_length(text, unit) for text in found), share)
        for (temperature, found), share in zip(written.items(), shares, strict=True)
    ]


def describe(copies: Sequence[Copies], vocabulary: Vocabulary) -> Iterator[str]:
    """Yield the lines that say it."""
    unit = "words" if vocabulary.word_level else "characters"
    for each in copies:
        if vocabulary.single_text:
            what = f"{each.units:,} {unit} at temperature {each.temperature}, {each.share:.0%}"
            yield f"of {what} lie in runs of {RUNS[unit]} or more that the training text has"
        else:
            what = f"{each.texts} texts at temperature {each.temperature}"
            yield f"of {what}, {round(each.share * each.texts)} are training texts"
    if any(each.share >= MUCH for each in copies if each.temperature != min(TEMPERATURES)):
        yield (
            "that is much copied: train for fewer epochs or on more texts; "
            f"rnn-generate --original {RUNS[unit]} redraws such texts"
        )


def _generated(
    generator: TextGenerator, params: SamplingParams, seed: int, end: float
) -> Iterator[str]:
    """Yield the texts that are done in time; of running text, also what there is of the others."""
    begin = generator.beginning(params, seed=seed)
    sequences = [begin(index) for index in range(TEXTS)]
    for _ in decode(generator.backend, sequences, MAX_BATCH):
        if time.monotonic() > end:
            break
    for sequence in sequences:
        if sequence.done or (generator.vocabulary.single_text and sequence.text):
            yield sequence.text


def _shares_of_texts(
    written: Collection[list[str]], texts: Sequence[str], unit: str
) -> Iterator[float]:
    """Yield of each list of texts the share that are training texts."""
    known = {text_key(text, unit) for text in texts} - {""}
    for found in written:
        yield sum(text_key(text, unit) in known for text in found) / len(found)


def _shares_of_runs(
    written: Collection[list[str]], texts: Sequence[str], unit: str
) -> Iterator[float]:
    """Yield of each list of texts the share that lies in runs which the training texts have."""
    size = RUNS[unit]
    grams = [[_hashes(text, unit, size) for text in found] for found in written]
    asked = np.unique(np.concatenate([each for found in grams for each in found]))
    known = np.zeros(len(asked), bool)
    for piece in gram_hashes(texts, unit, size):
        known |= np.isin(asked, piece)
    for found, hashes in zip(written, grams, strict=True):
        hits = [known[np.searchsorted(asked, each)] for each in hashes]
        copied = sum(units_in_runs(each, size, size) for each in hits)
        yield copied / sum(_length(text, unit) for text in found)


def _hashes(text: str, unit: str, size: int) -> npt.NDArray[np.uint64]:
    return np.concatenate([np.zeros(0, np.uint64), *gram_hashes([text], unit, size)])


def _length(text: str, unit: str) -> int:
    return len(words_of(text) if unit == "words" else text)
