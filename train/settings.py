"""What to train and how: textgenrnn's names, in its notebook's two dictionaries.

Source: `train_new_model` and `train_on_texts` of textgenrnn 2.0.0, and the dictionaries `model_cfg`
and `train_cfg` of its Colab notebook.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pi_runtime.errors import UsageError

BOUNDS: dict[str, tuple[float, float]] = {
    "rnn_size": (1, 4096),
    "rnn_layers": (1, 32),
    "max_length": (1, 10_000),
    "max_words": (1, 1_000_000),
    "dim_embeddings": (1, 4096),
    "num_epochs": (1, 100_000),
    "gen_epochs": (0, 100_000),
    "batch_size": (1, 1 << 20),
    "train_size": (0.01, 1.0),
    "dropout": (0.0, 0.95),
    "max_gen_length": (2, 1_000_000),
    "save_epochs": (0, 100_000),
    "seed": (0, 2**31 - 1),
}
REPORTING = ("gen_epochs", "max_gen_length", "save_epochs")
OPTIMIZERS = ("adam", "rmsprop")

T = TypeVar("T", "ModelSettings", "TrainSettings")


@dataclass(frozen=True)
class ModelSettings:
    """The network. `max_length` is its window in tokens, `max_words` the largest vocabulary."""

    rnn_size: int = 128
    rnn_layers: int = 2
    rnn_bidirectional: bool = False
    max_length: int = 40
    max_words: int = 10_000
    dim_embeddings: int = 100
    word_level: bool = False

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class TrainSettings:
    """The training. A `train_size` below 1 leaves the rest for validation."""

    line_delimited: bool = False
    """Whether every line is a text of its own; else all is one running text (single_text)."""
    num_epochs: int = 50
    gen_epochs: int = 1
    """Sample texts after every so many epochs; 0: never."""
    batch_size: int = 128
    train_size: float = 1.0
    validation: bool = True
    dropout: float = 0.0
    """The share of embedding channels left out at random while training."""
    max_gen_length: int = 300
    is_csv: bool = False
    """Whether texts are the first column of CSV rows."""
    header: bool = False
    """Whether the first line is no text."""
    delimiter: str = ","
    """Between CSV columns."""
    save_epochs: int = 0
    """Keep the weights of every so manyth epoch too; 0: only the last."""
    optimizer: str = "adam"
    """adam, as in textgenrnn 1.5 and later, or rmsprop, as before."""
    seed: int = 0
    """Of the initial weights and the order of the samples."""

    def __post_init__(self) -> None:
        _check(self)
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"optimizer is {self.optimizer!r}", "take adam or rmsprop")
        if len(self.delimiter) != 1:
            raise UsageError(f"delimiter is {self.delimiter!r}", "give one character")


def _check(settings: ModelSettings | TrainSettings) -> None:
    for field in fields(settings):
        value, kind = getattr(settings, field.name), type(field.default)
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise UsageError(f"{field.name} is {value!r}", f"give {_said(kind)}")
        low, high = BOUNDS.get(field.name, (None, None))
        if low is not None and high is not None and not low <= value <= high:
            raise UsageError(f"{field.name} is {value}", f"give {low:g} to {high:g}")


def _said(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a string")


def read_settings_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the members `model_cfg` and `train_cfg` of a JSON or TOML file.

    Raises:
        UsageError: it cannot be read, or has other members.
    """
    try:
        text = path.read_text("utf-8-sig")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {reason}", "give a JSON or TOML file in UTF-8") from None
    parts = ("model_cfg", "train_cfg")
    if not isinstance(content, dict) or not set(content) <= set(parts):
        raise UsageError(f"{path} has other members than {' and '.join(parts)}", "see rnn-train")
    model, training = (content.get(part, {}) for part in parts)
    if not isinstance(model, dict) or not isinstance(training, dict):
        raise UsageError(f"{path}: model_cfg or train_cfg is no table", "see rnn-train --help")
    return model, training


def settings_from(kind: type[T], members: Mapping[str, Any]) -> T:
    """Return settings with these members, and defaults elsewhere.

    Raises:
        UsageError: a name is unknown or a value out of bounds.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(members) - known):
        raise UsageError(f"{unknown[0]} is no setting", f"known are {', '.join(sorted(known))}")
    return kind(**members)


def fingerprint(*settings: ModelSettings | TrainSettings) -> str:
    """Return as text what of the settings decides how the training goes."""
    members = {name: value for part in settings for name, value in asdict(part).items()}
    return json.dumps({k: v for k, v in members.items() if k not in REPORTING}, sort_keys=True)
