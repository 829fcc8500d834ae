"""textgenrnn's three files, which belong together.

`NAME_weights.hdf5` has the layout that Keras 2.2 gave textgenrnn 1.4.1, which finds layers by name.
It also tells the hashes of the vocab and the config that it was written with, in an attribute that
Keras does not look at: other ones may fit by size, and would speak nonsense.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from convert.weights.hdf5 import SIDECARS
from convert.weights.keras_layout import network_to_keras
from pi_runtime.files import replace_together
from pi_runtime.model.network import Network
from train.resume import TrainingState
from train.settings import ModelSettings


@dataclass(frozen=True)
class Sidecars:
    """The contents of NAME_vocab.json and NAME_config.json."""

    vocab: bytes
    config: bytes

    @classmethod
    def of(
        cls, name: str, vocabulary: dict[str, int], settings: ModelSettings, *, single: bool
    ) -> Sidecars:
        """Return those of a model; `single` says whether the text is a single one."""
        config = {**asdict(settings), "single_text": single, "name": name}
        return cls(_json(vocabulary), _json(config))


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def weights_file(network: Network, sidecars: Sidecars) -> bytes:
    """Return the content of NAME_weights.hdf5, as textgenrnn 1.4.1 writes it on Keras 2.2."""
    layers = network_to_keras(network)
    hashes = {name: hashlib.sha256(file).hexdigest() for name, file in vars(sidecars).items()}
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = _bytes(["input", *layers, "rnn_concat"])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs[SIDECARS] = json.dumps(hashes).encode()
        # Keras lists the layers without weights too.
        for layer, arrays in {"input": {}, "rnn_concat": {}, **layers}.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = _bytes(arrays)
            for name, array in arrays.items():
                group[name] = np.asarray(array, np.float32)
    return content.getvalue()


def write_epoch(
    folder: Path,
    name: str,
    network: Network,
    sidecars: Sidecars,
    state: TrainingState,
    *,
    keep: bool = False,
) -> None:
    """Write what there is after an epoch; `keep` says that a copy of the weights stays.

    Raises:
        OSError: a file cannot be written; see `replace_together`.
    """
    weights = weights_file(network, sidecars)
    # The state first: from it, --resume completes what a power cut interrupts here. Then the
    # weights, which tell which sidecars they need, so that old ones are refused beside them.
    files = {"resume.npz": state.to_bytes(), "weights.hdf5": weights}
    if keep:
        files[f"weights_epoch_{state.epoch}.hdf5"] = weights
    files |= {"vocab.json": sidecars.vocab, "config.json": sidecars.config}
    replace_together({folder / f"{name}_{end}": content for end, content in files.items()})


def _bytes(names: Iterable[str]) -> npt.NDArray[np.bytes_]:
    return np.array([name.encode() for name in names], np.bytes_)
