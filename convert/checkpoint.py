"""textgenrnn's HDF5 checkpoints, in every layout Keras ever gave them, as a `Network`.

Arrays are taken by position, since their inner names vary from version to version:

- Keras 2 and tf.keras: kernel, recurrent kernel, bias; gates input, forget, candidate, output
- Bidirectional: the same three for forward, then for backward
- CuDNNLSTM (trained on a GPU with textgenrnn 1.x): the same shapes but for a bias twice as long;
  kernels are stored transposed, a gate at a time, and the bias in two halves to be added
- Keras 1: twelve arrays an LSTM: (W, U, b) for each gate, in the order i, c, f, o

Source of the CuDNN transformation: `preprocess_weights_for_loading` in Keras 2.2
(keras/engine/saving.py). Only h5py reads the file, never Keras's own loader, which can be made to
run code. Links out of the file are not followed, and no array is read whose declared size its
stored bytes do not back.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from convert.errors import CheckpointError
from pi_runtime.model.network import FloatArray, Lstm, Network

MAX_ARRAY_BYTES = 1 << 30
MAX_INFLATION = 1000
"""How many times its stored size a compressed array may have."""


@dataclass(frozen=True)
class Checkpoint:
    """A network and where it came from."""

    path: Path
    sha256: str
    network: Network
    layout: str
    """Which of Keras's layouts the file has, for people to read."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a textgenrnn checkpoint.

    Raises:
        CheckpointError: the file is missing, not HDF5, not textgenrnn's, or holds damaged weights.
    """
    _check_is_file(path)
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if "layer_names" not in root.attrs:
                raise CheckpointError(
                    f"{path}: an HDF5 file, but not Keras weights",
                    "give the _weights.hdf5 that textgenrnn saved",
                )
            layers = {name: _read_layer(root, name) for name in _names(root.attrs["layer_names"])}
            network, layout = _network(path, layers)
            version = _text(root.attrs.get("keras_version", "?"))
    except CheckpointError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: {_reason(error)}", "copy or download the file again"
        ) from None
    damaged = sum(not np.isfinite(array).all() for layer in layers.values() for array in layer)
    if damaged:
        raise CheckpointError(
            f"{path}: {damaged} of its arrays hold NaN or infinity: the training diverged",
            "take an earlier checkpoint, or train again with a lower learning rate",
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Checkpoint(path, digest, network, f"{layout}, Keras {version}")


def _check_is_file(path: Path) -> None:
    advice = "give the _weights.hdf5 that textgenrnn saved"
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder", advice)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise CheckpointError(f"{path}: {(error.strerror or str(error)).lower()}", advice) from None
    if not start:
        raise CheckpointError(f"{path}: the file is empty (0 bytes)", "download it again")
    if start[:2] == b"PK":
        raise CheckpointError(
            f"{path}: a Keras 3 or ZIP file, not HDF5", "save with textgenrnn's own save()"
        )
    if not h5py.is_hdf5(path):
        raise CheckpointError(f"{path}: not an HDF5 file", advice)


def _reason(error: Exception) -> str:
    if "truncated" in str(error):
        return "the file is cut short"
    if isinstance(error, OSError):
        return "the HDF5 structure is damaged"
    return f"not a readable checkpoint ({str(error).strip(chr(39))})"


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _names(attribute: Any) -> list[str]:
    return [_text(name) for name in np.asarray(attribute).ravel()]


def _read_layer(root: h5py.Group, name: str) -> list[FloatArray]:
    group = _member(root, name)
    return [_read_array(group, weight) for weight in _names(group.attrs.get("weight_names", []))]


def _member(group: h5py.Group, name: str) -> Any:
    for part in filter(None, name.split("/")):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is missing, or is a link out of the file")
        group = group[part]
    return group


def _read_array(group: h5py.Group, name: str) -> FloatArray:
    dataset = _member(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
        raise ValueError(f"{name} is not an array of floating-point numbers")
    if dataset.is_virtual or dataset.external or dataset.compression not in (None, "gzip"):
        raise ValueError(f"{name} is stored in a way Keras does not use")
    stored = dataset.id.get_storage_size()
    allowed = stored * (MAX_INFLATION if dataset.compression else 1)
    if dataset.nbytes > min(allowed, MAX_ARRAY_BYTES):
        raise ValueError(f"{name} claims {dataset.nbytes} bytes and stores {stored}")
    return np.asarray(dataset[()], np.float32)


def _network(path: Path, layers: dict[str, list[FloatArray]]) -> tuple[Network, str]:
    numbers = sorted(
        int(match[1]) for name in layers if (match := re.fullmatch(r"rnn_(\d+)", name))
    )
    if "attention" not in layers or not numbers:
        if "embedding" in layers and len(layers.get("rnn", [])) == 3:
            raise CheckpointError(
                f"{path}: a textgenrnn 0.x network: one LSTM, no attention",
                "train again with textgenrnn 1.0 or later, which computes something else",
            )
        raise CheckpointError(
            f"{path}: not textgenrnn's network (its layers are {', '.join(layers) or 'none'})",
            "give weights that textgenrnn trained",
        )
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"the recurrent layers are numbered {numbers}")
    read = [_recurrent(layers[f"rnn_{number}"]) for number in numbers]
    (embedding,) = _several(layers, "embedding", 1)
    (attention,) = _several(layers, "attention", 1)
    kernel, bias = _several(layers, "output", 2)
    network = Network(embedding, tuple(layer for layer, _ in read), attention, kernel, bias)
    network.check()
    return network, read[0][1]


def _several(layers: dict[str, list[FloatArray]], name: str, count: int) -> list[FloatArray]:
    arrays = layers.get(name, [])
    if len(arrays) != count:
        raise ValueError(f"{name} has {len(arrays)} arrays, not {count}")
    return arrays


def _recurrent(arrays: list[FloatArray]) -> tuple[tuple[Lstm, ...], str]:
    """Return a layer's (forward,) or (forward, backward), and the layout it was stored in."""
    if len(arrays) in (12, 24):
        passes = [_keras1(arrays[at : at + 12]) for at in range(0, len(arrays), 12)]
        return tuple(passes), "split gates"
    if len(arrays) not in (3, 6):
        raise ValueError(f"a recurrent layer has {len(arrays)} arrays, not 3 or 6")
    cudnn = arrays[2].size == 2 * arrays[0].shape[-1]
    passes = [
        (_cudnn if cudnn else _keras2)(*arrays[at : at + 3]) for at in range(0, len(arrays), 3)
    ]
    return tuple(passes), "CuDNNLSTM" if cudnn else "LSTM"


def _gates(array: FloatArray) -> list[FloatArray]:
    return np.split(array, 4, axis=-1)


def _joined(i: FloatArray, f: FloatArray, c: FloatArray, o: FloatArray) -> FloatArray:
    return np.concatenate([i, f, o, c], axis=-1)


def _keras2(kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> Lstm:
    return Lstm(*(_joined(*_gates(array)) for array in (kernel, recurrent, bias)))


def _cudnn(kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> Lstm:
    return Lstm(
        _joined(*(gate.T.reshape(gate.shape, order="F") for gate in _gates(kernel))),
        _joined(*(gate.T for gate in _gates(recurrent))),
        _joined(*_gates(bias.reshape(2, -1).sum(axis=0))),
    )


def _keras1(arrays: list[FloatArray]) -> Lstm:
    by_gate = dict(zip("icfo", (arrays[at : at + 3] for at in range(0, 12, 3)), strict=True))
    return Lstm(*(_joined(*(by_gate[gate][part] for gate in "ifco")) for part in range(3)))
