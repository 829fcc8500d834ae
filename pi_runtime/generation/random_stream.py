"""The random numbers of a text: what `numpy.random.multinomial` draws, and draws of many weights.

NumPy keeps `RandomState`'s stream frozen but for weights of 0 (see `RandomStream.choose`), so the
same seed draws the same tokens under every NumPy version.
"""

from __future__ import annotations

import math
import os

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]

MANY = 2000
"""So many weights are searched in NumPy: `multinomial` takes a logarithm and an exponential of each
one that it passes over."""

CHUNK = 2048
"""Weights that are looked at together, of which the first are the likeliest to be drawn: textgenrnn
numbers words by how often they occur."""

CLOSE = 1e-15
"""Where a random number is so close to a probability, rounding decides: exp(log(q)) is within 3e-16
of q in [0.5, 1]."""


class RandomStream:
    """A stream of random numbers. One text's draws, or those of several that share it, in turn."""

    def __init__(self, state: np.random.RandomState, many: int = MANY) -> None:
        """Begin where `state` is, which then belongs to the stream."""
        self._state = state
        self._many = many
        self._ahead = np.empty(0)
        """Numbers that were taken from `state` and not used yet."""

    def choose(self, weights: Weights) -> int:
        """Draw an index by weights float64[V], which sum to 1, as NumPy 1's `multinomial` does.

        For a weight of 0 NumPy 2 takes a number from the stream and NumPy 1 none. The last index's
        takes none in either: it is drawn if none before it was.
        """
        if weights.all():
            return self._choose(weights)
        kept = weights != 0
        kept[-1] = True
        return int(kept.nonzero()[0][self._choose(weights[kept])])

    def _choose(self, weights: Weights) -> int:
        if self._ahead.size or len(weights) >= self._many:
            return self._search(weights)
        return int(self._state.multinomial(1, weights).argmax())

    def _search(self, weights: Weights) -> int:
        """Draw as `multinomial(1, weights)` does: go through the weights until one is taken.

        Source: `random_multinomial` and `random_binomial_inversion` in NumPy's distributions.c, for
        a single experiment. An index is taken with its probability among those that are left.
        """
        at, last, remaining = 0, len(weights) - 1, 1.0
        while at < last:
            part = weights[at : min(at + CHUNK, last)]
            # Subtracted one by one, since NumPy's rounding is part of the stream.
            left = np.subtract.accumulate(np.concatenate([[remaining], part]))
            with np.errstate(divide="ignore"):  # rounding may leave 0 before the last weights
                probabilities = part / left[:-1]
            passed = (1 - CLOSE) - probabilities
            passed[probabilities > 0.5] = -1
            undecided = self._next(len(part)) > passed
            found = int(undecided.argmax())
            if not undecided[found]:
                self._use(len(part))
                at, remaining = at + len(part), left[-1]
                continue
            self._use(found)
            if self._taken(float(probabilities[found])):
                return at + found
            at, remaining = at + found + 1, left[found + 1]
        return last

    def _taken(self, probability: float) -> bool:
        """Return what `binomial(1, probability)` draws, rounding as the C code does."""
        if probability <= 0.5:
            return self._inverted(probability)
        return not self._inverted(1.0 - probability)

    def _inverted(self, probability: float) -> bool:
        complement = 1.0 - probability
        none = math.exp(math.log(complement)) if complement < math.inf else math.inf
        while True:
            number = float(self._next(1)[0])
            self._use(1)
            if number <= none:
                return False
            if number - none <= probability * none / complement:
                return True

    def _next(self, count: int) -> npt.NDArray[np.float64]:
        """Return the next numbers of the stream, without using them up."""
        missing = count - len(self._ahead)
        if missing > 0:
            new = self._state.random_sample(max(missing, CHUNK))
            self._ahead = np.concatenate([self._ahead, new])
        return self._ahead[:count]

    def _use(self, count: int) -> None:
        self._ahead = self._ahead[count:]


def random_seed() -> int:
    """Return a fresh seed, 0 … 2³² - 1, from the system's entropy."""
    return int.from_bytes(os.urandom(4), "little")


def random_stream(seed: int, index: int = 0, redraw: int = 0) -> RandomStream:
    """Return the random stream of text `index` under `seed`, or of one of its redraws, from 1 on.

    Text 0 draws what textgenrnn draws after `numpy.random.seed(seed)`. Every further text has a
    stream of its own, so that it does not depend on how many texts are made or in which order; so
    has every redraw, so that a rejected text does not move the others.
    """
    if index == redraw == 0:
        return RandomStream(np.random.RandomState(seed))
    # Zeros at the end change nothing here: a text's stream is that of its redraw 0.
    sequence = np.random.SeedSequence([seed, index, redraw])
    return RandomStream(np.random.RandomState(np.random.MT19937(sequence)))
