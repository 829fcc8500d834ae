"""Keras's arrays of a textgenrnn network, from and to a `Network`.

This is the only place that knows Keras's order of gates. The arrays of a layer are taken by
position, because their names differ from version to version:

- LSTM (Keras 2, tf.keras, Keras 3): kernel, recurrent kernel, bias
- CuDNNLSTM (trained on a GPU with textgenrnn 1.x): the same three. Each gate of the kernels is
  stored transposed; the bias is twice as long, in two halves that are to be added
- split gates (Keras 1): twelve arrays, (W, U, b) for each gate

A bidirectional layer has the arrays of its forward LSTM, then those of its backward LSTM.

Source of the CuDNN transformation: `preprocess_weights_for_loading` in Keras 2.2
(keras/engine/saving.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pi_runtime.model.network import FloatArray, Lstm, Network

# The gates by letter: input, forget, candidate, output.
GATES = "ifoc"
"""Their order in a `Network`."""
KERAS_GATES = "ifco"
KERAS_1_GATES = "icfo"
"""The order in which Keras 1 stores the arrays of each gate."""


def layout_of(arrays: Sequence[FloatArray]) -> str:
    """Return which layout the arrays of a recurrent layer have.

    Raises:
        ValueError: none; there are too many or too few.
    """
    if len(arrays) in (12, 24):
        return "split gates"
    if len(arrays) not in (3, 6):
        raise ValueError(f"a recurrent layer has {len(arrays)} arrays, not 3 or 6")
    return "CuDNNLSTM" if arrays[2].size == 2 * arrays[0].shape[-1] else "LSTM"


def recurrent_layers(names: Iterable[str]) -> list[str]:
    """Return the names of the recurrent layers, `rnn_1` to `rnn_L`, in order.

    Raises:
        ValueError: one is missing in between.
    """
    numbers = sorted(int(match[1]) for name in names if (match := re.fullmatch(r"rnn_(\d+)", name)))
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"the recurrent layers are numbered {numbers}")
    return [f"rnn_{number}" for number in numbers]


def network_from_keras(layers: Mapping[str, Sequence[FloatArray]]) -> Network:
    """Return the network of these arrays, given by layer; other layers are ignored.

    Raises:
        ValueError: a layer is missing, or has the wrong number of arrays or the wrong shapes.
    """
    (embedding,) = _arrays(layers, "embedding", 1)
    names = recurrent_layers(layers)
    if len({layout_of(layers[name]) for name in names}) > 1:
        raise ValueError("the recurrent layers are stored in different layouts")
    recurrent = tuple(_read_layer(layers[name]) for name in names)
    if len({len(directions) for directions in recurrent}) > 1:
        raise ValueError("only some of the recurrent layers are bidirectional")
    (attention,) = _arrays(layers, "attention", 1)
    kernel, bias = _arrays(layers, "output", 2)
    network = Network(embedding, recurrent, attention, kernel, bias)
    network.check()
    return network


def network_to_keras(network: Network) -> dict[str, dict[str, FloatArray]]:
    """Return a network's arrays by layer and name, in the LSTM layout.

    Layers and arrays are in the order, and have the names, of textgenrnn 1.4.1 on Keras 2.2.
    """
    layers = {"embedding": {"embedding/embeddings:0": network.embedding}}
    for number, directions in enumerate(network.layers, 1):
        name = f"rnn_{number}"
        prefixes = [name]
        if len(directions) == 2:
            prefixes = [f"{name}/{way}_lstm_{number}" for way in ("forward", "backward")]
        layers[name] = {
            f"{prefix}/{part}:0": _reordered(array, GATES, KERAS_GATES)
            for prefix, lstm in zip(prefixes, directions, strict=True)
            for part, array in (
                ("kernel", lstm.kernel),
                ("recurrent_kernel", lstm.recurrent),
                ("bias", lstm.bias),
            )
        }
    layers["attention"] = {"attention/attention_W:0": network.attention}
    layers["output"] = {
        "output/kernel:0": network.output_kernel,
        "output/bias:0": network.output_bias,
    }
    return layers


def _arrays(
    layers: Mapping[str, Sequence[FloatArray]], name: str, count: int
) -> Sequence[FloatArray]:
    arrays = layers.get(name, [])
    if len(arrays) != count:
        raise ValueError(f"{name} has {len(arrays)} arrays, not {count}")
    return arrays


def _read_layer(arrays: Sequence[FloatArray]) -> tuple[Lstm, ...]:
    """Return the LSTMs of a layer: (forward,) or (forward, backward)."""
    layout = layout_of(arrays)
    count = 12 if layout == "split gates" else 3
    read = {"LSTM": _lstm, "CuDNNLSTM": _cudnn_lstm, "split gates": _split_lstm}[layout]
    return tuple(read(arrays[at : at + count]) for at in range(0, len(arrays), count))


def _lstm(arrays: Sequence[FloatArray]) -> Lstm:
    kernel, recurrent, bias = (_reordered(array, KERAS_GATES, GATES) for array in arrays)
    return Lstm(kernel, recurrent, bias)


def _cudnn_lstm(arrays: Sequence[FloatArray]) -> Lstm:
    kernel, recurrent, bias = arrays
    by_gate = _split(kernel, KERAS_GATES)
    kernels = {gate: part.T.reshape(part.shape, order="F") for gate, part in by_gate.items()}
    recurrents = {gate: part.T for gate, part in _split(recurrent, KERAS_GATES).items()}
    if bias.ndim != 1:
        raise ValueError(f"a bias has the shape {bias.shape}")
    with np.errstate(over="ignore"):  # whoever reads the file looks for infinities
        whole_bias = bias.reshape(2, -1).sum(axis=0)
    return Lstm(
        _joined(kernels, GATES),
        _joined(recurrents, GATES),
        _reordered(whole_bias, KERAS_GATES, GATES),
    )


def _split_lstm(arrays: Sequence[FloatArray]) -> Lstm:
    kernel, recurrent, bias = (
        _joined(dict(zip(KERAS_1_GATES, arrays[part::3], strict=True)), GATES) for part in range(3)
    )
    return Lstm(kernel, recurrent, bias)


def _reordered(array: FloatArray, order: str, new_order: str) -> FloatArray:
    return _joined(_split(array, order), new_order)


def _split(array: FloatArray, order: str) -> dict[str, FloatArray]:
    return dict(zip(order, np.split(array, len(order), axis=-1), strict=True))


def _joined(by_gate: Mapping[str, FloatArray], order: str) -> FloatArray:
    return np.concatenate([by_gate[gate] for gate in order], axis=-1)
