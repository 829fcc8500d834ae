"""A bidirectional network as a graph without loops: each step of a window is operators of its own.

    window int32[T, B] → probabilities float32[B, V]

Written from the network's arrays while the model is in use (`compiled` says when). One direction
runs after the other: its recurrent weights, 256 KB with 128 units, stay in a small processor's
cache while it reads the window.
"""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.tflite.graph import Graph
from pi_runtime.model.manifest import MIN_QUANTIZED
from pi_runtime.model.network import EPSILON, FloatArray, Lstm, Network

MAX_TABLE = 1 << 20
"""The most values in the table of a first layer's inputs; reading a larger one from memory costs
what it saves."""

TERMS = 16
"""So many of a logit's terms are added one by one, as XNNPACK does, before their sums are."""

JOINED = 4
"""Tensors that XNNPACK concatenates at once."""

ONE = 0x3F800000
"""1.0 in float32."""


def unrolled(network: Network, length: int, streams: int, *, int8: bool) -> bytes:
    """Return the graph for windows [length, streams]; `int8` says whether the file's weights are.

    The graph takes them as int8 then too, with a scale for each output of a product.
    """
    return _Unrolling(network, length, streams, int8).graph()


class _Unrolling:
    def __init__(self, network: Network, length: int, streams: int, int8: bool) -> None:
        self._network = network
        self._length, self._streams = length, streams
        self._int8 = int8
        self._graph = Graph()

    def graph(self) -> bytes:
        graph, network = self._graph, self._network
        window = graph.input((self._length, self._streams), "int32")
        sequence = self._rows_of(network.embedding, window)
        features = [sequence]
        for layer in network.layers:
            outputs = []
            for backward, lstm in enumerate(layer):
                if len(features) == 1 and network.classes * lstm.bias.size <= MAX_TABLE:
                    # Each token's inputs are computed here, rather than in each window.
                    table = network.embedding @ lstm.kernel + lstm.bias
                    projected = self._rows_of(table, window)
                else:
                    projected = self._product(sequence, lstm.kernel, lstm.bias)
                outputs.append(self._direction(projected, lstm, backward=bool(backward)))
            sequence = graph.concatenate(outputs, 2)
            features.append(sequence)
        logits = self._product(self._average(features), network.output_kernel, network.output_bias)
        shape = (self._streams, network.classes)
        return graph.to_bytes([window], [graph.apply("SOFTMAX", [logits], shape, ONE)])

    def _rows_of(self, table: FloatArray, window: int) -> int:
        shape = (self._length, self._streams, table.shape[1])
        return self._graph.apply("GATHER", (self._constant(table), window), shape, 0)

    def _direction(self, projected: int, lstm: Lstm, *, backward: bool) -> int:
        """Return the outputs [T, B, U] of one direction, given its inputs' part of the gates."""
        graph, units, streams = self._graph, lstm.units, self._streams
        recurrent = self._matrix(lstm.recurrent)
        outputs = [0] * self._length
        hidden = cell = None
        for step in reversed(range(self._length)) if backward else range(self._length):
            gates = graph.slice(projected, (step, 0, 0), (1, streams, 4 * units))
            if hidden is not None:
                gates = graph.each("ADD", graph.product(hidden, recurrent), gates)
            sigmoids = graph.slice(gates, (0, 0, 0), (1, streams, 3 * units))
            candidate = graph.slice(gates, (0, 0, 3 * units), (1, streams, units))
            input_, forget, output = graph.split(graph.each("LOGISTIC", sigmoids), 3)
            added = graph.each("MUL", input_, graph.each("TANH", candidate))
            # Before the first step, the hidden and cell state are zero.
            if cell is not None:
                added = graph.each("ADD", graph.each("MUL", forget, cell), added)
            cell = added
            hidden = outputs[step] = graph.each("MUL", output, graph.each("TANH", cell))
        while len(outputs) > 1:
            groups = [outputs[at : at + JOINED] for at in range(0, len(outputs), JOINED)]
            outputs = [graph.concatenate(g, 0) if len(g) > 1 else g[0] for g in groups]
        return outputs[0]

    def _average(self, features: list[int]) -> int:
        """Return the average [B, F] of all features, weighted by the attention."""
        graph, first = self._graph, self._graph.numbers(0)
        blocks = self._network.feature_blocks().values()
        parts = [
            self._logits(feature, self._network.attention[block, 0])
            for feature, block in zip(features, blocks, strict=True)
        ]
        logits = parts[0]
        for part in parts[1:]:
            logits = graph.each("ADD", logits, part)
        one = (1, self._streams, 1)
        largest = graph.apply("REDUCE_MAX", (logits, first), one, 1)
        shares = graph.each("EXP", graph.each("SUB", logits, largest))
        total = graph.apply("SUM", (shares, first), one, 1)
        epsilon = self._constant(np.array([EPSILON]))
        shares = graph.each("DIV", shares, graph.each("ADD", total, epsilon))
        averages = []
        for feature in features:
            weighted = graph.each("MUL", feature, shares)
            shape = (self._streams, graph.shape(feature)[2])
            averages.append(graph.apply("SUM", (weighted, first), shape, 0))
        return graph.concatenate(averages, 1)

    def _logits(self, feature: int, attention: FloatArray) -> int:
        """Return a block's part of the logits [T, B, 1], added up from partial sums."""
        size = len(attention)
        rows = next(n for n in range(max(1, size // TERMS), 0, -1) if size % n == 0)
        weights = np.zeros((rows, size), np.float32)
        weights[np.arange(size) // (size // rows), np.arange(size)] = attention
        sums = self._graph.product(feature, self._constant(weights))
        return self._graph.product(sums, self._constant(np.ones((1, rows))))

    def _product(self, tensor: int, kernel: FloatArray, bias: FloatArray) -> int:
        return self._graph.product(tensor, self._matrix(kernel), self._constant(bias))

    def _matrix(self, kernel: FloatArray) -> int:
        """Return the constant [outputs, inputs] of a product."""
        weights = np.ascontiguousarray(kernel.T, np.float32)
        if not self._int8 or weights.size < MIN_QUANTIZED:
            return self._graph.constant(weights)
        # The values were int8 times a scale, and are again: the largest of a row is ±127.
        largest = np.abs(weights).max(axis=1)
        scale: Float32 = np.where(largest, largest / 127, 1).astype(np.float32)
        return self._graph.constant(np.round(weights / scale[:, None]).astype(np.int8), scale)

    def _constant(self, array: FloatArray) -> int:
        return self._graph.constant(np.asarray(array, np.float32))
