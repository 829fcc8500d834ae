"""What both kinds of network have in their graphs: a cell, the attention, constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.constants import Constant, Constants, StandIn
from pi_runtime.model.network import Network

Tensor = Any
"""A tf.Tensor; TensorFlow has no type annotations."""


def tensor(tf: Any, constant: Constant) -> Tensor:
    """Return a constant within a graph, where a stand-in takes a few bytes."""
    if isinstance(constant, StandIn):
        return tf.constant(constant.value, tf.float32, constant.shape)
    return constant


def lstm_cell(tf: Any, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return an LSTM cell's output and new state, from gates input, forget, output, candidate."""
    input_, forget, output, candidate = tf.split(gates, 4, -1)
    new = tf.sigmoid(forget) * cell + tf.sigmoid(input_) * tf.tanh(candidate)
    return tf.sigmoid(output) * tf.tanh(new), new


def attention_parts(network: Network, constants: Constants) -> list[Constant]:
    """Return the attention's weights for each block of features."""
    return [
        constants.partial_sums(f"attention/{name}", network.attention[block])
        for name, block in network.feature_blocks().items()
    ]


def attention_logits(tf: Any, features: list[Tensor], attention: list[Constant]) -> Tensor:
    """Return the attention logit of each step, […, 1].

    It is computed in partial sums: XNNPACK adds the terms of a row one by one, which over all of F
    costs a logit of 50 ten units in the last place.
    """
    embedded, *layers = (
        tf.matmul(block, tensor(tf, part)) for block, part in zip(features, attention, strict=True)
    )
    sums = tf.concat(layers, -1)
    return tf.matmul(sums, np.ones((sums.shape[-1], 1), np.float32)) + tf.matmul(
        embedded, np.ones((embedded.shape[-1], 1), np.float32)
    )
