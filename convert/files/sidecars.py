"""The vocab and config of a checkpoint: found beside it, or given; checked either way.

`belonging` says which vocab is the weights' own. A config belongs if its vocab does and its
architecture does not contradict the weights. 465 classes and no vocab that fits mean textgenrnn's
stock model, fine-tuned; the files beside it are then another model's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from convert.errors import SidecarError
from convert.files.belonging import Vocab, find_vocab, json_files_in, read_vocab
from convert.files.json_files import NotATable, Table, as_flag, as_whole, read_table
from convert.files.names import model_name, rank
from pi_runtime.errors import shown, shown_path
from pi_runtime.model.manifest import MAX_LENGTH, Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START

STOCK_CLASSES = 465
DEFAULT_MAX_LENGTH = 40


@dataclass(frozen=True)
class Sidecars:
    """The vocab and config of a checkpoint."""

    vocab: dict[str, int]
    config: Config
    notes: tuple[str, ...]
    """What was found and why it was taken, for people to read."""
    sha256: dict[str, str]
    """Of each file taken, by its name."""


def find_sidecars(
    weights: Path,
    network: Network,
    vocab_path: Path | None = None,
    config_path: Path | None = None,
    max_length: int | None = None,
    *,
    word_level: bool | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Sidecars:
    """Find the vocab and config of `weights`, or check the ones given.

    `max_length` and `word_level` override the config's. `sealed` has the sha256 of the "vocab" and
    "config" written with the weights, where the weights say so: no others are theirs.

    Raises:
        SidecarError: none fits, or the one given does not.
    """
    sealed = sealed or {}
    notes: list[str] = []
    if vocab_path:
        vocab: Vocab | None = _given_vocab(vocab_path, network.classes, sealed.get("vocab"))
        notes.append(f"vocab {shown_path(vocab_path.name)}, as asked")
    else:
        vocab = _find_vocab(weights, network.classes, sealed.get("vocab"), notes)
    config: Table | None = None
    if config_path:
        config = _given_config(config_path, network)
    elif vocab:
        config_path, config = _find_config(vocab.path, weights, network, notes)
        if config and sealed.get("config", config.sha256) != config.sha256:
            raise SidecarError(
                f"{shown_path(config_path)} was not written with {shown_path(weights.name)}",
                "give it with --config if it is right all the same",
            )
    if "config" in sealed and not config and max_length is None:
        raise SidecarError(
            f"{shown_path(weights.name)} was written with a config that is not beside it",
            "put its _config.json there, or give --config or --max-length",
        )
    ids = vocab.ids if vocab else stock_vocab()
    raw = config.members if config else {}
    word_level, why = _level(raw, ids, word_level)
    if max_length is not None:
        notes.append(f"max_length {max_length}, as asked")
    elif (max_length := as_whole(raw.get("max_length"))) is None:
        max_length = DEFAULT_MAX_LENGTH
        if ids == stock_vocab():
            notes.append("config: textgenrnn's stock one, as the vocab is")
        else:
            what = "is" if why else "and character level are"
            notes.append(
                f"no config: max_length {max_length} {what} assumed "
                "(override that with --config, --max-length or --word-level)"
            )
    notes += [why] if why else []
    taken = [(vocab.path, vocab.sha256)] if vocab else []
    taken += [(config_path, config.sha256)] if config_path and config else []
    return Sidecars(
        ids,
        Config(
            name=model_name(weights),
            max_length=max_length,
            word_level=word_level,
            rnn_layers=len(network.layers),
            rnn_size=network.units,
            rnn_bidirectional=network.bidirectional,
            dim_embeddings=int(network.embedding.shape[1]),
        ),
        tuple(notes),
        {path.name: digest for path, digest in taken},
    )


def stock_vocab() -> dict[str, int]:
    """Return the vocab of textgenrnn's stock model, id 1 first."""
    text = files("convert").joinpath("stock_vocab.json").read_text("utf-8")
    return {token: token_id for token_id, token in enumerate([*json.loads(text), START], 1)}


def _given_vocab(path: Path, classes: int, sealed: str | None) -> Vocab:
    try:
        vocab = read_vocab(path, classes)
    except NotATable as reason:
        raise SidecarError(
            f"{shown_path(path)}: {reason}", "give the vocab of these weights"
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if sealed and vocab.sha256 != sealed:
        raise SidecarError(
            f"{shown_path(path)} belongs to other weights",
            "give the vocab that was written with these",
        )
    return vocab


def _find_vocab(weights: Path, classes: int, sealed: str | None, notes: list[str]) -> Vocab | None:
    """Return the vocab beside the weights, or None if they are the stock model; note why."""
    vocab, refused = find_vocab(weights, classes, sealed)
    if vocab:
        name = f"vocab {shown_path(vocab.path.name)}"
        if sealed:
            notes.append(f"{name}: written with these weights")
        elif vocab.rank[0]:
            notes.append(f"{name}: its {len(vocab.ids)} ids fit the weights")
        else:
            notes.append(f"{name}: the only one here whose ids fit the weights")
        return vocab
    if classes == STOCK_CLASSES and not sealed:
        notes += refused
        notes.append(
            "vocab: textgenrnn's stock one, since the weights have its 465 classes "
            "and no vocab here fits them"
        )
        return None
    what = f"{shown_path(weights.name)} has {classes} classes and no vocab beside it fits"
    if refused:
        what += f" ({'; '.join(refused)})"
    raise SidecarError(what, "put its _vocab.json beside it, or give --vocab")


def _given_config(path: Path, network: Network) -> Table:
    try:
        table = _read_config(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if contradiction := _contradiction(table.members, network):
        raise SidecarError(
            f"{shown_path(path)}: {contradiction}", "give the config of these weights"
        )
    return table


def _find_config(
    vocab: Path, weights: Path, network: Network, notes: list[str]
) -> tuple[Path | None, Table | None]:
    """Return the config beside a vocab that does not contradict the weights; note what it was."""
    for path in _configs_beside(vocab, weights):
        name = f"config {shown_path(path.name)}"
        try:
            table = _read_config(path)
        except OSError:
            notes.append(f"{name} is not readable")
            continue
        if not table.pairs:
            notes.append(f"{name} is empty")
        elif contradiction := _contradiction(table.members, network):
            notes.append(f"{name} is another model's ({contradiction})")
        else:
            notes.append(name)
            return path, table
    return None, None


def _configs_beside(vocab: Path, weights: Path) -> list[Path]:
    """Return the configs named as the vocab is, then those named as the weights are."""
    twin = vocab.name.lower().replace("vocab", "config")
    found = []
    for path in json_files_in(vocab.parent, vocab.name.replace("vocab", "config")):
        name = path.name.lower()
        by_weights = rank(weights, path, "config")
        if path == vocab or (name != twin and ("config" not in name or by_weights[0] < 4)):
            continue
        same_case = path.name == vocab.name.replace("vocab", "config")
        found.append((name != twin, not same_case, -by_weights[0], -by_weights[1], path))
    return [path for *_, path in sorted(found)]


def _read_config(path: Path) -> Table:
    try:
        table = read_table(path)
    except NotATable as reason:
        what = str(reason).removeprefix("it is ")
        raise SidecarError(
            f"{shown_path(path)}: {what}", "fix it, or give textgenrnn's config with --config"
        ) from None
    length = table.members.get("max_length")
    if length is not None and not 0 < (as_whole(length) or 0) <= MAX_LENGTH:
        raise SidecarError(
            f"{shown_path(path)}: max_length is {shown(repr(length))}",
            "fix it, or give --max-length",
        )
    words = table.members.get("word_level")
    if words is not None and as_flag(words) is None:
        raise SidecarError(
            f"{shown_path(path)}: word_level is {shown(repr(words))}",
            "fix it: true for words, false for characters",
        )
    return table


def _unreadable(path: Path, error: OSError) -> SidecarError:
    reason = (error.strerror or str(error)).lower()
    return SidecarError(f"{shown_path(path)}: {reason}", "give an existing file")


def _level(raw: Mapping[str, Any], ids: Mapping[str, int], asked: bool | None) -> tuple[bool, str]:
    """Return whether the tokens are words, and who says so: the caller, the config or the vocab."""
    if asked is not None:
        return asked, f"{'word' if asked else 'character'} level, as asked"
    if (said := as_flag(raw.get("word_level"))) is not None:
        return said, ""
    if any(len(token) > 1 for token in ids if token != START):
        return True, "word level, since the vocab has tokens of several characters"
    return False, ""


def _contradiction(raw: Mapping[str, Any], network: Network) -> str | None:
    """Return where a config has another architecture than the weights, if it does."""
    actual = {
        "rnn_layers": len(network.layers),
        "rnn_size": network.units,
        "dim_embeddings": int(network.embedding.shape[1]),
    }
    for key, value in actual.items():
        said = raw.get(key)
        if said is not None and as_whole(said) != value:
            return f"{key} {shown(repr(said))}, the weights have {value}"
    said = raw.get("rnn_bidirectional")
    if said is not None and as_flag(said) is not network.bidirectional:
        return f"rnn_bidirectional {shown(repr(said))}, the weights have {network.bidirectional}"
    return None
