"""The three files of textgenrnn, and a fourth from which an interrupted training goes on.

`NAME_weights.hdf5` has the layout that Keras 2.2 gave textgenrnn 1.4.1, which finds layers by name.
Each file is complete or not there: it is written beside its place and renamed into it.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from pi_runtime.files import replacing
from pi_runtime.model.network import Network
from train.errors import TrainingError
from train.model import keras_arrays
from train.settings import ModelSettings

EMPTY_LAYERS = ("input", "rnn_concat")


def write_weights(path: Path, network: Network) -> None:
    """Write a network as textgenrnn 1.4.1 does on Keras 2.2.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    layers = keras_arrays(network)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = _bytes([EMPTY_LAYERS[0], *layers, EMPTY_LAYERS[1]])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        for name in EMPTY_LAYERS:
            file.create_group(name).attrs["weight_names"] = np.zeros(0, "S1")
        for name, arrays in layers.items():
            names = _weight_names(name, len(arrays))
            group = file.create_group(name)
            group.attrs["weight_names"] = _bytes(names)
            for inner, array in zip(names, arrays, strict=True):
                group[inner] = np.asarray(array, np.float32)
    with replacing(path) as out:
        out.write(content.getvalue())


def _weight_names(layer: str, count: int) -> list[str]:
    if layer == "embedding":
        parts = ["embeddings"]
    elif layer == "attention":
        parts = ["attention_W"]
    elif layer == "output":
        parts = ["kernel", "bias"]
    else:
        parts = ["kernel", "recurrent_kernel", "bias"]
    number = layer.rpartition("_")[2]
    prefixes = [layer]
    if count == 6:
        prefixes = [f"{layer}/{way}_lstm_{number}" for way in ("forward", "backward")]
    return [f"{prefix}/{part}:0" for prefix in prefixes for part in parts]


def _bytes(names: list[str]) -> npt.NDArray[np.bytes_]:
    return np.array([name.encode() for name in names])


def write_sidecars(
    folder: Path, name: str, vocabulary: dict[str, int], settings: ModelSettings, *, single: bool
) -> None:
    """Write NAME_vocab.json and NAME_config.json.

    Raises:
        OSError: one cannot be written.
    """
    config = {**asdict(settings), "single_text": single, "name": name}
    for kind, content in (("vocab", vocabulary), ("config", config)):
        with replacing(folder / f"{name}_{kind}.json") as file:
            file.write(json.dumps(content, ensure_ascii=False).encode())


@dataclass(frozen=True)
class State:
    """All that the next epoch depends on."""

    epoch: int
    """How many are done."""
    losses: list[float]
    val_losses: list[float]
    fingerprint: str
    """Of the settings and the texts."""
    variables: list[npt.NDArray[Any]]
    """The model's, then the optimizer's."""

    def write(self, path: Path) -> None:
        """Write it.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        told = {**vars(self), "variables": len(self.variables)}
        content = io.BytesIO()
        np.savez(
            content,
            state=np.array(json.dumps(told)),
            **{f"v{at}": array for at, array in enumerate(self.variables)},
        )
        with replacing(path) as file:
            file.write(content.getvalue())

    @classmethod
    def read(cls, path: Path) -> State:
        """Read it.

        Raises:
            TrainingError: it is not there, or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                told = json.loads(str(file["state"]))
                variables = [file[f"v{at}"] for at in range(told.pop("variables"))]
                return cls(variables=variables, **told)
        except FileNotFoundError:
            raise TrainingError(
                f"{path}: there is no interrupted training", "train without --resume"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path} is damaged ({error})", "train without --resume") from None
