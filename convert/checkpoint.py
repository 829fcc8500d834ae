"""textgenrnn's HDF5 checkpoints as a `Network`.

The file is read by h5py alone, never by Keras's own loader, which can be made to run code. Links to
other files are not followed, and no array is read that claims more data than its stored bytes can
hold. `keras_layout` knows what the arrays mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from convert.errors import CheckpointError
from convert.keras_layout import layout_of, network_from_keras, recurrent_layers
from pi_runtime.model.network import FloatArray, Network

MAX_ARRAY_BYTES = 1 << 30
MAX_INFLATION = 1000
"""Upper bound on the size of a compressed array, in multiples of its stored size."""


@dataclass(frozen=True)
class Checkpoint:
    """A network and the file it was read from."""

    path: Path
    sha256: str
    network: Network
    layout: str
    """The file's Keras layout and version, for people to read."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a textgenrnn checkpoint.

    Raises:
        CheckpointError: the file is missing, not HDF5, not textgenrnn's, or its weights are
            damaged.
    """
    _check_is_hdf5(path)
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if "layer_names" not in root.attrs:
                raise CheckpointError(
                    f"{path}: an HDF5 file, but not Keras weights",
                    "give the _weights.hdf5 that textgenrnn saved",
                )
            layers = {name: _read_layer(root, name) for name in _names(root.attrs["layer_names"])}
            version = _text(root.attrs.get("keras_version", "?"))
        _check_is_textgenrnn(path, layers)
        network = network_from_keras(layers)
        layout = layout_of(layers["rnn_1"])
    except CheckpointError:
        raise
    except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
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


def _check_is_hdf5(path: Path) -> None:
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


def _check_is_textgenrnn(path: Path, layers: Mapping[str, list[FloatArray]]) -> None:
    if "attention" in layers and recurrent_layers(layers):
        return
    if "embedding" in layers and len(layers.get("rnn", [])) == 3:
        raise CheckpointError(
            f"{path}: a textgenrnn 0.x network: one LSTM, no attention",
            "train again with textgenrnn 1.0 or later, whose network is another one",
        )
    raise CheckpointError(
        f"{path}: not textgenrnn's network (its layers are {', '.join(layers) or 'none'})",
        "give weights that textgenrnn trained",
    )


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
