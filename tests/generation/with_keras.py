"""The attention beside Keras's own layers, in a process of their own: TensorFlow takes long.

The layer is written out as in textgenrnn 2.0.0 (AttentionWeightedAverage.py, `return_attention`).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pi_runtime.backends.reference import window_attention, window_probabilities
from pi_runtime.model.network import Network
from tests.helpers.checkpoints import keras_arrays
from tests.helpers.networks import CLASSES, LENGTH, NETWORKS


class AttentionWeightedAverage(keras.layers.Layer):  # type: ignore[misc]
    """Returns the average and the weights."""

    def build(self, shape: Any) -> None:
        self.W = self.add_weight(shape=(shape[2], 1), name="attention_W")

    def call(self, x: Any) -> Any:
        logits = keras.ops.reshape(keras.ops.dot(x, self.W), keras.ops.shape(x)[:2])
        ai = keras.ops.exp(logits - keras.ops.max(logits, axis=-1, keepdims=True))
        att_weights = ai / (keras.ops.sum(ai, axis=1, keepdims=True) + keras.config.epsilon())
        weighted = x * keras.ops.expand_dims(att_weights, -1)
        return [keras.ops.sum(weighted, axis=1), att_weights]


def model_of(network: Network) -> keras.Model:
    """Return the network as a Keras model from windows to probabilities and weights."""
    windows = keras.Input((LENGTH,), dtype="int32")
    width = network.embedding.shape[1]
    features = [keras.layers.Embedding(network.classes, width, name="embedding")(windows)]
    for number in range(1, len(network.layers) + 1):
        layer = keras.layers.LSTM(network.units, return_sequences=True, name=f"rnn_{number}")
        if network.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"rnn_{number}")
        features.append(layer(features[-1]))
    average, weights = AttentionWeightedAverage(name="attention")(
        keras.layers.Concatenate()(features)
    )
    output = keras.layers.Dense(network.classes, "softmax", name="output")(average)
    model = keras.Model(windows, [output, weights])
    for name, arrays in keras_arrays(network, "LSTM").items():
        model.get_layer(name).set_weights(arrays)
    return model


@pytest.mark.parametrize("name", [name for name in NETWORKS if "extreme" not in name])
def test_the_weights_of_the_attention(name: str) -> None:
    network = NETWORKS[name]
    windows = np.random.RandomState(7).randint(0, CLASSES, (200, LENGTH), np.int32)
    windows[:LENGTH] *= np.tri(LENGTH, dtype=np.int32)[:, ::-1]  # as at the beginning of a text
    probabilities, weights = model_of(network).predict(windows, verbose=0)
    np.testing.assert_allclose(window_probabilities(network, windows), probabilities, atol=1e-5)
    np.testing.assert_allclose(window_attention(network, windows), weights, atol=1e-5)
