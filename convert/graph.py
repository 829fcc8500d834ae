"""`Network` → TFLite FlatBuffer, builtin operators only, and where each array lies in it.

A forward-only network becomes one step of its windows in flight (see `pi_runtime.backends`):

    (token int32[B], state…) → (probabilities float32[B, V], state…)
    state: hidden and cell of each layer float32[T, B, U], then the attention average's
           maximum [T, B, 1], denominator [T, B, 1] and numerator [T, B, …], a block of F each

The caller moves the rows on: row a of the state that goes in is row a - 1 of the state that came
out, and row 0 is zero (its maximum: `NO_LOGIT`). A bidirectional network becomes its whole window:

    window int32[T, B] → probabilities float32[B, V]

B, the number of streams, may be resized (of a window once, before it is first computed: some
interpreters refuse a second time). The weights are constants in the graph: a function over
variables can be converted to a small file that loads, runs, and returns NaN.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pi_runtime.model.network import EPSILON, FloatArray, Lstm, Network

Tensor = Any
"""A tf.Tensor; TensorFlow has no types."""

SMALL = 1023
"""TensorFlow leaves constants of so few elements in float32; attention logits need that."""


def build_flatbuffer(
    network: Network, max_length: int, quantization: str = "float32"
) -> tuple[bytes, dict[str, Any]]:
    """Return the FlatBuffer and, an array's name, its place for the manifest.

    `quantization` is "float32", or "int8": weights in int8, a scale for each output of a product,
    and activations quantized on the fly ("dynamic range").

    Raises:
        RuntimeError: TensorFlow's converter failed, or an array is not in the file as it was given.
    """
    constants = _Constants(quantization)
    with _quiet():
        import tensorflow as tf

        if network.bidirectional:
            function, signature = _whole_window(tf, network, max_length, constants)
        else:
            function, signature = _in_flight_step(tf, network, max_length, constants)
        concrete = tf.function(function, input_signature=signature).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantization == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        flatbuffer: bytes = converter.convert()
        quantized = _quantized_tensors(flatbuffer) if quantization == "int8" else []
    return flatbuffer, constants.places(flatbuffer, quantized)


@dataclass(frozen=True)
class _Quantized:
    """An int8 constant of a FlatBuffer: value = data × scale, by row or for all."""

    data: np.ndarray[Any, Any]
    scale: np.ndarray[Any, Any]

    def holds(self, stored: np.ndarray[Any, Any]) -> bool:
        """Return whether these are the given weights, to within rounding."""
        if self.data.shape != stored.shape:
            return False
        scale = self.scale[:, None] if self.scale.size > 1 else self.scale
        return bool((np.abs(self.data * scale - stored) <= 0.51 * scale).all())


def _quantized_tensors(flatbuffer: bytes) -> list[_Quantized]:
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(flatbuffer, 0)
    found = []
    for graph in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(number) for number in range(graph.TensorsLength())):
            buffer, parameters = model.Buffers(tensor.Buffer()), tensor.Quantization()
            if tensor.Type() == schema.TensorType.INT8 and buffer.DataLength():
                data = buffer.DataAsNumpy().view(np.int8).reshape(tensor.ShapeAsNumpy())
                found.append(_Quantized(data, parameters.ScaleAsNumpy()))
    return found


@dataclass(frozen=True)
class _Part:
    """An array of the network inside a stored one: all in bytes, but for the shape."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Constants:
    """The constants of the graph, and which of the network's arrays lie in each of them."""

    def __init__(self, quantization: str) -> None:
        self._unquantized_elements = SMALL if quantization == "int8" else 1 << 14
        self._stored: list[tuple[FloatArray, dict[str, _Part]]] = []

    def table(self, name: str, array: FloatArray) -> FloatArray:
        """Register an array that the file stores as it is."""
        strides = (4 * array.shape[-1], 4)[-array.ndim :]
        return self._add(array, array, {name: _Part(0, array.shape, strides)})

    def matrix(self, **parts: FloatArray) -> FloatArray:
        """Register matrices stacked by rows for one product; the file stores the transpose."""
        stacked = np.concatenate(list(parts.values()))
        places, row = {}, 0
        for name, part in parts.items():
            places[name] = _Part(4 * row, part.shape, (4, 4 * len(stacked)))
            row += len(part)
        return self._add(stacked, stacked.T, places)

    def partial_sums(self, name: str, vector: FloatArray) -> FloatArray:
        """Register a vector [n, 1] as a matrix [n, n / m] that sums m products at a time.

        The file stores its transpose: a row for each m terms, in their columns.
        """
        size = len(vector)
        most = self._unquantized_elements // size
        rows = next(n for n in range(max(1, min(size // 8, most)), 0, -1) if size % n == 0)
        step = size // rows
        matrix = np.zeros((size, rows), np.float32)
        matrix[np.arange(size), np.arange(size) // step] = vector[:, 0]
        return self._add(matrix, matrix.T, {name: _Part(0, (rows, step), (4 * (size + step), 4))})

    def _add(self, array: FloatArray, stored: FloatArray, parts: dict[str, _Part]) -> FloatArray:
        self._stored.append((np.ascontiguousarray(stored, "<f4"), parts))
        return array

    def places(self, flatbuffer: bytes, quantized: list[_Quantized]) -> dict[str, Any]:
        """Find every array's bytes in the file; return their places for the manifest."""
        places: dict[str, Any] = {}
        for stored, parts in self._stored:
            offset = _find(flatbuffer, stored.tobytes(), 4)
            if offset >= 0:
                for name, part in parts.items():
                    places[name] = _place("float32", offset, part.offset, part.shape, part.strides)
                continue
            match = next((tensor for tensor in quantized if tensor.holds(stored)), None)
            if match is None:
                raise RuntimeError(f"TensorFlow changed {', '.join(parts)} on the way")
            offset = _find(flatbuffer, match.data.tobytes(), 1)
            scale_at = _find(flatbuffer, np.ascontiguousarray(match.scale, "<f4").tobytes(), 4)
            for name, part in parts.items():
                quarter = tuple(stride // 4 for stride in part.strides)
                places[name] = _place("int8", offset, part.offset // 4, part.shape, quarter)
                # Rows of the stored transpose are the array's columns.
                places[name]["scale"] = _place("float32", scale_at, 0, match.scale.shape, (4,))
        return places


def _place(
    dtype: str, offset: int, within: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> dict[str, Any]:
    return {
        "dtype": dtype,
        "offset": offset + within,
        "shape": list(shape),
        "strides": list(strides),
    }


def _find(haystack: bytes, needle: bytes, alignment: int) -> int:
    at = haystack.find(needle)
    while at >= 0 and at % alignment:
        at = haystack.find(needle, at + 1)
    return at


def _in_flight_step(
    tf: Any, network: Network, max_length: int, constants: _Constants
) -> tuple[Callable[..., Any], list[Any]]:
    units, depth = network.units, len(network.layers)
    embedding = constants.table("embedding", network.embedding)
    first = network.layers[0][0]
    kernel = constants.matrix(**{"rnn_1/forward/kernel": first.kernel})
    products = [constants.matrix(**{"rnn_1/forward/recurrent": first.recurrent})]
    for number, (lstm,) in enumerate(network.layers[1:], 2):
        name = f"rnn_{number}/forward"
        products.append(
            constants.matrix(**{f"{name}/kernel": lstm.kernel, f"{name}/recurrent": lstm.recurrent})
        )
    biases = [
        constants.table(f"rnn_{number}/forward/bias", layer[0].bias)
        for number, layer in enumerate(network.layers, 1)
    ]
    attention = _attention(network, constants)
    output = constants.matrix(**{"output/kernel": network.output_kernel})
    output_bias = constants.table("output/bias", network.output_bias)

    def step(token: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, cell = state[:depth], state[depth : 2 * depth]
        maximum, denominator, *numerators = state[2 * depth :]
        embedded = tf.gather(embedding, token)  # [B, E]
        projected = tf.matmul(embedded, kernel) + biases[0]
        new_hidden: list[Tensor] = []
        new_cell: list[Tensor] = []
        for level, product in enumerate(products):
            if level == 0:
                gates = tf.matmul(hidden[0], product) + projected
            else:
                inputs = tf.concat([new_hidden[-1], hidden[level]], -1)
                gates = tf.matmul(inputs, product) + biases[level]
            output_, cell_ = _cell(tf, gates, cell[level])
            new_hidden.append(output_)
            new_cell.append(cell_)
        features = [embedded, *new_hidden]
        logit = _logits(tf, features, attention)
        new_maximum = tf.maximum(maximum, logit)
        decay, weight = tf.exp(maximum - new_maximum), tf.exp(logit - new_maximum)
        new_denominator = denominator * decay + weight
        new_numerators = [
            numerator * decay + feature * weight
            for numerator, feature in zip(numerators, features, strict=True)
        ]
        complete = tf.concat([numerator[-1] for numerator in new_numerators], -1)
        average = complete / (new_denominator[-1] + EPSILON)
        probabilities = tf.nn.softmax(tf.matmul(average, output) + output_bias)
        return (
            probabilities,
            *new_hidden,
            *new_cell,
            new_maximum,
            new_denominator,
            *new_numerators,
        )

    widths = [units] * (2 * depth) + [1, 1, network.embedding.shape[1]] + [units] * depth
    return step, [
        tf.TensorSpec([None], tf.int32, name="token"),
        *(
            tf.TensorSpec([max_length, None, width], tf.float32, name=f"state_{number}")
            for number, width in enumerate(widths)
        ),
    ]


def _cell(tf: Any, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return an LSTM cell's output and new state, from gates input, forget, output, candidate."""
    input_, forget, output, candidate = tf.split(gates, 4, -1)
    new = tf.sigmoid(forget) * cell + tf.sigmoid(input_) * tf.tanh(candidate)
    return tf.sigmoid(output) * tf.tanh(new), new


def _attention(network: Network, constants: _Constants) -> list[FloatArray]:
    return [
        constants.partial_sums(f"attention/{name}", network.attention[block])
        for name, block in network.feature_blocks().items()
    ]


def _logits(tf: Any, features: list[Tensor], attention: list[FloatArray]) -> Tensor:
    """Return the attention logit of each step, […, 1].

    In partial sums: XNNPACK adds up a row one term after the other, and over all of F that costs a
    logit of 50 ten units in the last place.
    """
    embedded, *layers = (
        tf.matmul(block, part) for block, part in zip(features, attention, strict=True)
    )
    sums = tf.concat(layers, -1)
    return tf.matmul(sums, np.ones((sums.shape[-1], 1), np.float32)) + tf.matmul(
        embedded, np.ones((embedded.shape[-1], 1), np.float32)
    )


def _whole_window(
    tf: Any, network: Network, max_length: int, constants: _Constants
) -> tuple[Callable[..., Any], list[Any]]:
    embedding = constants.table("embedding", network.embedding)
    layers = [
        _both_ways(tf, number, layer, max_length, constants)
        for number, layer in enumerate(network.layers, 1)
    ]
    attention = _attention(network, constants)
    output = constants.matrix(**{"output/kernel": network.output_kernel})
    output_bias = constants.table("output/bias", network.output_bias)

    def window(ids: Tensor) -> Tensor:
        sequence = tf.gather(embedding, ids)  # [T, B, E]
        features = [sequence]
        for layer in layers:
            sequence = layer(sequence)
            features.append(sequence)
        logits = _logits(tf, features, attention)
        weights = tf.exp(logits - tf.reduce_max(logits, 0, keepdims=True))
        weights = weights / (tf.reduce_sum(weights, 0, keepdims=True) + EPSILON)
        average = tf.concat([tf.reduce_sum(block * weights, 0) for block in features], -1)
        return tf.nn.softmax(tf.matmul(average, output) + output_bias)

    return window, [tf.TensorSpec([max_length, None], tf.int32, name="window")]


def _both_ways(
    tf: Any, number: int, layer: tuple[Lstm, ...], max_length: int, constants: _Constants
) -> Callable[[Tensor], Tensor]:
    names = [f"rnn_{number}/{direction}" for direction in ("forward", "backward")]
    kernels, recurrents, biases = [], [], []
    for name, lstm in zip(names, layer, strict=True):
        kernels.append(constants.matrix(**{f"{name}/kernel": lstm.kernel}))
        recurrents.append(constants.matrix(**{f"{name}/recurrent": lstm.recurrent}))
        biases.append(constants.table(f"{name}/bias", lstm.bias))
    units = layer[0].units

    def run(inputs: Tensor) -> Tensor:
        forward, backward = (
            tf.matmul(inputs, kernel) + bias for kernel, bias in zip(kernels, biases, strict=True)
        )
        # One loop for both directions: the backward one reads from the newest step.
        projected = tf.stack([forward, tf.reverse(backward, [0])], 1)  # [T, 2, B, 4U]
        zero = tf.zeros_like(projected[0, :, :, :units])

        def body(step: Tensor, hidden: Tensor, cell: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
            ways = [tf.matmul(hidden[way], recurrent) for way, recurrent in enumerate(recurrents)]
            # Not projected[step]: a strided slice of what the loop carries copies all of it.
            gates = tf.stack(ways) + tf.gather(projected, step)
            hidden, cell = _cell(tf, gates, cell)
            return step + 1, hidden, cell, tf.concat([outputs[1:], hidden[None]], 0)

        *_, outputs = tf.while_loop(
            lambda step, *_: step < max_length,
            body,
            (tf.constant(0), zero, zero, tf.zeros_like(projected[:, :, :, :units])),
        )
        return tf.concat([outputs[:, 0], tf.reverse(outputs[:, 1], [0])], -1)

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep TensorFlow's chatter off the terminal; show it where the work fails.

    Its libraries write to file descriptor 2 themselves, so that is what is turned away.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with tempfile.TemporaryFile() as chatter:
        stderr = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except Exception:
            chatter.seek(0)
            os.write(stderr, chatter.read()[-4000:])
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
