"""Which of the files that rnn-convert is given is which, by what they hold, not by their names."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from convert.sidecars import MAX_SIDECAR_BYTES
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
                f"run: rnn-generate {shlex.quote(str(path))}; rnn-convert takes _weights.hdf5",
            )
        found[kind].append(path)
    weights, other = found["weights"], found["other"]
    if not weights and other:
        # The reader of weights says what is wrong with it.
        weights, other = other[:1], other[1:]
    if not weights:
        raise UsageError(
            f"{paths[0]} is a {kind_of(paths[0])}, and no weights are given",
            f"run: rnn-convert {shlex.quote(str(_weights_beside(paths[0])))}",
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
    """Return "weights", "vocab", "config", "model" or "other", by what a file holds."""
    try:
        if not path.is_file():
            return "other"
        with path.open("rb") as file:
            start = file.read(8)
            if start == HDF5:
                return "weights"
            if start[4:] == TFLITE:
                return "model"
            text = start + file.read(MAX_SIDECAR_BYTES)
        table = json.loads(text.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return "other"
    if not isinstance(table, dict):
        return "other"
    if table and set(table) <= CONFIG_MEMBERS:
        return "config"
    if table and all(type(value) is int for value in table.values()):
        return "vocab"
    return "config" if CONFIG_MEMBERS & set(table) else "other"


def _weights_beside(path: Path) -> Path:
    """Return the weights beside a vocab or config, or what they are usually called."""
    stem = path.name.partition("_vocab")[0].partition("_config")[0]
    own = path.with_name(f"{stem}_weights.hdf5")
    beside = sorted(path.parent.glob("*_weights.hdf5"))
    return own if own.exists() or not beside else beside[0]
