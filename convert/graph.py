"""A `Network` as a TFLite FlatBuffer with builtin operators only, and where it keeps each array.

A forward-only network becomes one step of windows in flight (`pi_runtime.backends.in_flight`):

    (token int32[B], state…) → (probabilities float32[B, V], state…)
    state: hidden and cell of each layer float32[T, B, U], then the attention average's
           maximum [T, B, 1], denominator [T, B, 1] and numerator [T, B, …], a block of F each

The caller shifts the rows: row a of the state input is row a - 1 of the last state output, and row
0 is zero (its maximum is `NO_LOGIT`). A bidirectional network becomes a whole window:

    window int32[T, B] → probabilities float32[B, V]

B, the number of streams, may be resized (for a whole window only once, before the first
computation, because some interpreters refuse the second time). The weights are constants: a
function over variables can be converted to a small file that loads, runs, and returns NaN.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from convert.constants import Constant, Constants, StandIn
from convert.quiet import quiet_tensorflow
from pi_runtime.model.manifest import ArraySpec
from pi_runtime.model.network import EPSILON, Lstm, Network

Tensor = Any
"""A tf.Tensor; TensorFlow has no type annotations."""


def build_flatbuffer(
    network: Network, max_length: int, quantization: str = "float32"
) -> tuple[bytes, dict[str, ArraySpec]]:
    """Return the FlatBuffer and each array's manifest entry, by name.

    `quantization` is "float32", or "int8": weights in int8 with a scale for each output of a
    product, activations quantized while computing ("dynamic range").

    Raises:
        RuntimeError: TensorFlow's converter failed, or left out a constant.
    """
    flatbuffer, constants = convert_graph(network, max_length, quantization)
    content = bytearray(flatbuffer)
    specs, appended = constants.place(content)
    return bytes(content) + appended, specs


def convert_graph(network: Network, max_length: int, quantization: str) -> tuple[bytes, Constants]:
    """Return the FlatBuffer, still with stand-ins, and the constants that belong in their place.

    Raises:
        RuntimeError: TensorFlow's converter failed.
    """
    constants = Constants(quantization)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with quiet_tensorflow():
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
    return flatbuffer, constants


def _tensor(tf: Any, constant: Constant) -> Tensor:
    """Return a constant within a graph, where a stand-in takes a few bytes."""
    if isinstance(constant, StandIn):
        return tf.constant(constant.value, tf.float32, constant.shape)
    return constant


def _in_flight_step(
    tf: Any, network: Network, max_length: int, constants: Constants
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
        embedded = tf.gather(_tensor(tf, embedding), token)  # [B, E]
        projected = tf.matmul(embedded, _tensor(tf, kernel)) + _tensor(tf, biases[0])
        new_hidden: list[Tensor] = []
        new_cell: list[Tensor] = []
        for level, constant in enumerate(products):
            product = _tensor(tf, constant)
            if level == 0:
                gates = tf.matmul(hidden[0], product) + projected
            else:
                inputs = tf.concat([new_hidden[-1], hidden[level]], -1)
                gates = tf.matmul(inputs, product) + _tensor(tf, biases[level])
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
        probabilities = tf.nn.softmax(
            tf.matmul(average, _tensor(tf, output)) + _tensor(tf, output_bias)
        )
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


def _attention(network: Network, constants: Constants) -> list[Constant]:
    return [
        constants.partial_sums(f"attention/{name}", network.attention[block])
        for name, block in network.feature_blocks().items()
    ]


def _logits(tf: Any, features: list[Tensor], attention: list[Constant]) -> Tensor:
    """Return the attention logit of each step, […, 1].

    It is computed in partial sums: XNNPACK adds the terms of a row one by one, which over all of F
    costs a logit of 50 ten units in the last place.
    """
    embedded, *layers = (
        tf.matmul(block, _tensor(tf, part)) for block, part in zip(features, attention, strict=True)
    )
    sums = tf.concat(layers, -1)
    return tf.matmul(sums, np.ones((sums.shape[-1], 1), np.float32)) + tf.matmul(
        embedded, np.ones((embedded.shape[-1], 1), np.float32)
    )


def _whole_window(
    tf: Any, network: Network, max_length: int, constants: Constants
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
        sequence = tf.gather(_tensor(tf, embedding), ids)  # [T, B, E]
        features = [sequence]
        for layer in layers:
            sequence = layer(sequence)
            features.append(sequence)
        logits = _logits(tf, features, attention)
        weights = tf.exp(logits - tf.reduce_max(logits, 0, keepdims=True))
        weights = weights / (tf.reduce_sum(weights, 0, keepdims=True) + EPSILON)
        average = tf.concat([tf.reduce_sum(block * weights, 0) for block in features], -1)
        return tf.nn.softmax(tf.matmul(average, _tensor(tf, output)) + _tensor(tf, output_bias))

    return window, [tf.TensorSpec([max_length, None], tf.int32, name="window")]


def _both_ways(
    tf: Any, number: int, layer: tuple[Lstm, ...], max_length: int, constants: Constants
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
            tf.matmul(inputs, _tensor(tf, kernel)) + _tensor(tf, bias)
            for kernel, bias in zip(kernels, biases, strict=True)
        )
        # One loop for both directions; the backward one starts at the newest step.
        projected = tf.stack([forward, tf.reverse(backward, [0])], 1)  # [T, 2, B, 4U]
        zero = tf.zeros_like(projected[0, :, :, :units])

        def body(step: Tensor, hidden: Tensor, cell: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
            ways = [
                tf.matmul(hidden[way], _tensor(tf, recurrent))
                for way, recurrent in enumerate(recurrents)
            ]
            # Not projected[step]: a strided slice of a loop variable copies the whole variable.
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
