"""Texts as vectors by Keras, from a checkpoint and with nothing of the package's.

    python -m tests.generation.with_keras    a line of JSON per checkpoint in: weights, vocab,
                                             config, texts and the .npy file to write

A process of its own, because TensorFlow and tflite-runtime do not live in one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np


class Attention(keras.layers.Layer):  # type: ignore[misc]
    """`AttentionWeightedAverage` of textgenrnn 2.0.0."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 1), name="W")

    def call(self, x: Any) -> Any:
        logits = keras.ops.matmul(x, self.w)[..., 0]
        ai = keras.ops.exp(logits - keras.ops.max(logits, axis=-1, keepdims=True))
        weights = ai / (keras.ops.sum(ai, axis=1, keepdims=True) + 1e-7)
        return keras.ops.sum(x * weights[..., None], axis=1)


def arrays_of(path: str) -> dict[str, list[np.ndarray[Any, Any]]]:
    """Return the arrays of each layer in the order that Keras 2 wrote them in."""
    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        return {
            name: [np.array(root[name][weight]) for weight in root[name].attrs["weight_names"]]
            for name in (_text(name) for name in root.attrs["layer_names"])
        }


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def as_lstm(arrays: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Return kernel, recurrent kernel and bias of one direction, gates i, f, c, o."""
    if len(arrays) == 12:  # Keras 1: W, U, b of i, c, f and o
        i, c, f, o = (arrays[at : at + 3] for at in (0, 3, 6, 9))
        return [np.concatenate(parts, axis=-1) for parts in zip(i, f, c, o, strict=True)]
    kernel, recurrent, bias = arrays
    if bias.size == 2 * kernel.shape[1]:  # CuDNNLSTM, as Keras 2 converts it
        gates = np.hsplit(kernel, 4)
        kernel = np.hstack([gate.T.reshape(gate.shape, order="F") for gate in gates])
        recurrent = np.hstack([gate.T for gate in np.hsplit(recurrent, 4)])
        bias = np.sum(np.split(bias, 2), axis=0)
    return [kernel, recurrent, bias]


def vector_model(path: str, config: dict[str, Any]) -> keras.Model:
    """Return textgenrnn's network up to its attention, with the weights of a file."""
    arrays = arrays_of(path)
    windows = keras.Input((config["max_length"],), dtype="int32")
    classes, width = arrays["embedding"][0].shape
    blocks = [keras.layers.Embedding(classes, width, name="embedding")(windows)]
    weights = {"embedding": arrays["embedding"], "attention": arrays["attention"]}
    for number in range(1, config["rnn_layers"] + 1):
        name = f"rnn_{number}"
        found = arrays[name]
        ways = 2 if config["rnn_bidirectional"] else 1
        part = len(found) // ways
        weights[name] = [a for at in range(ways) for a in as_lstm(found[at * part :][:part])]
        lstm = keras.layers.LSTM(config["rnn_size"], return_sequences=True, name=name)
        blocks.append(
            (keras.layers.Bidirectional(lstm, name=name) if ways == 2 else lstm)(blocks[-1])
        )
    model = keras.Model(windows, Attention(name="attention")(keras.layers.Concatenate()(blocks)))
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    return model


def windows_of(
    texts: list[str], vocab: dict[str, int], config: dict[str, Any]
) -> np.ndarray[Any, Any]:
    """Encode texts as `encode_text_vectors` of textgenrnn 2.0.0 does."""
    length = config["max_length"]
    found = np.zeros((len(texts), length), np.int32)
    for row, text in zip(found, texts, strict=True):
        # What Keras 2's text_to_word_sequence(text, filters="") makes of it.
        words = [word for word in text.lower().split(" ") if word]
        tokens = ["<s>", *(words if config["word_level"] else text)[:length]]
        ids = [vocab.get(token, 0) for token in tokens][-length:]
        row[length - len(ids) :] = ids
    return found


def main() -> None:
    """Do what the lines on stdin ask for."""
    for line in sys.stdin:
        job = json.loads(line)
        model = vector_model(job["weights"], job["config"])
        windows = windows_of(job["texts"], job["vocab"], job["config"])
        np.save(Path(job["output"]), model.predict(windows, verbose=0))


if __name__ == "__main__":
    main()
