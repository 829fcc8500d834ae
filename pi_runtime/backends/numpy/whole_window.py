"""Bidirectional networks in NumPy.

They read each window from its newest token too, so nothing carries over: every token computes its
whole window. One direction after the other: the recurrent weights, which every step reads, then
stay in half the cache (256 KB for 128 units; a Pi 3 or Zero 2 W has 512 KB in all), and a single
window's steps are one-dimensional, which NumPy takes fewer instructions for.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.numpy.cell import Cell, for_cell
from pi_runtime.backends.numpy.output import output_layer
from pi_runtime.backends.whole_window import WholeWindowSession, in_parts, windows_at_once
from pi_runtime.model.network import EPSILON, Lstm, Network

WINDOWS = 64
"""Whole windows computed at once: the more, the denser the products."""


class NumpyWholeWindow:
    """The backend for bidirectional networks.

    A sequence is an array [T, width, N]: each step's column for each of N windows. A single window
    has no last axis.
    """

    name = "numpy"

    def __init__(self, network: Network, max_length: int) -> None:
        self._network = network
        self._length = max_length
        self._layers = [[_Direction(lstm) for lstm in layer] for layer in network.layers]
        blocks = network.feature_blocks().values()
        self._attention = [network.attention[block, 0] for block in blocks]
        self._at_once = windows_at_once(network, max_length, WINDOWS)
        self._turn = threading.Lock()
        """One thread computes at a time: the NumPy calls are so short that several threads would
        spend their time on handing the interpreter lock over (8 threads on 2 cores: 0.5 × one)."""

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._length, self.whole_windows)

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Float32:
        """See `WholeWindowBackend`."""
        with self._turn:
            return in_parts(self._probabilities, windows, self._at_once)

    def _probabilities(self, windows: npt.NDArray[np.int32]) -> Float32:
        network, units = self._network, self._network.units
        if len(windows) == 1:
            sequence = network.embedding[windows[0]]
        else:
            sequence = np.ascontiguousarray(network.embedding[windows.T].transpose(0, 2, 1))
        columns = sequence.shape[2:]
        cell = Cell(units, *columns)
        features = [sequence]
        for forward, backward in self._layers:
            outputs = np.empty((self._length, 2 * units, *columns), np.float32)
            forward.run(cell, sequence, outputs[:, :units], 1)
            backward.run(cell, sequence, outputs[:, units:], -1)
            sequence = outputs
            features.append(sequence)
        logits = np.zeros((self._length, *columns), np.float32)
        for block, attention in zip(features, self._attention, strict=True):
            logits += np.einsum("tf...,f->t...", block, attention)
        weights = np.exp(logits - logits.max(axis=0))
        weights /= weights.sum(axis=0) + np.float32(EPSILON)
        average = np.concatenate([np.einsum("tf...,t...->f...", f, weights) for f in features])
        rows = average.T.reshape(len(windows), -1)
        return output_layer(network, rows)


class _Direction:
    """One direction of a layer."""

    def __init__(self, lstm: Lstm) -> None:
        self._weights = for_cell(np.concatenate([lstm.kernel, lstm.recurrent, lstm.bias[None]]))
        self._kernel, self._recurrent, (self._bias,) = np.split(
            self._weights, np.cumsum([len(lstm.kernel), len(lstm.recurrent)])
        )

    def run(self, cell: Cell, inputs: Float32, outputs: Float32, stride: int) -> None:
        """Read a sequence from its oldest step (`stride` 1) or its newest (-1)."""
        cell.clear()
        run = self._one if inputs.ndim == 2 else self._several
        run(cell, inputs, outputs[::stride], stride)

    def _one(self, cell: Cell, inputs: Float32, outputs: Float32, stride: int) -> None:
        """All steps' inputs are projected by one product."""
        projected = inputs @ self._kernel
        projected += self._bias
        recurrent, gates = self._recurrent, cell.gates
        hidden = np.zeros(len(recurrent), np.float32)
        for step, output in zip(projected[::stride], outputs, strict=True):
            np.dot(hidden, recurrent, out=gates)
            np.add(gates, step, out=gates)
            cell.step(output)
            hidden = output

    def _several(self, cell: Cell, inputs: Float32, outputs: Float32, stride: int) -> None:
        """There are enough columns for a dense product of a step's inputs, its state and a 1."""
        column = np.ones((len(self._weights), inputs.shape[2]), np.float32)
        width = len(self._kernel)
        reads, hidden = column[:width], column[width:-1]
        hidden[:] = 0
        product = self._weights.T
        for step, output in zip(inputs[::stride], outputs, strict=True):
            reads[:] = step
            np.matmul(product, column, out=cell.gates)
            cell.step(hidden)
            output[:] = hidden
