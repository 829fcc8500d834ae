"""The network in NumPy: runs on every board, straight from the mapped file.

Forward-only networks keep windows in flight (see `in_flight`).

Bidirectional networks read each window from its newest token too, so nothing carries over: every
token computes its whole window, both directions in one loop a layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.backends import Backend
from pi_runtime.backends.in_flight import NO_LOGIT, Flight, Float32, InFlight
from pi_runtime.network import EPSILON, FloatArray, Lstm, Network

HALF = np.float32(0.5)

WINDOWS = 64
"""Whole windows computed at once, which bounds the memory for a step's gates."""


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
    """Room for the gates of a step, [rows, 4U], and the cell that they work on.

    The views are made once: in a loop over steps, making them would cost as much as computing.
    """

    def __init__(self, *shape: int) -> None:
        units = shape[-1] // 4
        self.all = np.empty(shape, np.float32)
        self._sigmoids = self.all[..., : 3 * units]
        self._input, self._forget, self._output, self._candidate = (
            self.all[..., k * units : (k + 1) * units] for k in range(4)
        )
        self._scratch = np.empty((*shape[:-1], units), np.float32)

    def step(self, cell: Float32, new_cell: Float32, output: Float32) -> None:
        """Turn `all`, as weights `_for_tanh` leave it, and a cell [rows, U] into the next ones."""
        np.tanh(self.all, out=self.all)
        np.multiply(self._sigmoids, HALF, out=self._sigmoids)
        np.add(self._sigmoids, HALF, out=self._sigmoids)
        np.multiply(self._input, self._candidate, out=self._scratch)
        np.multiply(self._forget, cell, out=new_cell)
        np.add(new_cell, self._scratch, out=new_cell)
        np.tanh(new_cell, out=self._scratch)
        np.multiply(self._output, self._scratch, out=output)


def _softmax(logits: Float32) -> Float32:
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits


class _NumpyFlight(Flight):
    """A step reads ages 0 … T - 1 of one copy and writes ages 1 … T of the other.

    So growing older moves nothing. Age 0 of both copies is the fresh row and stays as it is.
    """

    def __init__(self, network: Network, max_length: int, streams: int) -> None:
        super().__init__(streams)
        units = network.units
        levels = range(len(network.layers))

        def pair(width: int, value: float = 0.0) -> list[Float32]:
            shape = (max_length + 1, streams, width)
            return [np.full(shape, value, np.float32) for _ in range(2)]

        # Above the first layer, a row is [output of the layer below, own output]: one product.
        self.hidden = [pair(2 * units if level else units) for level in levels]
        self.cell = [pair(units) for _ in levels]
        self.maximum = pair(1, NO_LOGIT)
        self.denominator = pair(1)
        self.numerator = pair(network.attention.shape[0])
        self.now = 0
        """Which copy holds the present state."""

    def parts(self) -> list[Float32]:
        """See `Flight`."""
        pairs = (*self.hidden, *self.cell, self.maximum, self.denominator, self.numerator)
        return [pair[self.now] for pair in pairs]


class NumpyInFlight(InFlight[_NumpyFlight]):
    """The backend for forward-only networks."""

    name = "numpy"

    def __init__(self, network: Network, max_length: int) -> None:
        self._network = network
        self._length = max_length
        first = network.layers[0][0]
        self._kernel = _for_tanh(first.kernel)
        self._products = [_for_tanh(first.recurrent)] + [
            _for_tanh(np.concatenate([layer[0].kernel, layer[0].recurrent]))
            for layer in network.layers[1:]
        ]
        self._biases = [_for_tanh(layer[0].bias) for layer in network.layers]
        self._gates: dict[int, _Gates] = {}
        """By the streams of a group."""
        super().__init__(max_length)

    def _new_flight(self, streams: int) -> _NumpyFlight:
        return _NumpyFlight(self._network, self._length, streams)

    def _step(self, flight: _NumpyFlight, ids: npt.NDArray[np.int32]) -> Float32:
        network = self._network
        old, new = flight.now, 1 - flight.now
        streams = len(ids)
        rows = self._length * streams
        units = network.units
        width = network.embedding.shape[1]
        embedded = network.embedding[ids]
        gates = self._gates.get(streams)
        if gates is None:
            gates = self._gates[streams] = _Gates(self._length, streams, 4 * units)
        flat = gates.all.reshape(rows, 4 * units)
        attention = network.attention
        logits = np.broadcast_to(embedded @ attention[:width], (self._length, streams, 1)).copy()
        outputs: list[Float32] = []
        for level, product in enumerate(self._products):
            hidden = flight.hidden[level]
            inputs = hidden[old][:-1]
            if level:
                inputs[..., :units] = outputs[-1]
            np.matmul(inputs.reshape(rows, -1), product, out=flat)
            if level:
                flat += self._biases[level]
            else:
                gates.all += embedded @ self._kernel + self._biases[0]
            cell = flight.cell[level]
            output = hidden[new][1:, :, -units:]
            gates.step(cell[old][:-1], cell[new][1:], output)
            outputs.append(output)
            at = width + level * units
            logits += output @ attention[at : at + units]
        average = self._attend(flight, embedded, outputs, logits)
        flight.now = new
        return _softmax(average @ network.output_kernel + network.output_bias)

    def _attend(
        self, flight: _NumpyFlight, embedded: Float32, outputs: list[Float32], logits: Float32
    ) -> Float32:
        """Take a step's features into the running attention average; return the complete one."""
        old, new = flight.now, 1 - flight.now
        maximum, denominator = flight.maximum, flight.denominator
        np.maximum(maximum[old][:-1], logits, out=maximum[new][1:])
        decay = np.exp(maximum[old][:-1] - maximum[new][1:])
        weight = np.exp(logits - maximum[new][1:])
        np.multiply(denominator[old][:-1], decay, out=denominator[new][1:])
        denominator[new][1:] += weight
        numerator = flight.numerator[new][1:]
        np.multiply(flight.numerator[old][:-1], decay, out=numerator)
        width = embedded.shape[-1]
        numerator[..., :width] += embedded * weight
        for level, output in enumerate(outputs):
            at = width + level * output.shape[-1]
            numerator[..., at : at + output.shape[-1]] += output * weight
        average: Float32 = numerator[-1] / (denominator[new][-1] + np.float32(EPSILON))
        return average


class NumpyWholeWindow:
    """The backend for bidirectional networks."""

    name = "numpy"

    def __init__(self, network: Network, max_length: int) -> None:
        self._network = network
        self._length = max_length
        self._layers = [_BothWays(layer) for layer in network.layers]
        self.reset()

    def reset(self, streams: int = 1) -> None:
        """See `Backend`."""
        self._windows = np.zeros((streams, self._length), np.intp)

    def rearrange(self, sources: Sequence[int | None]) -> None:
        """See `Backend`."""
        fresh = np.zeros(self._length, np.intp)
        self._windows = np.array([fresh if s is None else self._windows[s] for s in sources])

    def advance(self, tokens: Sequence[int]) -> Float32:
        """See `Backend`."""
        self._windows[:, :-1] = self._windows[:, 1:].copy()
        self._windows[:, -1] = tokens
        parts = range(0, len(self._windows), WINDOWS)
        answers = [self._probabilities(self._windows[at : at + WINDOWS]) for at in parts]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def _probabilities(self, windows: npt.NDArray[np.intp]) -> Float32:
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
        gates = _Gates(2, streams, 4 * units)
        for step, output in zip(steps, outputs, strict=True):
            np.matmul(hidden, self._recurrent, out=gates.all)
            np.add(gates.all, step, out=gates.all)
            gates.step(cell, cell, output)
            hidden = output
        return np.concatenate([outputs[:, 0], outputs[::-1, 1]], axis=-1)
