"""The definition: a whole window through the network, slow and plain, step by step.

Every other way of computing it is judged by this one. Run it in float64 to see how much of a
difference is rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.whole_window import WholeWindowSession
from pi_runtime.model.network import EPSILON, FloatArray, Lstm, Network

CHAOTIC = 1e-3
"""A tolerance above this means that rounding alone may change the network's texts."""


def window_probabilities(
    network: Network, windows: npt.NDArray[np.integer[Any]], dtype: type = np.float32
) -> FloatArray:
    """Return the probabilities [N, V] of the token after each window of ids, [N, T].

    The network is textgenrnn's (model.py and AttentionWeightedAverage.py in 2.0.0).
    """
    every, weights = _attended(network, windows, dtype)
    average = np.einsum("nt,ntf->nf", weights, every)
    return _softmax(average @ network.output_kernel.astype(dtype) + network.output_bias)


def window_attention(
    network: Network, windows: npt.NDArray[np.integer[Any]], dtype: type = np.float32
) -> FloatArray:
    """Return how much each step of each window weighs in the result, [N, T]; rows sum to 1."""
    return _attended(network, windows, dtype)[1]


def _attended(
    network: Network, windows: npt.NDArray[np.integer[Any]], dtype: type
) -> tuple[FloatArray, FloatArray]:
    """Return all features [N, T, F] and the steps' weights [N, T]."""
    sequence = network.embedding.astype(dtype)[windows]
    features = [sequence]
    for layer in network.layers:
        passes = [_run(layer[0], sequence)]
        if len(layer) == 2:
            passes.append(_run(layer[1], sequence[:, ::-1])[:, ::-1])
        sequence = np.concatenate(passes, axis=-1)
        features.append(sequence)
    every = np.concatenate(features, axis=-1)
    logits = (every @ network.attention.astype(dtype))[..., 0]
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True) + dtype(EPSILON)
    return every, weights


def _run(lstm: Lstm, inputs: FloatArray) -> FloatArray:
    kernel, recurrent, bias = (
        a.astype(inputs.dtype) for a in (lstm.kernel, lstm.recurrent, lstm.bias)
    )
    hidden = np.zeros((len(inputs), lstm.units), inputs.dtype)
    cell = np.zeros_like(hidden)
    outputs = []
    for step in range(inputs.shape[1]):
        gates = inputs[:, step] @ kernel + hidden @ recurrent + bias
        input_, forget, output, candidate = np.split(gates, 4, axis=-1)
        cell = _sigmoid(forget) * cell + _sigmoid(input_) * np.tanh(candidate)
        hidden = _sigmoid(output) * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs, axis=1)


def _sigmoid(x: FloatArray) -> FloatArray:
    # Written with tanh, which cannot overflow.
    half = x.dtype.type(0.5)
    result: FloatArray = half * np.tanh(half * x) + half
    return result


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return result


def float32_tolerance(
    network: Network, windows: npt.NDArray[np.integer[Any]]
) -> tuple[FloatArray, list[float]]:
    """Return the float32 probabilities [N, V], and per window the |Δp| a float32 backend may show.

    That is max(1e-5, 4 × what the reference itself moves between float32 and float64): over-trained
    networks amplify rounding, and no float32 computation can be closer than float32 itself. Where
    one window shows rounding to be chaotic, how far another moved is luck: all get the largest.
    """
    single = window_probabilities(network, windows)
    double = window_probabilities(network, windows, np.float64)
    tolerances = [max(1e-5, 4 * float(m)) for m in np.abs(single - double).max(axis=-1)]
    if max(tolerances) > CHAOTIC:
        tolerances = [max(tolerances)] * len(tolerances)
    return single, tolerances


class ReferenceBackend:
    """The definition as a backend: every token recomputes the whole window."""

    name = "reference"

    def __init__(self, network: Network, max_length: int) -> None:
        self._network = network
        self._max_length = max_length

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._max_length, self._compute)

    def _compute(self, windows: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        return window_probabilities(self._network, windows).astype(np.float32)
