"""Forward-only networks in NumPy, with their windows in flight (see `backends.in_flight`)."""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import (
    NO_LOGIT,
    Float32,
    GroupState,
    Ids,
    InFlightSession,
    start_state,
)
from pi_runtime.backends.numpy.gates import Gates, for_tanh, softmax
from pi_runtime.model.network import EPSILON, Network


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
        self.kernel = for_tanh(first.kernel)
        self.products = [for_tanh(first.recurrent).T] + [
            for_tanh(np.concatenate([lstm.kernel, lstm.recurrent])).T for lstm in above
        ]
        self.bias = for_tanh(first.bias)
        self.biases = [for_tanh(lstm.bias)[:, None] for lstm in above]
        self.token_attention, self.output_attention = np.split(network.attention[:, 0], [width])
        self._start = start_state(_NumpyInFlightSession(self, 1, None), max_length)

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _NumpyInFlightSession(self, streams, self._start)


class _NumpyInFlightSession(InFlightSession[_NumpyGroup]):
    def __init__(self, weights: NumpyInFlight, streams: int, start: list[Float32] | None) -> None:
        self._weights = weights
        self._gates: dict[int, Gates] = {}
        """By the columns of a group: groups take turns, and their gates stay in the cache."""
        super().__init__(streams, start)

    def _new_group(self, streams: int) -> _NumpyGroup:
        network, length = self._weights.network, self._weights.max_length
        columns = length * streams
        if columns not in self._gates:
            self._gates[columns] = Gates((4 * network.units, columns), axis=0)
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
        return softmax(average @ network.output_kernel + network.output_bias)

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
