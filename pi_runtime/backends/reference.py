"""The definition: a whole window through the network, slow and plain, step by step.

Every other way of computing it is judged by this one. Run it in float64 to see how much of a
difference is rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.whole_window import WholeWindowSession
from pi_runtime.model.network import EPSILON, FloatArray, Lstm, Network

CHAOTIC = 1e-3
"""A tolerance above this means that rounding alone may change the network's texts."""

FLOOR = 1e-5
"""The |Δp| that every float32 backend may show."""
DRAWS = 6
"""How often all weights are moved to see how far that moves a window."""
LARGE, LARGE_DRAWS = 1 << 24, 2
"""A network of so many weights, which takes minutes, is moved less often."""
STEEP, STEEP_DRAWS = 10.0, 48
"""A network whose cells have a weight beyond this is moved more often: it may stand on an edge that
one draw in ten shows."""
DRAWN_WORK = 2_000_000_000
"""The multiplications that this may take, some seconds."""
MARGIN = 4
"""A backend may show so many times what rounding was seen to do."""

Cast = Callable[[FloatArray], FloatArray]
"""Makes a network's array into what is computed with."""


def window_probabilities(
    network: Network, windows: npt.NDArray[np.integer[Any]], dtype: type = np.float32
) -> FloatArray:
    """Return the probabilities [N, V] of the token after each window of ids, [N, T].

    The network is textgenrnn's (model.py and AttentionWeightedAverage.py in 2.0.0).
    """
    return _probabilities(network, windows, lambda array: array.astype(dtype))


def window_attention(
    network: Network, windows: npt.NDArray[np.integer[Any]], dtype: type = np.float32
) -> FloatArray:
    """Return how much each step of each window weighs in the result, [N, T]; rows sum to 1."""
    return _attended(network, windows, lambda array: array.astype(dtype))[1]


def window_vectors(network: Network, windows: npt.NDArray[np.integer[Any]]) -> FloatArray:
    """Return what the attention makes of each window, which the output layer reads, [N, F]."""
    return _averages(network, windows, lambda array: array)


def _probabilities(
    network: Network, windows: npt.NDArray[np.integer[Any]], cast: Cast
) -> FloatArray:
    average = _averages(network, windows, cast)
    return _softmax(average @ cast(network.output_kernel) + cast(network.output_bias))


def _averages(network: Network, windows: npt.NDArray[np.integer[Any]], cast: Cast) -> FloatArray:
    every, weights = _attended(network, windows, cast)
    average: FloatArray = np.einsum("nt,ntf->nf", weights, every)
    return average


def _attended(
    network: Network, windows: npt.NDArray[np.integer[Any]], cast: Cast
) -> tuple[FloatArray, FloatArray]:
    """Return all features [N, T, F] and the steps' weights [N, T]."""
    sequence = cast(network.embedding)[windows]
    features = [sequence]
    for layer in network.layers:
        passes = [_run(layer[0], sequence, cast)]
        if len(layer) == 2:
            passes.append(_run(layer[1], sequence[:, ::-1], cast)[:, ::-1])
        sequence = np.concatenate(passes, axis=-1)
        features.append(sequence)
    every = np.concatenate(features, axis=-1)
    logits = (every @ cast(network.attention))[..., 0]
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True) + weights.dtype.type(EPSILON)
    return every, weights


def _run(lstm: Lstm, inputs: FloatArray, cast: Cast) -> FloatArray:
    kernel, recurrent, bias = (cast(array) for array in (lstm.kernel, lstm.recurrent, lstm.bias))
    hidden = np.zeros((len(inputs), lstm.units), inputs.dtype)
    cell = np.zeros_like(hidden)
    outputs = []
    # One product for all steps, as each reads the whole kernel. (BLAS takes no reversed view.)
    projected = np.ascontiguousarray(inputs) @ kernel
    for step in range(inputs.shape[1]):
        gates = projected[:, step] + hidden @ recurrent + bias
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

    That is `FLOOR`, or `MARGIN` times what rounding was seen to do to that window: between the
    reference's own float32 and float64, or when all weights move by half a unit in the last place.
    Over-trained networks amplify rounding, and no float32 computation can be closer than float32
    itself. Where one window shows rounding to be chaotic, how far another moved is luck: all get
    the largest.
    """
    single = window_probabilities(network, windows)
    double = window_probabilities(network, windows, np.float64)
    rounding = np.maximum(
        np.abs(single - double).max(axis=-1), _sensitivity(network, windows, double)
    )
    tolerances = [max(FLOOR, MARGIN * float(moved)) for moved in rounding]
    if max(tolerances) > CHAOTIC:
        tolerances = [max(tolerances)] * len(tolerances)
    return single, tolerances


def _sensitivity(
    network: Network, windows: npt.NDArray[np.integer[Any]], exact: FloatArray
) -> FloatArray:
    """Return how far each window's p moves, at most, if weights move by half a float32 ulp, [N].

    Each weight moves up or down at random; many draws, for a single one may not show an edge that
    the network stands on.
    """
    random = np.random.RandomState(0)

    def moved(array: FloatArray) -> FloatArray:
        bits = np.frombuffer(random.bytes(-(-array.size // 8)), np.uint8)
        signs = np.unpackbits(bits, count=array.size).reshape(array.shape)
        return array * (1 + (signs * 2.0 - 1) * 2.0**-24)

    farthest = np.zeros(len(windows))
    for _ in range(_draws(network, windows.size)):
        distance = np.abs(_probabilities(network, windows, moved) - exact).max(axis=-1)
        farthest = np.maximum(farthest, distance)
    return farthest


def _draws(network: Network, steps: int) -> int:
    """Return how often a network's weights are moved to see what it does to so many steps."""
    if sum(array.size for array in network.arrays().values()) >= LARGE:
        return LARGE_DRAWS
    cells = [lstm for layer in network.layers for lstm in layer]
    arrays = [array for lstm in cells for array in (lstm.kernel, lstm.recurrent)]
    if max(np.abs(array).max() for array in arrays) <= STEEP:
        return DRAWS
    within = DRAWN_WORK // (steps * sum(array.size for array in arrays))
    return min(STEEP_DRAWS, max(DRAWS, within))


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
