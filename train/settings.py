"""What to train and how, by textgenrnn's names, in the two dictionaries of its notebook.

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

from convert.files.json_files import MAX_CONFIG_BYTES, NotATable, read_table
from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.model.manifest import MAX_LENGTH

BOUNDS: dict[str, tuple[float, float]] = {
    "train_size": (0.01, 1.0),
    "dropout": (0.0, 0.95),
}
WHOLE_BOUNDS: dict[str, tuple[int, int]] = {
    "rnn_size": (1, 4096),
    "rnn_layers": (1, 32),
    "max_length": (1, MAX_LENGTH),
    "max_words": (1, 1_000_000),
    "dim_embeddings": (1, 4096),
    "num_epochs": (1, 100_000),
    "gen_epochs": (0, 100_000),
    "batch_size": (1, 1 << 20),
    "max_gen_length": (2, 1_000_000),
    "save_epochs": (0, 100_000),
    "seed": (0, 2**31 - 1),
}
REPORTING = ("gen_epochs", "max_gen_length", "save_epochs")
"""Settings that do not affect the training."""
OPTIMIZERS = ("adam", "rmsprop")

T = TypeVar("T", "ModelSettings", "TrainSettings")


@dataclass(frozen=True)
class ModelSettings:
    """The network, checked when it is made.

    >>> ModelSettings(rnn_size=64).rnn_layers
    2
    >>> ModelSettings(rnn_size=6.4)
    Traceback (most recent call last):
    pi_runtime.errors.UsageError: rnn_size is 6.4 – give a whole number from 1 to 4096

    Raises:
        UsageError: a setting cannot be right.
    """

    rnn_size: int = 128
    """Units per layer."""
    rnn_layers: int = 2
    rnn_bidirectional: bool = False
    max_length: int = 40
    """The window: tokens the network sees at once."""
    max_words: int = 10_000
    """Upper bound on the vocabulary."""
    dim_embeddings: int = 100
    """Width of the embedding."""
    word_level: bool = False
    """Whether tokens are words, not characters."""

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class TrainSettings:
    """The training, checked when it is made.

    Raises:
        UsageError: a setting cannot be right.
    """

    line_delimited: bool = False
    """Whether each line is a text; else all texts are running ones (single_text)."""
    num_epochs: int = 50
    gen_epochs: int = 1
    """Generate sample texts after every Nth epoch; 0: never."""
    batch_size: int = 128
    train_size: float = 1.0
    """The share of samples to train on; the others are for validation."""
    validation: bool = True
    """Whether the validation loss is computed."""
    dropout: float = 0.0
    """The share of embedding channels dropped at random while training."""
    max_gen_length: int = 300
    """Tokens per sample text."""
    is_csv: bool = False
    """Whether the texts are the first column of CSV rows."""
    header: bool = False
    """Whether the first line of a file is skipped."""
    delimiter: str = ","
    """Between CSV columns."""
    save_epochs: int = 0
    """Keep the weights of every Nth epoch too; 0: only the last."""
    optimizer: str = "adam"
    """adam, as in textgenrnn 1.5 and later, or rmsprop, as before."""
    seed: int = 0
    """Of the initial weights and the order of the samples."""

    def __post_init__(self) -> None:
        _check(self)
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"optimizer is {self.optimizer!r}", f"take {' or '.join(OPTIMIZERS)}")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n\0':
            raise UsageError(f"delimiter is {self.delimiter!r}", "give one character")


def _check(settings: ModelSettings | TrainSettings) -> None:
    """Check every setting, and keep it in the plain type of its default."""
    for field in fields(settings):
        checked = _checked(field.name, getattr(settings, field.name), type(field.default))
        object.__setattr__(settings, field.name, checked)  # a frozen dataclass is set so


def _checked(name: str, value: Any, kind: type) -> bool | int | float | str:
    if kind is bool:
        try:
            return checks.truth(name, value)
        except UsageError as error:
            raise UsageError(error.what, "give true or false") from None
    if kind is int:
        return checks.whole_number(name, value, *WHOLE_BOUNDS[name])
    if kind is float:
        return checks.number(name, value, *BOUNDS[name])
    return checks.text(name, value)


def read_settings_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the members `model_cfg` and `train_cfg` of a JSON or TOML file.

    Raises:
        UsageError: the file cannot be read, or has other members.
    """
    try:
        content: Any = _toml(path) if path.suffix == ".toml" else read_table(path).members
    except (OSError, ValueError, RecursionError, NotATable) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {reason}", "give a JSON or TOML file in UTF-8") from None
    parts = ("model_cfg", "train_cfg")
    if not set(content) <= set(parts):
        raise UsageError(
            f"{path} has other members than {' and '.join(parts)}", "see rnn-train --help"
        )
    model, training = (content.get(part, {}) for part in parts)
    if not isinstance(model, dict) or not isinstance(training, dict):
        raise UsageError(f"{path}: model_cfg or train_cfg is not a table", "see rnn-train --help")
    return model, training


def _toml(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise NotATable("it is too large for settings")
    return tomllib.loads(path.read_text("utf-8-sig"))


def settings_from(kind: type[T], members: Mapping[str, Any]) -> T:
    """Return settings with these members, and defaults for the others.

    Raises:
        UsageError: a name is unknown or a value out of bounds.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(members) - known):
        raise UsageError(
            f"{unknown[0]} is an unknown setting", f"take one of {', '.join(sorted(known))}"
        )
    return kind(**members)


def fingerprint(*settings: ModelSettings | TrainSettings) -> str:
    """Return as text the settings that affect the training."""
    members = {name: value for part in settings for name, value in asdict(part).items()}
    return json.dumps({k: v for k, v in members.items() if k not in REPORTING}, sort_keys=True)
