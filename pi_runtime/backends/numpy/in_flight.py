"""Forward-only networks in NumPy, with their windows in flight (see `backends.in_flight`)."""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import (
    NO_LOGIT,
    Float32,
    Ids,
    InFlightSession,
    RingState,
    start_state,
)
from pi_runtime.backends.numpy.gates import Gates, for_tanh
from pi_runtime.backends.numpy.output import output_layer
from pi_runtime.model.network import EPSILON, Network


class _NumpyGroup(RingState):
    """State arrays [width, T, streams], in which a window keeps its column while it ages.

    The complete window's column becomes the fresh one, so growing older moves nothing. Columns
    rather than rows, so that a gate, a layer and two layers in a row are each contiguous.
    """

    def __init__(self, network: Network, max_length: int, streams: int) -> None:
        super().__init__(streams)
        units, levels, width = network.units, len(network.layers), network.embedding.shape[1]
        shape = (max_length, streams)
        self.features = np.zeros((streams + levels * (units + 1), *shape), np.float32)
        """A row per stream that is 1 in its columns, then each layer's outputs and a row of ones.

        A product adds what the row of its matrix for a row of ones holds: the token's part of the
        first layer's gates, by stream, or a bias.
        """
        self.features[:streams] = np.eye(streams, dtype=np.float32)[:, None]
        self.features[streams + units :: units + 1] = 1
        by_layer = self.features[streams:].reshape(levels, units + 1, *shape)
        self.hidden = by_layer[:, :units]
        self.cell = np.zeros((levels, units, *shape), np.float32)
        self.maximum = np.full(shape, NO_LOGIT, np.float32)
        self.numerator = np.zeros((width + levels * (units + 1), *shape), np.float32)
        """Of the embedding, then as the features; so a row of ones has the denominator."""

    def parts(self) -> list[Float32]:
        """See `GroupState`. Oldest first, as `take` and `put` turn them."""
        cell = self.cell.reshape(-1, *self.maximum.shape)
        parts = [self.features[self.streams :], cell, self.maximum[None], self.numerator]
        return [part.transpose(1, 2, 0) for part in parts]

    def renew_oldest(self) -> None:
        """Let a fresh window, which has read nothing, take the place of the complete one."""
        for part in (self.hidden, self.cell, self.numerator):
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
        self.kernel, self.bias = for_tanh(first.kernel), for_tanh(first.bias)
        self.recurrent = for_tanh(first.recurrent)
        self.products = [
            for_tanh(np.concatenate([lstm.kernel, lstm.bias[None], lstm.recurrent]))
            for lstm in above
        ]
        levels, width = len(network.layers), network.embedding.shape[1]
        self.token_attention, outputs = np.split(network.attention[:, 0], [width])
        by_layer = np.zeros((levels, network.units + 1), np.float32)
        by_layer[:, :-1] = outputs.reshape(levels, -1)
        self.attention = by_layer.ravel()
        """For each layer's outputs, and 0 for its row of ones."""
        ones = width + network.units + np.arange(levels) * (network.units + 1)
        self.averaged = np.delete(np.arange(width + self.attention.size), ones)
        """Which rows of the numerator are the network's features."""
        self._start = start_state(_NumpyInFlightSession(self, 1, None), max_length)

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _NumpyInFlightSession(self, streams, self._start)


class _Workspace:
    """What a step of so many streams writes to. Groups take turns, and it stays in the cache."""

    def __init__(self, weights: NumpyInFlight, streams: int) -> None:
        units = weights.network.units
        self.gates = Gates((4 * units, weights.max_length * streams), axis=0)
        rows = np.zeros((streams, 4 * units), np.float32)
        self.first = np.concatenate([rows, weights.recurrent])
        """The first layer's product, with the tokens' part of the gates in front."""
        self.attention = np.concatenate([rows[:, 0], weights.attention])
        """The attention's weights, with the tokens' part of the logits in front."""


class _NumpyInFlightSession(InFlightSession[_NumpyGroup]):
    def __init__(self, weights: NumpyInFlight, streams: int, start: list[Float32] | None) -> None:
        self._weights = weights
        self._workspaces: dict[int, _Workspace] = {}
        """By the streams of a group."""
        super().__init__(streams, start, weights.network.nbytes)

    def _new_group(self, streams: int) -> _NumpyGroup:
        if streams not in self._workspaces:
            self._workspaces[streams] = _Workspace(self._weights, streams)
        return _NumpyGroup(self._weights.network, self._weights.max_length, streams)

    def _step(self, group: _NumpyGroup, ids: Ids) -> Float32:
        weights, network, streams = self._weights, self._weights.network, group.streams
        units, columns = network.units, weights.max_length * streams
        work = self._workspaces[streams]
        embedded = network.embedding[np.asarray(ids)]
        np.matmul(embedded, weights.kernel, out=work.first[:streams])
        work.first[:streams] += weights.bias
        features = group.features.reshape(-1, columns)
        begin, end = 0, streams + units
        for level, product in enumerate((work.first, *weights.products)):
            np.matmul(product.T, features[begin:end], out=work.gates.all)
            cell = group.cell[level].reshape(units, columns)
            work.gates.step(cell, features[end - units : end])
            begin, end = end - units, end + 1 + units
        average = self._attend(group, embedded, work)
        group.renew_oldest()
        return output_layer(network, average)

    def _attend(self, group: _NumpyGroup, embedded: Float32, work: _Workspace) -> Float32:
        """Take a step's features into the running attention average; return the complete one."""
        streams, width = embedded.shape
        np.matmul(embedded, self._weights.token_attention, out=work.attention[:streams])
        logits = work.attention @ group.features.reshape(len(group.features), -1)
        logits = logits.reshape(group.maximum.shape)
        maximum = np.maximum(group.maximum, logits)
        decay = np.exp(group.maximum - maximum)
        weight = np.exp(logits - maximum)
        group.maximum[:] = maximum
        group.numerator *= decay
        group.numerator[:width] += embedded.T[:, None] * weight
        group.numerator[width:] += group.features[streams:] * weight
        complete = group.numerator[:, group.oldest].T
        total = complete[:, -1:] + np.float32(EPSILON)
        average: Float32 = complete[:, self._weights.averaged] / total
        return average
