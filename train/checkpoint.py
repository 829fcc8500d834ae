"""textgenrnn's three files, and a fourth from which an interrupted training is resumed.

`NAME_weights.hdf5` has the layout that Keras 2.2 gave textgenrnn 1.4.1, which finds layers by name.
Each file is complete or absent: it is written to a temporary file that is then renamed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
import numpy.typing as npt

from convert.keras_layout import network_to_keras
from pi_runtime.files import replacing
from pi_runtime.model.network import Network
from train.errors import TrainingError
from train.settings import ModelSettings

_DAMAGE = (AttributeError, EOFError, LookupError, OSError, TypeError, ValueError, BadZipFile)
"""What reading a damaged file may raise."""


def write_weights(path: Path, network: Network) -> None:
    """Write a network as textgenrnn 1.4.1 does on Keras 2.2.

    Raises:
        OSError: the file cannot be written; an existing one is unchanged.
    """
    layers = network_to_keras(network)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = _bytes(["input", *layers, "rnn_concat"])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        # Keras lists the layers without weights too.
        for layer, arrays in {"input": {}, "rnn_concat": {}, **layers}.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = _bytes(arrays)
            for name, array in arrays.items():
                group[name] = np.asarray(array, np.float32)
    with replacing(path) as out:
        out.write(content.getvalue())


def _bytes(names: Iterable[str]) -> npt.NDArray[np.bytes_]:
    return np.array([name.encode() for name in names], np.bytes_)


def write_sidecars(
    folder: Path, name: str, vocabulary: dict[str, int], settings: ModelSettings, *, single: bool
) -> None:
    """Write NAME_vocab.json and NAME_config.json; `single` says whether the text is a single one.

    Raises:
        OSError: one cannot be written.
    """
    config = {**asdict(settings), "single_text": single, "name": name}
    for kind, content in (("vocab", vocabulary), ("config", config)):
        with replacing(folder / f"{name}_{kind}.json") as file:
            file.write(json.dumps(content, ensure_ascii=False).encode())


@dataclass(frozen=True)
class TrainingState:
    """Everything that the next epoch depends on."""

    epoch: int
    """How many epochs are complete."""
    losses: list[float]
    val_losses: list[float]
    fingerprint: str
    """Of the settings and the texts."""
    variables: list[npt.NDArray[Any]]
    """The model's, then the optimizer's."""

    def write(self, path: Path) -> None:
        """Write it to a file.

        Raises:
            OSError: the file cannot be written; an existing one is unchanged.
        """
        members = {**vars(self), "variables": len(self.variables)}
        content = io.BytesIO()
        np.savez(
            content,
            state=np.array(json.dumps(members)),
            **{f"v{index}": array for index, array in enumerate(self.variables)},
        )
        with replacing(path) as file:
            file.write(content.getvalue())

    @classmethod
    def read(cls, path: Path) -> TrainingState:
        """Read it from a file.

        Raises:
            TrainingError: the file is missing or damaged.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                members = json.loads(str(file["state"]))
                count = members.pop("variables")
                return cls(variables=[file[f"v{index}"] for index in range(count)], **members)
        except FileNotFoundError:
            raise TrainingError(
                f"{path}: there is no interrupted training", "train without --resume"
            ) from None
        except _DAMAGE as error:
            raise TrainingError(f"{path} is damaged ({error})", "train without --resume") from None
