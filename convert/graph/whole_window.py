"""A bidirectional network as a whole window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convert.constants import Constants
from convert.graph.parts import Tensor, attention_logits, attention_parts, lstm_cell, tensor
from pi_runtime.model.network import EPSILON, Lstm, Network


def whole_window(
    tf: Any, network: Network, max_length: int, constants: Constants
) -> tuple[Callable[..., Any], list[Any]]:
    """Return the function of a window and its signature, with the weights as constants."""
    embedding = constants.table("embedding", network.embedding)
    layers = [
        _both_ways(tf, number, layer, max_length, constants)
        for number, layer in enumerate(network.layers, 1)
    ]
    attention = attention_parts(network, constants)
    output = constants.matrix(**{"output/kernel": network.output_kernel})
    output_bias = constants.table("output/bias", network.output_bias)

    def window(ids: Tensor) -> Tensor:
        sequence = tf.gather(tensor(tf, embedding), ids)  # [T, B, E]
        features = [sequence]
        for layer in layers:
            sequence = layer(sequence)
            features.append(sequence)
        logits = attention_logits(tf, features, attention)
        weights = tf.exp(logits - tf.reduce_max(logits, 0, keepdims=True))
        weights = weights / (tf.reduce_sum(weights, 0, keepdims=True) + EPSILON)
        average = tf.concat([tf.reduce_sum(block * weights, 0) for block in features], -1)
        return tf.nn.softmax(tf.matmul(average, tensor(tf, output)) + tensor(tf, output_bias))

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
            tf.matmul(inputs, tensor(tf, kernel)) + tensor(tf, bias)
            for kernel, bias in zip(kernels, biases, strict=True)
        )
        # One loop for both directions; the backward one starts at the newest step.
        projected = tf.stack([forward, tf.reverse(backward, [0])], 1)  # [T, 2, B, 4U]
        zero = tf.zeros_like(projected[0, :, :, :units])

        def body(step: Tensor, hidden: Tensor, cell: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
            ways = [
                tf.matmul(hidden[way], tensor(tf, recurrent))
                for way, recurrent in enumerate(recurrents)
            ]
            # Not projected[step]: a strided slice of a loop variable copies the whole variable.
            gates = tf.stack(ways) + tf.gather(projected, step)
            hidden, cell = lstm_cell(tf, gates, cell)
            return step + 1, hidden, cell, tf.concat([outputs[1:], hidden[None]], 0)

        *_, outputs = tf.while_loop(
            lambda step, *_: step < max_length,
            body,
            (tf.constant(0), zero, zero, tf.zeros_like(projected[:, :, :, :units])),
        )
        return tf.concat([outputs[:, 0], tf.reverse(outputs[:, 1], [0])], -1)

    return run
