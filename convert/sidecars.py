"""Which vocab and config belong to a checkpoint, by proof: the file name only says where to look.

A vocab belongs to weights of V classes when its ids are distinct, within 1 … V - 1, and there are
V - 1 of them. (One real file repeats a key, which leaves a gap.) A config belongs when its vocab
does and its architecture is not another one than the weights have. 465 classes and no vocab that
fits mean textgenrnn's stock model, fine-tuned: then files lying beside it are another model's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from convert.errors import SidecarError
from pi_runtime.model.file import Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START

STOCK_CLASSES = 465
DEFAULT_MAX_LENGTH = 40
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


def find_sidecars(
    weights: Path,
    network: Network,
    vocab_path: Path | None = None,
    config_path: Path | None = None,
    max_length: int | None = None,
) -> Sidecars:
    """Find the vocab and config of `weights`, or check the ones given.

    Raises:
        SidecarError: none fits, or the one given does not.
    """
    notes: list[str] = []
    sources: list[Path] = []
    vocab, vocab_path, config_path = _vocab(weights, network, vocab_path, config_path, notes)
    if vocab_path:
        sources.append(vocab_path)
    if config_path:
        sources.append(config_path)
    raw = _read_config(config_path) if config_path else {}
    if other := _disagreement(raw, network):
        raise SidecarError(f"{config_path}: {other}", "give the config of these weights")
    if max_length is not None:
        length = max_length
        notes.append(f"max_length {length}, as asked")
    elif "max_length" in raw:
        length = raw["max_length"]
    else:
        length = DEFAULT_MAX_LENGTH
        if vocab == stock_vocab():
            notes.append("config: textgenrnn's stock one, as the vocab is")
        else:
            notes.append(
                f"no config: max_length {length} and character level are assumed "
                "(--config or --max-length says otherwise)"
            )
    config = Config(
        name=_model_name(weights),
        max_length=length,
        word_level=bool(raw.get("word_level", False)),
        rnn_layers=len(network.layers),
        rnn_size=network.units,
        rnn_bidirectional=network.bidirectional,
        dim_embeddings=int(network.embedding.shape[1]),
    )
    return Sidecars(vocab, config, tuple(notes), tuple(sources))


def _vocab(
    weights: Path,
    network: Network,
    vocab_path: Path | None,
    config_path: Path | None,
    notes: list[str],
) -> tuple[dict[str, int], Path | None, Path | None]:
    """Return the vocab, its file (None: the stock vocab) and the config's file."""
    if vocab_path:
        vocab, problem = _read_vocab(vocab_path, network.classes)
        if problem:
            raise SidecarError(f"{vocab_path}: {problem}", "give the vocab of these weights")
        notes.append(f"vocab {vocab_path.name}, as asked")
        return vocab, vocab_path, config_path or _config_of(vocab_path, weights, network, notes)
    refused: list[str] = []
    fitting: list[tuple[Path, dict[str, int]]] = []
    hinted = list(_named_like(weights))
    for candidate in [*hinted, *_others(weights, hinted)]:
        if not candidate.is_file():
            continue
        vocab, problem = _read_vocab(candidate, network.classes)
        if problem:
            if candidate in hinted or "_vocab" in candidate.name:
                refused.append(f"{candidate.name} does not fit: {problem}")
            continue
        if candidate in hinted:
            notes.append(f"vocab {candidate.name}: its {len(vocab)} ids fit the weights")
            return vocab, candidate, config_path or _config_of(candidate, weights, network, notes)
        fitting.append((candidate, vocab))
    if len({tuple(sorted(vocab.items())) for _, vocab in fitting}) == 1:
        candidate, vocab = fitting[0]
        notes.append(f"vocab {candidate.name}: the only one here whose ids fit the weights")
        return vocab, candidate, config_path or _config_of(candidate, weights, network, notes)
    if fitting:
        names = ", ".join(path.name for path, _ in fitting)
        raise SidecarError(f"{weights.name}: {names} all fit", "choose one with --vocab")
    if network.classes == STOCK_CLASSES:
        notes.extend(refused)
        notes.append(
            "vocab: textgenrnn's stock one, since the weights have its 465 classes "
            "and no vocab here fits them"
        )
        return stock_vocab(), None, config_path
    what = f"{weights.name} has {network.classes} classes and no vocab beside it fits"
    if refused:
        what += f" ({'; '.join(refused)})"
    raise SidecarError(what, "put its _vocab.json beside it, or give --vocab")


def stock_vocab() -> dict[str, int]:
    """Return the characters of textgenrnn's stock model, id 1 first."""
    text = files("convert").joinpath("stock_vocab.json").read_text("utf-8")
    tokens = [*json.loads(text)]
    return {token: number for number, token in enumerate([*tokens, START], 1)}


def _stem(weights: Path) -> str:
    return weights.name.removesuffix(weights.suffix).removesuffix("_weights")


def _model_name(weights: Path) -> str:
    return _stem(weights) or "textgenrnn"


def _named_like(weights: Path) -> Iterator[Path]:
    stem = _stem(weights)
    for name in (f"{stem}_vocab.json", f"{stem}_model_vocab.json"):
        yield weights.with_name(name)
    # Weights saved after an epoch: NAME_weights_epoch_7.hdf5.
    if "_weights_epoch_" in stem:
        yield weights.with_name(f"{stem.partition('_weights_epoch_')[0]}_vocab.json")
    yield weights.with_name("textgenrnn_vocab.json")


def _others(weights: Path, hinted: list[Path]) -> list[Path]:
    others = sorted(weights.parent.glob("*.json"))
    return [path for path in others if path not in hinted and "_config" not in path.name]


def _read_vocab(path: Path, classes: int) -> tuple[dict[str, int], str]:
    """Return a vocab, and why it does not belong to weights of so many classes ('' if it does)."""
    pairs: list[tuple[str, Any]] = []

    def remember(members: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.extend(members)
        return dict(members)

    try:
        vocab = json.loads(_read_text(path), object_pairs_hook=remember)
    except (ValueError, RecursionError):
        return {}, "it is not JSON"
    if not isinstance(vocab, dict) or not all(type(n) is int for _, n in pairs):
        return {}, "it is not a table of tokens and ids"
    numbers = [number for _, number in pairs]
    if len(set(numbers)) != len(numbers):
        return {}, "it gives one id to two tokens"
    if len(numbers) + 1 != classes:
        return {}, f"it has {len(numbers)} tokens, the weights have {classes} classes"
    if min(numbers) < 1 or max(numbers) >= classes:
        return {}, f"its ids are not 1 to {classes - 1}"
    return vocab, ""


def _config_of(vocab_path: Path, weights: Path, network: Network, notes: list[str]) -> Path | None:
    """Return the config that lies beside a vocab and agrees with the weights."""
    names = [vocab_path.name.replace("vocab", "config"), f"{_stem(weights)}_config.json"]
    for name in dict.fromkeys(names):
        path = vocab_path.with_name(name)
        if path == vocab_path or not path.is_file():
            continue
        raw = _read_config(path)
        other = _disagreement(raw, network)
        if not other:
            notes.append(f"config {path.name}")
            return path
        notes.append(f"config {path.name} is another model's ({other})")
    return None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(_read_text(path))
    except (ValueError, RecursionError):
        raise SidecarError(f"{path}: not JSON", "mend it, or give another with --config") from None
    if not isinstance(raw, dict):
        raise SidecarError(f"{path}: not a table", "give textgenrnn's config with --config")
    length = raw.get("max_length", DEFAULT_MAX_LENGTH)
    if type(length) is not int or not 0 < length <= 10_000:
        raise SidecarError(
            f"{path}: max_length is {length!r}", "mend it, or say it with --max-length"
        )
    return raw


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            raise SidecarError(f"{path}: larger than a vocab or config is", "give the right file")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SidecarError(
            f"{path}: {(error.strerror or str(error)).lower()}", "give an existing file"
        ) from None


def _disagreement(raw: dict[str, Any], network: Network) -> str:
    actual = {
        "rnn_layers": len(network.layers),
        "rnn_size": network.units,
        "rnn_bidirectional": network.bidirectional,
        "dim_embeddings": network.embedding.shape[1],
    }
    for key, value in actual.items():
        if key in raw and raw[key] != value:
            return f"{key} {raw[key]}, the weights have {value}"
    return ""
