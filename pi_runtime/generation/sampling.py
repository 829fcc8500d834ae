"""From probabilities to the next token: textgenrnn's sampler, draw for draw.

Source: `textgenrnn_sample` in textgenrnn 2.0.0 (utils.py), which samples in float64 with
`numpy.random.multinomial`. NumPy keeps `RandomState`'s stream frozen, so the same seed draws the
same tokens under every NumPy version.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

import numpy as np
import numpy.typing as npt

from pi_runtime.generation.params import SamplingParams
from pi_runtime.model.network import EPSILON


def draw(
    probabilities: npt.NDArray[np.float32],
    params: SamplingParams,
    length: int,
    random: np.random.RandomState,
) -> int:
    """Draw the id of the next token of a text of `length` tokens, its start token counted."""
    return sample(probabilities, params.temperature_at(length), random)


def sample(
    probabilities: npt.NDArray[np.float32], temperature: float, random: np.random.RandomState
) -> int:
    """Draw a token id from `probabilities` float32[V].

    Temperature 0 takes the likeliest. Id 0 is padding and is never returned: where 0 is drawn,
    textgenrnn takes the second likeliest id, and so does this; where 0 is the likeliest or that
    second one, textgenrnn fails with a KeyError, and this takes the likeliest id other than 0.
    """
    if not temperature:
        token_id = int(np.argmax(probabilities))
    else:
        weights = _sharpened(np.asarray(probabilities, np.float64), temperature)
        token_id = int(np.argmax(random.multinomial(1, weights)))
        if token_id == 0:
            token_id = int(np.argsort(weights)[-2])
    return token_id or 1 + int(np.argmax(probabilities[1:]))


def _sharpened(
    probabilities: npt.NDArray[np.float64], temperature: float
) -> npt.NDArray[np.float64]:
    logits = np.log(probabilities + EPSILON) / temperature
    # Only a likelihood of 1 overflows, at less than 1.4e-10; setting the state takes 2 µs a token.
    with np.errstate(over="ignore") if temperature < 1e-9 else nullcontext():
        weights: npt.NDArray[np.float64] = np.exp(logits)
        total = weights.sum()
    if not 0.0 < total < np.inf:
        # Below a temperature of about 0.002 everything underflows. textgenrnn fails there.
        weights = np.exp(logits - logits.max())
        total = weights.sum()
    weights /= total
    return weights


def random_seed() -> int:
    """Return a fresh seed, 0 … 2³² - 1, from the system's entropy."""
    return int.from_bytes(os.urandom(4), "little")


def random_stream(seed: int, index: int = 0) -> np.random.RandomState:
    """Return the random stream of text `index` under `seed`.

    Text 0 draws what textgenrnn draws after `numpy.random.seed(seed)`. Every further text has a
    stream of its own, so that it does not depend on how many texts are made or in which order.
    """
    if index == 0:
        return np.random.RandomState(seed)
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, index])))
