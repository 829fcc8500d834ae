"""The network in NumPy: runs on every board, straight from the mapped file.

Forward-only networks keep windows in flight (see `in_flight`).

Bidirectional networks read each window from its newest token too, so nothing carries over: every
token computes its whole window, both directions in one loop per layer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Backend, Session
from pi_runtime.backends.in_flight import (
    NO_LOGIT,
    Float32,
    GroupState,
    Ids,
    InFlightSession,
    start_state,
)
from pi_runtime.backends.whole_window import WholeWindowSession
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import EPSILON, FloatArray, Lstm, Network

HALF = np.float32(0.5)

WINDOWS = 64
"""Whole windows computed at once, which bounds the memory for a step's gates."""


def load(model: ModelFile, threads: int = 1) -> Backend:
    """Return the NumPy backend for a model; it always runs in the calling thread alone.

    Raises:
        ModelFileError: an array does not lie where the manifest says it does.
    """
    return numpy_backend(model.network(), model.config.max_length)


def numpy_backend(network: Network, max_length: int) -> Backend:
    """Return the NumPy backend for a network's kind."""
    if network.bidirectional:
        return NumpyWholeWindow(network, max_length)
    return NumpyInFlight(network, max_length)


def _for_tanh(weights: FloatArray) -> Float32:
    """Halve the sigmoid gates' columns, which is exact: sigmoid(x) = tanh(x / 2) / 2 + 1/2.

    One tanh then computes all four gates.
    """
    copy = np.array(weights, np.float32, order="C")
    copy[..., : weights.shape[-1] // 4 * 3] *= np.float32(0.5)
    return copy


class _Gates:
    """Buffers for the gates of a step.

    `axis` is where the gates lie side by side: 0 for [4U, columns], -1 for [..., 4U]. The views are
    made once: in a loop over steps, making them would cost as much as computing.
    """

    def __init__(self, shape: Sequence[int], axis: int) -> None:
        self.all = np.empty(shape, np.float32)
        quarters = np.split(self.all, 4, axis)
        self._sigmoids = np.split(self.all, [shape[axis] // 4 * 3], axis)[0]
        self._input, self._forget, self._output, self._candidate = quarters
        self._scratch = np.empty_like(self._input)

    def step(self, cell: Float32, output: Float32) -> None:
        """Turn `all`, as weights `_for_tanh` leave it, and `cell`, in place, into `output`."""
        np.tanh(self.all, out=self.all)
        np.multiply(self._sigmoids, HALF, out=self._sigmoids)
        np.add(self._sigmoids, HALF, out=self._sigmoids)
        np.multiply(self._input, self._candidate, out=self._scratch)
        np.multiply(self._forget, cell, out=cell)
        np.add(cell, self._scratch, out=cell)
        np.tanh(cell, out=self._scratch)
        np.multiply(self._output, self._scratch, out=output)


def _softmax(logits: Float32) -> Float32:
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits


class _NumpyGroup(GroupState):
    """State arrays [width, T, streams], in which a window keeps its column while it ages.

    The complete window's column becomes the fresh one, so growing older moves nothing. Columns
    rather than rows, so that a gate, a layer and two layers in a row are each contiguous.
    """

    def __init__(self, network: Network, max_length: int, streams: int) -> None:
        super().__init__(streams)
        units, levels = network.units, len(network.layers)
        shape = (max_length, streams)
        self.hidden = np.zeros((levels * units, *shape), np.float32)
        """All layers' outputs: a layer above the first reads its own and those just below."""
        self.cell = np.zeros((levels, units, *shape), np.float32)
        self.maximum = np.full(shape, NO_LOGIT, np.float32)
        self.denominator = np.zeros(shape, np.float32)
        self.numerator = np.zeros((network.attention.shape[0], *shape), np.float32)
        self.oldest = 0
        """The column of the window that the next token completes."""

    def parts(self) -> list[Float32]:
        """See `GroupState`. Oldest first, as `take` and `put` turn them."""
        cell = self.cell.reshape(-1, *self.maximum.shape)
        parts = [self.hidden, cell, self.maximum[None], self.denominator[None], self.numerator]
        return [part.transpose(1, 2, 0) for part in parts]

    def take(self, stream: int) -> list[Float32]:
        """See `GroupState`."""
        return [np.roll(part, -self.oldest, axis=0) for part in super().take(stream)]

    def put(self, stream: int, state: list[Float32]) -> None:
        """See `GroupState`."""
        super().put(stream, [np.roll(part, self.oldest, axis=0) for part in state])

    def renew_oldest(self) -> None:
        """Let a fresh window, which has read nothing, take the place of the complete one."""
        for part in (self.hidden, self.cell, self.denominator, self.numerator):
            part[..., self.oldest, :] = 0
        self.maximum[self.oldest] = NO_LOGIT
        self.oldest = (self.oldest + 1) % len(self.maximum)


class NumpyInFlight:
    """The backend for forward-only networks: the weights as the products want them."""

    name = "numpy"

    def __init__(self, network: Network, max_length: int) -> None:
        self.network = network
        self.max_length = max_length
        first, *above = (layer[0] for layer in network.layers)
        width = network.embedding.shape[1]
        self.kernel = _for_tanh(first.kernel)
        self.products = [_for_tanh(first.recurrent).T] + [
            _for_tanh(np.concatenate([lstm.kernel, lstm.recurrent])).T for lstm in above
        ]
        self.bias = _for_tanh(first.bias)
        self.biases = [_for_tanh(lstm.bias)[:, None] for lstm in above]
        self.token_attention, self.output_attention = np.split(network.attention[:, 0], [width])
        self._start = start_state(_NumpyInFlightSession(self, 1, None), max_length)

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _NumpyInFlightSession(self, streams, self._start)


class _NumpyInFlightSession(InFlightSession[_NumpyGroup]):
    def __init__(self, weights: NumpyInFlight, streams: int, start: list[Float32] | None) -> None:
        self._weights = weights
        self._gates: dict[int, _Gates] = {}
        """By the columns of a group: groups take turns, and their gates stay in the cache."""
        super().__init__(streams, start)

    def _new_group(self, streams: int) -> _NumpyGroup:
        network, length = self._weights.network, self._weights.max_length
        columns = length * streams
        if columns not in self._gates:
            self._gates[columns] = _Gates((4 * network.units, columns), axis=0)
        return _NumpyGroup(network, length, streams)

    def _step(self, group: _NumpyGroup, ids: Ids) -> Float32:
        weights, network = self._weights, self._weights.network
        units, columns = network.units, weights.max_length * group.streams
        embedded = network.embedding[np.asarray(ids)]
        hidden = group.hidden.reshape(-1, columns)
        gates = self._gates[columns]
        for level, product in enumerate(weights.products):
            below, here = max(0, level - 1) * units, slice(level * units, (level + 1) * units)
            np.matmul(product, hidden[below : here.stop], out=gates.all)
            if level:
                gates.all += weights.biases[level - 1]
            else:
                by_window = gates.all.reshape(4 * units, weights.max_length, group.streams)
                by_window += (embedded @ weights.kernel + weights.bias).T[:, None]
            gates.step(group.cell[level].reshape(units, columns), hidden[here])
        average = self._attend(group, embedded)
        group.renew_oldest()
        return _softmax(average @ network.output_kernel + network.output_bias)

    def _attend(self, group: _NumpyGroup, embedded: Float32) -> Float32:
        """Take a step's features into the running attention average; return the complete one."""
        logits = np.tensordot(self._weights.output_attention, group.hidden, 1)
        logits += embedded @ self._weights.token_attention
        maximum = np.maximum(group.maximum, logits)
        decay = np.exp(group.maximum - maximum)
        weight = np.exp(logits - maximum)
        group.maximum[:] = maximum
        group.denominator *= decay
        group.denominator += weight
        group.numerator *= decay
        width = embedded.shape[1]
        group.numerator[:width] += embedded.T[:, None] * weight
        group.numerator[width:] += group.hidden * weight
        complete = group.numerator[:, group.oldest].T
        total = group.denominator[group.oldest][:, None] + np.float32(EPSILON)
        average: Float32 = complete / total
        return average


class NumpyWholeWindow:
    """The backend for bidirectional networks."""

    name = "numpy"

    def __init__(self, network: Network, max_length: int) -> None:
        self._network = network
        self._length = max_length
        self._layers = [_BothWays(layer) for layer in network.layers]
        self._turn = threading.Lock()
        """One thread computes at a time: the NumPy calls are so short that several threads would
        spend their time on handing the interpreter lock over (8 threads on 2 cores: 0.5 × one)."""

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._length, self.whole_windows)

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Float32:
        """See `WholeWindowBackend`."""
        parts = range(0, len(windows), WINDOWS)
        with self._turn:
            computed = [self._probabilities(windows[at : at + WINDOWS]) for at in parts]
        return computed[0] if len(computed) == 1 else np.concatenate(computed)

    def _probabilities(self, windows: npt.NDArray[np.int32]) -> Float32:
        network = self._network
        sequence = network.embedding[windows.T]  # [T, N, E]
        features = [sequence]
        for layer in self._layers:
            sequence = layer(sequence)
            features.append(sequence)
        every = np.concatenate(features, axis=-1)
        logits = every @ network.attention
        weights = np.exp(logits - logits.max(axis=0))
        weights /= weights.sum(axis=0) + np.float32(EPSILON)
        average = (every * weights).sum(axis=0)
        return _softmax(average @ network.output_kernel + network.output_bias)


class _BothWays:
    """A bidirectional layer: inputs [T, N, I] to outputs [T, N, 2U]."""

    def __init__(self, layer: Sequence[Lstm]) -> None:
        self._kernel = np.stack([_for_tanh(lstm.kernel) for lstm in layer])
        self._recurrent = np.stack([_for_tanh(lstm.recurrent) for lstm in layer])
        self._bias = np.stack([_for_tanh(lstm.bias) for lstm in layer])[:, None]

    def __call__(self, inputs: Float32) -> Float32:
        length, streams, _ = inputs.shape
        units = self._recurrent.shape[1]
        flat = inputs.reshape(length * streams, -1)
        steps = np.empty((length, 2, streams, 4 * units), np.float32)
        for way, kernel in enumerate(self._kernel):
            projected = np.matmul(flat, kernel).reshape(length, streams, 4 * units)
            # The backward direction reads the same steps from the newest to the oldest.
            np.add(projected[::-1] if way else projected, self._bias[way], out=steps[:, way])
        outputs = np.empty((length, 2, streams, units), np.float32)
        hidden = np.zeros((2, streams, units), np.float32)
        cell = np.zeros_like(hidden)
        gates = _Gates((2, streams, 4 * units), axis=-1)
        for step, output in zip(steps, outputs, strict=True):
            np.matmul(hidden, self._recurrent, out=gates.all)
            np.add(gates.all, step, out=gates.all)
            gates.step(cell, output)
            hidden = output
        return np.concatenate([outputs[:, 0], outputs[::-1, 1]], axis=-1)
