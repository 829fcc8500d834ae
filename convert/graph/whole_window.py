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
    forward, backward = (
        _direction(tf, f"rnn_{number}/{direction}", lstm, max_length, constants)
        for direction, lstm in zip(("forward", "backward"), layer, strict=True)
    )

    def run(inputs: Tensor) -> Tensor:
        return tf.concat([forward(inputs, backward=False), backward(inputs, backward=True)], -1)

    return run


def _direction(
    tf: Any, name: str, lstm: Lstm, max_length: int, constants: Constants
) -> Callable[..., Tensor]:
    """Return what reads a window in one direction.

    Each has a loop of its own, one after the other: so the recurrent weights of one, 256 KB with
    128 units, stay in a small processor's cache.
    """
    kernel = constants.matrix(**{f"{name}/kernel": lstm.kernel})
    recurrent = constants.matrix(**{f"{name}/recurrent": lstm.recurrent})
    bias = constants.table(f"{name}/bias", lstm.bias)

    def run(inputs: Tensor, *, backward: bool) -> Tensor:
        projected = tf.matmul(inputs, tensor(tf, kernel)) + tensor(tf, bias)  # [T, B, 4U]
        zero = tf.zeros_like(projected[0, :, : lstm.units])

        def body(step: Tensor, hidden: Tensor, cell: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
            # Not projected[step]: a strided slice of a loop variable copies the whole variable.
            inputs = tf.gather(projected, max_length - 1 - step if backward else step)
            gates = tf.matmul(hidden, tensor(tf, recurrent)) + inputs
            hidden, cell = lstm_cell(tf, gates, cell)
            # The backward direction begins at the newest step, the last.
            parts = [hidden[None], outputs[:-1]] if backward else [outputs[1:], hidden[None]]
            return step + 1, hidden, cell, tf.concat(parts, 0)

        *_, outputs = tf.while_loop(
            lambda step, *_: step < max_length,
            body,
            (tf.constant(0), zero, zero, tf.zeros_like(projected[:, :, : lstm.units])),
        )
        return outputs

    return run
