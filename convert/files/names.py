"""What the name of a file says of the checkpoint it belongs to.

textgenrnn calls its files NAME_weights.hdf5, NAME_vocab.json and NAME_config.json. People, browsers
and Keras 3 change that: `NAME_weights.weights.h5`, `NAME_vocab (1).json`, `NAME_VOCAB.JSON`,
`NAME_final.hdf5`. Names are compared without regard to case.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

WEIGHTS_SUFFIXES = (".weights.h5", ".hdf5", ".h5", ".keras")

_COPY = re.compile(r"(.*?)\s?(\(\d{1,4}\))", re.DOTALL)
_EPOCH = re.compile(r"(.*)_weights_epoch_\d+", re.DOTALL)
_PARTS = re.compile(r"[\s_.\-]+")
_GENERIC = "textgenrnn"


@dataclass(frozen=True)
class Name:
    """A file name taken apart."""

    stem: str
    """NAME: without what says its kind, lower case."""
    copy: str = ""
    """The number that a browser adds to a second download: "(1)"."""


def name_of_weights(weights: Path) -> Name:
    """Take the name of weights apart."""
    name = weights.name.lower()
    suffix = next((s for s in WEIGHTS_SUFFIXES if name.endswith(s)), weights.suffix.lower())
    stem, copy = _without_copy(name.removesuffix(suffix))
    return Name(stem.removesuffix("_weights"), copy)


def name_of_sidecar(path: Path, kind: str) -> Name:
    """Take the name of a vocab or config apart; `kind` is the one or the other."""
    stem, copy = _without_copy(path.name.lower().removesuffix(".json"))
    return Name(stem.removesuffix(kind).removesuffix("_"), copy)


def _without_copy(stem: str) -> tuple[str, str]:
    found = _COPY.fullmatch(stem)
    return (found[1], found[2]) if found else (stem, "")


def model_name(weights: Path) -> str:
    """Return NAME as it is written: what a model file is called by default, in plain characters."""
    name = os.fsencode(weights.name).decode("utf-8", "replace")
    for suffix in (*WEIGHTS_SUFFIXES, weights.suffix):
        if suffix and name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
            break
    if copy := _COPY.fullmatch(name):
        name = f"{copy[1].removesuffix('_weights')} {copy[2]}"
    name = name.removesuffix("_weights")
    return "".join(c if c.isprintable() else "_" for c in name) or _GENERIC


def rank(weights: Path, path: Path, kind: str) -> tuple[int, int]:
    """Return how well a sidecar's name fits the weights': the higher, the better.

    (5, …)  the very name that textgenrnn gives it, of the same copy or of none
    (4, …)  NAME_model_vocab.json, or that of weights of one epoch
    (3, n)  one name continues the other: poem_final and poem; n characters are common
    (2, n)  they begin with the same word; textgenrnn_vocab.json, which textgenrnn writes when it
            is given no name, is worth as much
    (0, 0)  no resemblance
    """
    own, other = name_of_weights(weights), name_of_sidecar(path, kind)
    same_copy = int(own.copy == other.copy)
    if other.copy and not same_copy:
        return (0, 0)
    if own.stem == other.stem:
        return (5, same_copy)
    if other.stem == f"{own.stem}_model":
        return (4, 2 + same_copy)
    if (epoch := _EPOCH.fullmatch(own.stem)) and epoch[1] == other.stem:
        return (4, same_copy)
    if other.stem == _GENERIC:
        return (2, 0)
    own_parts, other_parts = (_PARTS.split(name.stem) for name in (own, other))
    common = 0
    for one, two in zip(own_parts, other_parts, strict=False):
        if one != two or not one:
            break
        common += 1
    if not common:
        return (0, 0)
    length = sum(map(len, own_parts[:common]))
    return (3, length) if common == min(len(own_parts), len(other_parts)) else (2, 0)
