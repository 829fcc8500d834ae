"""Bidirectional networks in NumPy.

They read each window from its newest token too, so nothing carries over: every token computes its
whole window, both directions in one loop per layer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.numpy.gates import Gates, for_tanh, softmax
from pi_runtime.backends.whole_window import WholeWindowSession
from pi_runtime.model.network import EPSILON, Lstm, Network

WINDOWS = 64
"""Whole windows computed at once, which bounds the memory for a step's gates."""


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
        return softmax(average @ network.output_kernel + network.output_bias)


class _BothWays:
    """A bidirectional layer: inputs [T, N, I] to outputs [T, N, 2U]."""

    def __init__(self, layer: Sequence[Lstm]) -> None:
        self._kernel = np.stack([for_tanh(lstm.kernel) for lstm in layer])
        self._recurrent = np.stack([for_tanh(lstm.recurrent) for lstm in layer])
        self._bias = np.stack([for_tanh(lstm.bias) for lstm in layer])[:, None]

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
        gates = Gates((2, streams, 4 * units), axis=-1)
        for step, output in zip(steps, outputs, strict=True):
            np.matmul(hidden, self._recurrent, out=gates.all)
            np.add(gates.all, step, out=gates.all)
            gates.step(cell, output)
            hidden = output
        return np.concatenate([outputs[:, 0], outputs[::-1, 1]], axis=-1)
