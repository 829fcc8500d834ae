"""Bidirectional networks in ONNX Runtime: its LSTM operator reads a window both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.onnx.graph import Graph
from pi_runtime.backends.onnx.runtime import open_session
from pi_runtime.backends.whole_window import WholeWindowSession, in_parts, windows_at_once
from pi_runtime.model.network import FloatArray, Lstm, Network

WINDOWS = 16
"""Whole windows computed at once: more of them are no faster."""


class OnnxWholeWindow:
    """The backend for bidirectional networks."""

    name = "onnx"

    def __init__(self, network: Network, max_length: int, threads: int) -> None:
        self._length = max_length
        self._at_once = windows_at_once(network, max_length, WINDOWS)
        self._session: Any = open_session(window_graph(network, max_length), threads)

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._length, self.whole_windows)

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Float32:
        """See `WholeWindowBackend`."""
        return in_parts(self._probabilities, windows, self._at_once)

    def _probabilities(self, windows: npt.NDArray[np.int32]) -> Float32:
        window = np.ascontiguousarray(windows.T, np.int32)
        probabilities: Float32 = self._session.run(None, {"window": window})[0]
        return probabilities


def window_graph(network: Network, max_length: int) -> Graph:
    """Return the graph from a window [T, N] to the probabilities after it, [N, V]."""
    graph = Graph()
    window = graph.input("window", np.int32, (max_length, "windows"))
    sequence = graph.node("Gather", graph.constant(network.embedding), window)  # [T, N, E]
    features = [sequence]
    for layer in network.layers:
        both = graph.node(
            "LSTM",
            sequence,
            *(graph.constant(array) for array in _lstm_arrays(layer)),
            hidden_size=network.units,
            direction="bidirectional",
        )  # [T, 2, N, U]
        beside = graph.node("Transpose", both, perm=[0, 2, 1, 3])
        sequence = graph.node("Reshape", beside, graph.integers(0, 0, -1))
        features.append(sequence)
    every = graph.node("Concat", *features, axis=-1)
    logits = graph.node("MatMul", every, graph.constant(network.attention))
    # Without `EPSILON`: the sum that it is added to is 1 at least, and float32 does not show it.
    weights = graph.node("Softmax", logits, axis=0)
    weighted = graph.node("Mul", every, weights)
    average = graph.node("ReduceSum", weighted, graph.integers(0), keepdims=0)
    product = graph.node("MatMul", average, graph.constant(network.output_kernel))
    answer = graph.node("Add", product, graph.constant(network.output_bias))
    graph.node("Softmax", answer, axis=-1, to="probabilities")
    graph.output("probabilities", ("windows", network.classes))
    return graph


def _lstm_arrays(layer: tuple[Lstm, ...]) -> list[FloatArray]:
    """Return the operator's W [2, 4U, I], R [2, 4U, U] and B [2, 8U], of two biases each."""

    def arranged(array: FloatArray) -> FloatArray:
        """Bring the gates into its order: input, output, forget, candidate."""
        input_, forget, output, candidate = np.split(array, 4, axis=-1)
        return np.concatenate([input_, output, forget, candidate], axis=-1).T

    biases = [np.concatenate([arranged(lstm.bias), np.zeros_like(lstm.bias)]) for lstm in layer]
    return [
        np.stack([arranged(lstm.kernel) for lstm in layer]),
        np.stack([arranged(lstm.recurrent) for lstm in layer]),
        np.stack(biases),
    ]
