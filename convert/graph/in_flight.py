"""A forward-only network as one step of windows in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convert.constants import Constants
from convert.graph.parts import Tensor, attention_logits, attention_parts, lstm_cell, tensor
from pi_runtime.model.network import EPSILON, Network


def in_flight_step(
    tf: Any, network: Network, max_length: int, constants: Constants
) -> tuple[Callable[..., Any], list[Any]]:
    """Return the function of a step and its signature, with the weights as constants."""
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
    attention = attention_parts(network, constants)
    output = constants.matrix(**{"output/kernel": network.output_kernel})
    output_bias = constants.table("output/bias", network.output_bias)

    def step(token: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, cell = state[:depth], state[depth : 2 * depth]
        maximum, denominator, *numerators = state[2 * depth :]
        embedded = tf.gather(tensor(tf, embedding), token)  # [B, E]
        projected = tf.matmul(embedded, tensor(tf, kernel)) + tensor(tf, biases[0])
        new_hidden: list[Tensor] = []
        new_cell: list[Tensor] = []
        for level, constant in enumerate(products):
            product = tensor(tf, constant)
            if level == 0:
                gates = tf.matmul(hidden[0], product) + projected
            else:
                inputs = tf.concat([new_hidden[-1], hidden[level]], -1)
                gates = tf.matmul(inputs, product) + tensor(tf, biases[level])
            output_, cell_ = lstm_cell(tf, gates, cell[level])
            new_hidden.append(output_)
            new_cell.append(cell_)
        features = [embedded, *new_hidden]
        logit = attention_logits(tf, features, attention)
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
            tf.matmul(average, tensor(tf, output)) + tensor(tf, output_bias)
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
