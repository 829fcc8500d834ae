"""Which vocab and config belong to a checkpoint, by proof: file names only say where to look first.

A vocab belongs to weights of V classes if it has V - 1 tokens with distinct ids from 1 to V - 1.
(One real file repeats a key, which leaves a gap.) A config belongs if its vocab does and its
architecture does not contradict the weights. 465 classes and no vocab that fits mean textgenrnn's
stock model, fine-tuned; the files beside it are then another model's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from convert.errors import SidecarError
from pi_runtime.model.manifest import Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START

STOCK_CLASSES = 465
DEFAULT_MAX_LENGTH = 40
MAX_WINDOW = 10_000
"""Upper bound on max_length."""
MAX_SIDECAR_BYTES = 64 << 20


@dataclass(frozen=True)
class Sidecars:
    """The vocab and config of a checkpoint."""

    vocab: dict[str, int]
    config: Config
    notes: tuple[str, ...]
    """What was found and why it was taken, for people to read."""
    sources: tuple[Path, ...]
    """The files taken."""


@dataclass(frozen=True)
class _Vocab:
    ids: dict[str, int]
    path: Path | None
    """None for the stock vocab."""
    notes: list[str]


class _DoesNotFit(Exception):  # noqa: N818 - no failure, but an answer
    """Why a vocab does not belong to the weights."""


def find_sidecars(
    weights: Path,
    network: Network,
    vocab_path: Path | None = None,
    config_path: Path | None = None,
    max_length: int | None = None,
) -> Sidecars:
    """Find the vocab and config of `weights`, or check the ones given.

    `max_length` overrides the config's.

    Raises:
        SidecarError: none fits, or the one given does not.
    """
    if vocab_path:
        vocab = _given_vocab(vocab_path, network.classes)
    else:
        vocab = _find_vocab(weights, network.classes)
    notes = list(vocab.notes)
    if vocab.path and not config_path:
        config_path = _find_config(vocab.path, weights, network, notes)
    raw = _read_config(config_path) if config_path else {}
    if contradiction := _contradiction(raw, network):
        raise SidecarError(f"{config_path}: {contradiction}", "give the config of these weights")
    if max_length is not None:
        notes.append(f"max_length {max_length}, as asked")
    elif "max_length" in raw:
        max_length = int(raw["max_length"])
    else:
        max_length = DEFAULT_MAX_LENGTH
        if vocab.ids == stock_vocab():
            notes.append("config: textgenrnn's stock one, as the vocab is")
        else:
            notes.append(
                f"no config: max_length {max_length} and character level are assumed "
                "(override that with --config or --max-length)"
            )
    config = Config(
        name=_stem(weights) or "textgenrnn",
        max_length=max_length,
        word_level=bool(raw.get("word_level", False)),
        rnn_layers=len(network.layers),
        rnn_size=network.units,
        rnn_bidirectional=network.bidirectional,
        dim_embeddings=int(network.embedding.shape[1]),
    )
    sources = tuple(path for path in (vocab.path, config_path) if path)
    return Sidecars(vocab.ids, config, tuple(notes), sources)


def _given_vocab(path: Path, classes: int) -> _Vocab:
    try:
        return _Vocab(_read_vocab(path, classes), path, [f"vocab {path.name}, as asked"])
    except _DoesNotFit as reason:
        raise SidecarError(f"{path}: {reason}", "give the vocab of these weights") from None


def _find_vocab(weights: Path, classes: int) -> _Vocab:
    refused: list[str] = []
    fitting: list[tuple[Path, dict[str, int]]] = []
    expected = list(_expected_paths(weights))
    for path in [*expected, *_other_paths(weights, expected)]:
        if not path.is_file():
            continue
        try:
            ids = _read_vocab(path, classes)
        except _DoesNotFit as reason:
            if path in expected or "_vocab" in path.name:
                refused.append(f"{path.name} does not fit: {reason}")
            continue
        if path in expected:
            return _Vocab(ids, path, [f"vocab {path.name}: its {len(ids)} ids fit the weights"])
        fitting.append((path, ids))
    if len({tuple(sorted(ids.items())) for _, ids in fitting}) == 1:
        path, ids = fitting[0]
        note = f"vocab {path.name}: the only one here whose ids fit the weights"
        return _Vocab(ids, path, [note])
    if fitting:
        names = ", ".join(path.name for path, _ in fitting)
        raise SidecarError(f"{weights.name}: {names} all fit", "choose one with --vocab")
    if classes == STOCK_CLASSES:
        note = (
            "vocab: textgenrnn's stock one, since the weights have its 465 classes "
            "and no vocab here fits them"
        )
        return _Vocab(stock_vocab(), None, [*refused, note])
    what = f"{weights.name} has {classes} classes and no vocab beside it fits"
    if refused:
        what += f" ({'; '.join(refused)})"
    raise SidecarError(what, "put its _vocab.json beside it, or give --vocab")


def stock_vocab() -> dict[str, int]:
    """Return the vocab of textgenrnn's stock model, id 1 first."""
    text = files("convert").joinpath("stock_vocab.json").read_text("utf-8")
    return {token: token_id for token_id, token in enumerate([*json.loads(text), START], 1)}


def _stem(weights: Path) -> str:
    return weights.name.removesuffix(weights.suffix).removesuffix("_weights")


def _expected_paths(weights: Path) -> Iterator[Path]:
    """Yield where textgenrnn puts the vocab of these weights."""
    stem = _stem(weights)
    for name in (f"{stem}_vocab.json", f"{stem}_model_vocab.json"):
        yield weights.with_name(name)
    # Weights saved during the training: NAME_weights_epoch_7.hdf5.
    if "_weights_epoch_" in stem:
        yield weights.with_name(f"{stem.partition('_weights_epoch_')[0]}_vocab.json")
    yield weights.with_name("textgenrnn_vocab.json")


def _other_paths(weights: Path, expected: list[Path]) -> list[Path]:
    paths = sorted(weights.parent.glob("*.json"))
    return [path for path in paths if path not in expected and "_config" not in path.name]


def _read_vocab(path: Path, classes: int) -> dict[str, int]:
    """Return the vocab in a file.

    Raises:
        _DoesNotFit: it is not the vocab of weights with that many classes.
    """
    pairs: list[tuple[str, Any]] = []

    def remember(members: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.extend(members)
        return dict(members)

    try:
        vocab = json.loads(_read_text(path), object_pairs_hook=remember)
    except (ValueError, RecursionError):
        raise _DoesNotFit("it is not JSON") from None
    token_ids = [token_id for _, token_id in pairs]
    if not isinstance(vocab, dict) or not all(type(token_id) is int for token_id in token_ids):
        raise _DoesNotFit("it is not a table of tokens and ids")
    if not token_ids:
        raise _DoesNotFit("it is empty")
    if len(set(token_ids)) != len(token_ids):
        raise _DoesNotFit("it gives one id to two tokens")
    if len(token_ids) + 1 != classes:
        raise _DoesNotFit(f"it has {len(token_ids)} tokens, the weights have {classes} classes")
    if min(token_ids) < 1 or max(token_ids) >= classes:
        raise _DoesNotFit(f"its ids are not 1 to {classes - 1}")
    return vocab


def _find_config(vocab: Path, weights: Path, network: Network, notes: list[str]) -> Path | None:
    """Return the config beside a vocab that does not contradict the weights; note what it was."""
    names = [vocab.name.replace("vocab", "config"), f"{_stem(weights)}_config.json"]
    for name in dict.fromkeys(names):
        path = vocab.with_name(name)
        if path == vocab or not path.is_file():
            continue
        contradiction = _contradiction(_read_config(path), network)
        if contradiction is None:
            notes.append(f"config {path.name}")
            return path
        notes.append(f"config {path.name} is another model's ({contradiction})")
    return None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(_read_text(path))
    except (ValueError, RecursionError):
        raise SidecarError(f"{path}: not JSON", "fix it, or give another with --config") from None
    if not isinstance(raw, dict):
        raise SidecarError(f"{path}: not a table", "give textgenrnn's config with --config")
    length = raw.get("max_length", DEFAULT_MAX_LENGTH)
    if type(length) is not int or not 0 < length <= MAX_WINDOW:
        raise SidecarError(f"{path}: max_length is {length!r}", "fix it, or give --max-length")
    return raw


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            raise SidecarError(
                f"{path}: too large for a vocab or config", "give the file that textgenrnn saved"
            )
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SidecarError(
            f"{path}: {(error.strerror or str(error)).lower()}", "give an existing file"
        ) from None


def _contradiction(raw: dict[str, Any], network: Network) -> str | None:
    """Return where a config has another architecture than the weights, if it does."""
    actual = {
        "rnn_layers": len(network.layers),
        "rnn_size": network.units,
        "rnn_bidirectional": network.bidirectional,
        "dim_embeddings": network.embedding.shape[1],
    }
    for key, value in actual.items():
        if key in raw and raw[key] != value:
            return f"{key} {raw[key]}, the weights have {value}"
    return None
