"""From probabilities to the next token: textgenrnn's sampler, draw for draw, and its options.

Source: `textgenrnn_sample` in textgenrnn 2.0.0 (utils.py), which samples in float64 with
`numpy.random.multinomial` (see `random_stream`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.errors import UsageError
from pi_runtime.generation import warpers
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import RandomStream
from pi_runtime.model.network import EPSILON
from pi_runtime.model.vocabulary import START, Vocabulary


class Sampler:
    """Draws the tokens of texts.

    Without further options it is textgenrnn's sampler. With some, the logits are changed in
    llama.cpp's order: penalty, bans, top-k, top-p, min-p, and the temperature last; so what is cut
    off does not depend on a temperature that changes from token to token.
    """

    def __init__(self, params: SamplingParams, vocabulary: Vocabulary) -> None:
        """Prepare for texts of a vocabulary.

        Raises:
            UsageError: `allow` and `forbid` leave no token of this vocabulary.
        """
        self.params = params
        self.vocabulary = vocabulary
        self._end = vocabulary.id(START)
        self._warps = warps(params)
        self._mask = _mask(params, vocabulary) if self._warps else vocabulary.drawable

    def draw(
        self,
        probabilities: npt.NDArray[np.float32],
        token_ids: Sequence[int],
        length: int,
        limit: int,
        random: RandomStream,
    ) -> int:
        """Draw the id of the next token of a text.

        The text has `length` tokens, its start token counted, and is to have `limit`; of these the
        network has read `token_ids`.
        """
        temperature = self.params.temperature_at(length, limit)
        if self._warps:
            logits = self._warped(probabilities, token_ids, length)
            if not temperature:
                return int(np.argmax(logits))
            with np.errstate(over="ignore"):  # by a temperature of next to nothing
                logits = (logits - logits.max()) / temperature
            weights = warpers.probabilities(logits)
            return random.choose(weights)
        token_id = sample(probabilities, temperature, random)
        if token_id not in self.vocabulary:
            # A gap in the vocabulary: textgenrnn fails with a KeyError here.
            token_id = int(np.argmax(np.where(self._mask, probabilities, -1)))
        return token_id

    def _warped(
        self, probabilities: npt.NDArray[np.float32], token_ids: Sequence[int], length: int
    ) -> warpers.Logits:
        params = self.params
        logits: warpers.Logits = np.log(np.asarray(probabilities, np.float64) + EPSILON)
        if params.repetition_penalty != 1 and params.repetition_window:
            recent = [i for i in token_ids[-params.repetition_window :] if i not in (0, self._end)]
            logits = warpers.penalized(logits, recent, params.repetition_penalty)
        logits = warpers.kept(logits, self._mask)
        if length < params.min_length and self._end:
            logits[self._end] = -np.inf
        if params.top_k:
            logits = warpers.top_k(logits, params.top_k)
        if params.top_p < 1:
            logits = warpers.top_p(logits, params.top_p)
        if params.min_p:
            logits = warpers.min_p(logits, params.min_p)
        return logits


def warps(params: SamplingParams) -> bool:
    """Return whether options change the distribution, beside the temperature."""
    return any(getattr(params, name) != plain for name, plain in _PLAIN.items())


_PLAIN = {
    "repetition_penalty": 1.0,
    "forbid": "",
    "allow": "",
    "min_length": 0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
}
"""What the options are that change the distribution, where they do not."""


def _mask(params: SamplingParams, vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Return which tokens may be drawn, [V]; the end mark always may."""
    end = vocabulary.id(START)
    mask = vocabulary.drawable.copy()
    if params.allow:
        mask[:] = False
        mask[vocabulary.known(params.allow)] = True
    mask[[0, end, *vocabulary.known(params.forbid)]] = False
    if not mask.any():
        raise UsageError(
            f"{'allow' if params.allow else 'forbid'} leaves no token that the model knows",
            "allow some that are in its vocabulary",
        )
    mask[end] = end != 0
    return mask


def sample(probabilities: npt.NDArray[np.float32], temperature: float, random: RandomStream) -> int:
    """Draw a token id from `probabilities` float32[V].

    Temperature 0 takes the likeliest. Id 0 is padding and is never returned: where 0 is drawn,
    textgenrnn takes the second likeliest id, and so does this; where 0 is the likeliest or that
    second one, textgenrnn fails with a KeyError, and this takes the likeliest id other than 0.
    """
    if not temperature:
        token_id = int(probabilities.argmax())
    else:
        weights = _sharpened(probabilities, temperature)
        token_id = random.choose(weights)
        if token_id == 0:
            token_id = int(np.argsort(weights)[-2])
    return token_id or 1 + int(np.argmax(probabilities[1:]))


def _sharpened(
    probabilities: npt.NDArray[np.float32], temperature: float
) -> npt.NDArray[np.float64]:
    weights = _logits(probabilities, temperature)
    if temperature < 1e-9:
        # The likeliest has weight 1 and all others 0, unless they are equal; exp could overflow.
        return warpers.probabilities(weights)
    np.exp(weights, out=weights)
    total = float(np.add.reduce(weights))
    if not 0.0 < total < math.inf:
        # Below a temperature of about 0.002 everything underflows. textgenrnn fails there.
        return warpers.probabilities(_logits(probabilities, temperature))
    weights /= total
    return weights


def _logits(probabilities: npt.NDArray[np.float32], temperature: float) -> warpers.Logits:
    logits: warpers.Logits = np.add(probabilities, EPSILON, dtype=np.float64)
    np.log(logits, out=logits)
    logits /= temperature
    return logits
