"""The network as a Keras model to train, from and to a `Network`.

Source: `textgenrnn_model` and `AttentionWeightedAverage` of textgenrnn 1.4.1, with Keras's own
initial values.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convert.weights.keras_layout import network_from_keras, network_to_keras
from pi_runtime.model.network import EPSILON, Network
from train.settings import ModelSettings

LEARNING_RATE = 4e-3
CONTEXT_WEIGHTS = (0.8, 0.2)
"""Of the two losses if there are labels: of the output with the label, of the one without."""


class AttentionWeightedAverage(keras.layers.Layer):  # type: ignore[misc]
    """[batch, T, F] → [batch, F]: the average over the steps, weighted with exp(logit)."""

    def build(self, shape: Any) -> None:
        """Create the weights [F, 1]."""
        self.kernel = self.add_weight(shape=(shape[-1], 1), initializer="uniform", name="W")

    def call(self, inputs: Any) -> Any:
        """Return the average. The denominator's epsilon is textgenrnn's."""
        logits = keras.ops.squeeze(keras.ops.matmul(inputs, self.kernel), axis=-1)
        weights = keras.ops.exp(logits - keras.ops.max(logits, axis=-1, keepdims=True))
        weights = weights / (keras.ops.sum(weights, axis=-1, keepdims=True) + EPSILON)
        return keras.ops.squeeze(keras.ops.matmul(weights[:, None, :], inputs), axis=1)


class Embedding(keras.layers.Embedding):  # type: ignore[misc]
    """An embedding with a dense gradient.

    Keras 3's optimizers square a sparse gradient per occurrence of a token, so that frequent tokens
    take steps ten times too long. Keras 2 summed the occurrences first.
    """

    def call(self, inputs: Any) -> Any:
        """Look up the rows: [batch, T] → [batch, T, E]."""
        return keras.ops.take(1.0 * self.embeddings, inputs, axis=0)


class RMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]
    """RMSprop as in Keras 2: epsilon is added to the root of the mean square, not under it."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable."""
        mean_square = self._velocities[self._get_variable_index(variable)]
        self.assign(
            mean_square,
            self.rho * mean_square + (1 - self.rho) * keras.ops.square(gradient),
        )
        root = keras.ops.sqrt(mean_square) + self.epsilon
        self.assign_sub(variable, learning_rate * gradient / root)


def build_model(
    classes: int,
    settings: ModelSettings,
    *,
    dropout: float = 0.0,
    optimizer: str = "adam",
    context_size: int = 0,
) -> keras.Model:
    """Return a compiled model from windows [batch, T] to probabilities [batch, V].

    With `context_size` labels it has a second input [batch, context_size] for them, and two
    outputs: one that uses them and one that does not.
    """
    windows = keras.Input((settings.max_length,), dtype="int32", name="input")
    embedded = Embedding(classes, settings.dim_embeddings, name="embedding")(windows)
    if dropout:
        embedded = keras.layers.SpatialDropout1D(dropout, name="dropout")(embedded)
    blocks = [embedded]
    for number in range(1, settings.rnn_layers + 1):
        lstm = keras.layers.LSTM(settings.rnn_size, return_sequences=True, name=f"rnn_{number}")
        if settings.rnn_bidirectional:
            lstm = keras.layers.Bidirectional(lstm, name=f"rnn_{number}")
        blocks.append(lstm(blocks[-1]))
    features = keras.layers.Concatenate(name="rnn_concat")(blocks)
    attention = AttentionWeightedAverage(name="attention")(features)
    output = keras.layers.Dense(classes, activation="softmax", name="output")(attention)
    if context_size:
        labels = keras.Input((context_size,), name="context_input")
        merged = keras.layers.Concatenate(name="concat")([attention, labels])
        with_labels = keras.layers.Dense(classes, activation="softmax", name="context_output")
        model = keras.Model([windows, labels], [with_labels(merged), output])
    else:
        model = keras.Model(windows, output)
    model.compile(
        loss=["sparse_categorical_crossentropy"] * (2 if context_size else 1),
        loss_weights=list(CONTEXT_WEIGHTS) if context_size else None,
        optimizer=_optimizer(optimizer),
        # XLA doubles the speed on a CPU. On a GPU it would replace cuDNN's LSTM.
        jit_compile=not tf.config.list_physical_devices("GPU"),
    )
    return model


def _optimizer(name: str) -> keras.optimizers.Optimizer:
    if name == "rmsprop":
        return RMSprop(LEARNING_RATE, rho=0.99)
    return keras.optimizers.Adam(LEARNING_RATE)


def network_of(model: keras.Model) -> Network:
    """Return the weights of a model, without those for labels."""
    return network_from_keras(
        {
            layer.name: [np.asarray(array, np.float32) for array in layer.get_weights()]
            for layer in model.layers
        }
    )


def set_network(model: keras.Model, network: Network) -> None:
    """Give a model the weights of a network of the same architecture."""
    for name, arrays in network_to_keras(network).items():
        model.get_layer(name).set_weights(list(arrays.values()))
