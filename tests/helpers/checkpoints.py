"""Small random networks, as checkpoints in every layout Keras has had, and as model files.

The writer of checkpoints knows Keras's layouts on its own: it shares nothing with the package's
readers, which the tests hold to it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pi_runtime.backends.reference import float32_tolerance
from pi_runtime.model.file import pack_model
from pi_runtime.model.manifest import ArraySpec, Config, Golden, Manifest
from pi_runtime.model.network import FloatArray, Lstm, Network
from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary

CHARACTERS = "eatonisrhldu,. \nабвгд"


def small_network(
    seed: int = 0,
    *,
    classes: int = 12,
    embedding: int = 6,
    units: int = 5,
    layers: int = 2,
    bidirectional: bool = False,
    scale: float = 1.0,
) -> Network:
    """Return a network with weights of about the size that training gives, times `scale`."""
    random = np.random.RandomState(seed)

    def draw(*shape: int) -> FloatArray:
        return np.asarray(scale * random.randn(*shape) / np.sqrt(shape[0]), np.float32)

    directions = 2 if bidirectional else 1
    rnn, width = [], embedding
    for _ in range(layers):
        rnn.append(
            tuple(
                Lstm(draw(width, 4 * units), draw(units, 4 * units), draw(4 * units))
                for _ in range(directions)
            )
        )
        width = units * directions
    features = embedding + layers * width
    return Network(
        draw(classes, embedding),
        tuple(rnn),
        draw(features, 1),
        3 * draw(features, classes),
        draw(classes),
    )


def small_vocab(classes: int, *, single_text: bool = False) -> dict[str, int]:
    """Return V - 1 tokens, the start mark last."""
    tokens = [CHARACTERS[i] if i < len(CHARACTERS) else chr(0x3041 + i) for i in range(classes - 1)]
    if not single_text:
        tokens[-1] = "<s>"
    return {token: token_id for token_id, token in enumerate(tokens, 1)}


def config_of(network: Network, max_length: int = 8, *, word_level: bool = False) -> Config:
    """Return the config of a network."""
    return Config(
        name="small",
        max_length=max_length,
        word_level=word_level,
        rnn_layers=len(network.layers),
        rnn_size=network.units,
        rnn_bidirectional=network.bidirectional,
        dim_embeddings=int(network.embedding.shape[1]),
    )


def write_sidecars(folder: Path, name: str, vocab: dict[str, int], config: Config) -> None:
    """Write NAME_vocab.json and NAME_config.json as textgenrnn does."""
    (folder / f"{name}_vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), "utf-8")
    (folder / f"{name}_config.json").write_text(json.dumps(asdict(config)), "utf-8")


def _keras_order(array: FloatArray) -> list[FloatArray]:
    """Return gates i, f, c, o of an array with gates i, f, o, c."""
    i, f, o, c = np.split(array, 4, axis=-1)
    return [i, f, c, o]


def _stored(lstm: Lstm, layout: str) -> dict[str, FloatArray]:
    kernel, recurrent, bias = (_keras_order(a) for a in (lstm.kernel, lstm.recurrent, lstm.bias))
    if layout == "keras1":
        return {
            f"{part}_{gate}": arrays[at]
            for gate, at in (("i", 0), ("c", 2), ("f", 1), ("o", 3))
            for part, arrays in (("W", kernel), ("U", recurrent), ("b", bias))
        }
    if layout == "cudnn":
        # The inverse of what the reader undoes; the bias in two halves that add up exactly.
        half = np.concatenate(bias) / 2
        return {
            "kernel": np.concatenate(
                [gate.reshape(gate.shape[::-1], order="F").T for gate in kernel], axis=-1
            ),
            "recurrent_kernel": np.concatenate([gate.T for gate in recurrent], axis=-1),
            "bias": np.concatenate([half, half]),
        }
    return {
        "kernel": np.concatenate(kernel, axis=-1),
        "recurrent_kernel": np.concatenate(recurrent, axis=-1),
        "bias": np.concatenate(bias),
    }


def keras_arrays(network: Network, layout: str) -> dict[str, list[FloatArray]]:
    """Return each layer's arrays by position, as a file of a layout stores them.

    `layout` is as `Checkpoint.layout` begins: LSTM, CuDNNLSTM or split gates.
    """
    kind = {"C": "cudnn", "s": "keras1"}.get(layout[0], "keras2")
    layers = {"embedding": [network.embedding]}
    for number, layer in enumerate(network.layers, 1):
        layers[f"rnn_{number}"] = [a for lstm in layer for a in _stored(lstm, kind).values()]
    return layers | {
        "attention": [network.attention],
        "output": [network.output_kernel, network.output_bias],
    }


def write_weights(
    path: Path,
    network: Network,
    layout: str = "keras2",
    *,
    attributes: str = "bytes",
    whole_model: bool = False,
    compression: str | None = None,
) -> None:
    """Write an HDF5 file; `layout` is keras2, tf2, cudnn or keras1."""
    import h5py

    layers: dict[str, dict[str, FloatArray]] = {
        "input": {},
        "embedding": {"embeddings": network.embedding},
    }
    for number, layer in enumerate(network.layers, 1):
        arrays: dict[str, FloatArray] = {}
        for direction, lstm in zip(("forward", "backward"), layer, strict=False):
            inner = f"{direction}_lstm_{number}/" if len(layer) == 2 else ""
            if layout == "tf2":
                inner += "lstm_cell_7/"
            arrays |= {f"{inner}{n}": a for n, a in _stored(lstm, layout).items()}
        layers[f"rnn_{number}"] = arrays
    layers |= {
        "rnn_concat": {},
        "attention": {"attention_W": network.attention},
        "output": {"kernel": network.output_kernel, "bias": network.output_bias},
    }

    def names(values: list[str]) -> Any:
        if attributes == "bytes":
            return np.array([value.encode() for value in values])
        if attributes == "variable":
            return np.array(values, dtype=h5py.string_dtype())
        return values

    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        root.attrs["layer_names"] = names(list(layers))
        root.attrs["keras_version"] = b"2.2.4" if attributes == "bytes" else "2.2.4"
        for layer_name, arrays in layers.items():
            group = root.create_group(layer_name)
            inner_names = [f"{layer_name}_3/{inner}:0" for inner in arrays]
            group.attrs["weight_names"] = names(inner_names) if arrays else np.array([], "S1")
            for inner, array in zip(inner_names, arrays.values(), strict=True):
                group.create_dataset(inner, data=array, compression=compression)


KERAS_3_CLASSES = {
    "input": "InputLayer",
    "embedding": "Embedding",
    "rnn_concat": "Concatenate",
    "attention": "AttentionWeightedAverage",
    "output": "Dense",
}


def write_keras_3(path: Path, network: Network, *, named: bool = True) -> None:
    """Write a .weights.h5 file as Keras 3 does, or a .keras archive if `path` ends so.

    Without `named` the groups do not say their layers' names, as before Keras 3.4.
    """
    content = io.BytesIO() if path.suffix == ".keras" else path
    config = _write_keras_3_weights(content, network, named=named)
    if isinstance(content, io.BytesIO):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.4.0"}))
            archive.writestr("config.json", json.dumps({"config": {"layers": config}}))
            archive.writestr("model.weights.h5", content.getvalue())


def _write_keras_3_weights(file: Any, network: Network, *, named: bool) -> list[dict[str, Any]]:
    import h5py

    parts: dict[str, dict[str, list[FloatArray]]] = {
        "input": {},
        "embedding": {"": [network.embedding]},
    }
    ways = ("forward_layer/", "backward_layer/")
    for number, layer in enumerate(network.layers, 1):
        parts[f"rnn_{number}"] = {
            f"{way if len(layer) == 2 else ''}cell/": list(_stored(lstm, "keras2").values())
            for way, lstm in zip(ways, layer, strict=False)
        }
    parts |= {
        "rnn_concat": {},
        "attention": {"": [network.attention]},
        "output": {"": [network.output_kernel, network.output_bias]},
    }
    recurrent = "Bidirectional" if network.bidirectional else "LSTM"
    config = []
    with h5py.File(file, "w") as root:
        root.create_group("vars")
        root.create_group("optimizer/vars")["0"] = np.int64(3)
        for name, arrays in parts.items():
            class_name = KERAS_3_CLASSES.get(name, recurrent)
            config.append({"class_name": class_name, "config": {"name": name}})
            snake = {
                "InputLayer": "input_layer",
                "AttentionWeightedAverage": ("attention_weighted_average"),
            }.get(class_name, class_name.lower())
            number = int(name.removeprefix("rnn_")) - 1 if name[-1].isdecimal() else 0
            group = root.create_group(f"layers/{snake}_{number}" if number else f"layers/{snake}")
            own = group.create_group("vars")
            if named:
                own.attrs["name"] = name
            for part, values in arrays.items():
                variables = group.require_group(f"{part}vars")
                for at, value in enumerate(values):
                    variables[str(at)] = value
    return config


def _bare_arrays(network: Network) -> tuple[bytes, dict[str, ArraySpec]]:
    content, specs = bytearray(b"not a TFLite graph  "), {}
    for name, array in network.arrays().items():
        strides = (4 * array.shape[-1], 4)[-array.ndim :]
        specs[name] = ArraySpec("float32", len(content), array.shape, strides)
        content += np.ascontiguousarray(array, "<f4").tobytes()
    return bytes(content), specs


def packed_model(
    network: Network,
    vocab: dict[str, int] | None = None,
    max_length: int = 8,
    *,
    word_level: bool = False,
    built: tuple[bytes, dict[str, ArraySpec]] | None = None,
    texts: Sequence[str] = (),
) -> bytes:
    """Return a model file, of a FlatBuffer and the places of the arrays in it.

    Without them its "FlatBuffer" is bare arrays: for NumPy, and no TensorFlow. With `texts`, it has
    their n-grams.
    """
    flatbuffer, specs = built or _bare_arrays(network)
    windows = np.random.RandomState(1).randint(0, network.classes, (3, max_length), np.int32)
    probabilities, tolerances = float32_tolerance(network, windows)
    vocabulary = Vocabulary(
        vocab or small_vocab(network.classes), network.classes, word_level=word_level
    )
    return pack_model(
        flatbuffer,
        Manifest({}, {}, network.classes, "float32", [], specs),
        config_of(network, max_length, word_level=word_level),
        vocabulary,
        Golden(windows, probabilities.astype(np.float32), tuple(tolerances)),
        NgramSet.of(texts, vocabulary) if texts else None,
    )
