"""Which of the files that rnn-convert is given is which, by what they hold, not by their names."""

from __future__ import annotations

import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from convert.files.archive import ZIP
from convert.files.belonging import json_files_in
from convert.files.json_files import (
    MAX_CONFIG_BYTES,
    NotATable,
    begins_with_a_number,
    looks_like_a_table,
    read_table,
)
from convert.files.names import WEIGHTS_SUFFIXES, name_of_sidecar, name_of_weights
from pi_runtime.errors import UsageError
from pi_runtime.model.file import HDF5, TFLITE

CONFIG_MEMBERS = {
    "dim_embeddings", "max_length", "max_words", "name", "rnn_bidirectional", "rnn_layers",
    "rnn_size", "single_text", "word_level",
}  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """The three files of a checkpoint; None where one is to be looked for."""

    weights: Path
    vocab: Path | None
    config: Path | None


def sort_inputs(paths: list[Path], vocab: Path | None = None, config: Path | None = None) -> Inputs:
    """Return which file is which. `vocab` and `config` are those given by option.

    Raises:
        UsageError: there are no weights, two of a kind, or a file of another kind.
    """
    found: dict[str, list[Path]] = {
        "weights": [],
        "vocab": [vocab] if vocab else [],
        "config": [config] if config else [],
        "other": [],
    }
    for path in paths:
        kind = kind_of(path)
        if kind == "model":
            raise UsageError(
                f"{path} is a model already",
                f"run: rnn-generate {_quoted(path)}; rnn-convert takes _weights.hdf5",
            )
        if kind == "folder" and (inside := _weights_in(path)):
            raise UsageError(f"{path} is a folder", f"run: rnn-convert {_quoted(inside)}")
        found["other" if kind == "folder" else kind].append(path)
    weights, other = found["weights"], found["other"]
    if not weights and other:
        # The reader of weights says what is wrong with it.
        weights, other = other[:1], other[1:]
    if not weights:
        raise UsageError(
            f"{paths[0]} is a {kind_of(paths[0])}, and no weights are given",
            f"run: rnn-convert {_quoted(_weights_beside(paths[0]))}",
        )
    if other:
        raise UsageError(f"{other[0]} is neither weights nor a vocab nor a config", "leave it out")
    for kind, several in found.items():
        if kind != "other" and len(several) > 1:
            what = kind if kind == "weights" else f"a {kind}"
            raise UsageError(
                f"{several[0]} and {several[1]} are both {what}",
                "give one of them; each checkpoint is converted by itself",
            )
    vocab, config = (next(iter(found[kind]), None) for kind in ("vocab", "config"))
    return Inputs(weights[0], vocab, config)


def kind_of(path: Path) -> str:
    """Return "weights", "vocab", "config", "model", "folder" or "other", by what a file holds.

    An archive of a checkpoint's files counts as its weights.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return "folder" if stat.S_ISDIR(mode) else "other"
        with path.open("rb") as file:
            start = file.read(8)
        if start == HDF5 or start.startswith(ZIP):
            return "weights"
        if start[4:] == TFLITE:
            return "model"
        if start and not looks_like_a_table(path):
            return "other"
        if path.stat().st_size > MAX_CONFIG_BYTES:
            return "vocab" if begins_with_a_number(path) else "other"
        table = read_table(path).members
    except (OSError, NotATable):
        return "other"
    if not table:
        return "vocab" if "vocab" in path.name.lower() else "config" if _is_json(path) else "other"
    if set(table) <= CONFIG_MEMBERS:
        return "config"
    if all(type(value) in (int, float) for value in table.values()):
        return "vocab"
    return "config" if CONFIG_MEMBERS & set(table) else "other"


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _weights_beside(path: Path) -> Path:
    """Return the weights beside a vocab or config, or what they are usually called."""
    kind = "config" if "config" in path.name.lower() else "vocab"
    own = name_of_sidecar(path, kind)
    beside = _all_weights(path.parent)
    for weights in beside:
        if name_of_weights(weights) == own:
            return weights
    stem = path.name.partition("_vocab")[0].partition("_config")[0]
    return beside[0] if beside else path.with_name(f"{stem}_weights.hdf5")


def _all_weights(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in paths if path.name.lower().endswith(WEIGHTS_SUFFIXES)]


def _weights_in(folder: Path) -> Path | None:
    """Return the weights in a folder of a checkpoint's files, if it is one."""
    weights = _all_weights(folder)
    return weights[0] if weights and json_files_in(folder) else None
