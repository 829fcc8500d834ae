"""What a file is that is not textgenrnn's weights, so that its owner is told the true reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from convert.errors import GIVE_WEIGHTS
from convert.weights.keras_layout import recurrent_layers
from pi_runtime.errors import shown, shown_path
from pi_runtime.model.file import TFLITE
from pi_runtime.model.network import FloatArray

START_BYTES = 4096
"""How much of a file is enough to tell."""

_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}
_LINE_ENDS = (b"\x89HDF\n\x1a\n", b"\x89HDF\r\r\n\x1a", b"\x89HDF\r\x1a\r", b"\x89HDF\n\n\x1a")


def foreign_file(start: bytes, path: Path) -> tuple[str, str]:
    """Return what a file without HDF5's magic number is, and what to do, by how it begins."""
    if not start:
        return "the file is empty (0 bytes)", "download it again"
    if start.startswith(b"version https://git-lfs"):
        return (
            "a Git LFS pointer, not the file itself",
            "fetch it with git lfs pull, or download it from the site's own page",
        )
    for magic, kind in _ARCHIVES.items():
        if start.startswith(magic):
            return f"{kind}, not HDF5", "unpack it, and give the file in it"
    if start[257:262] == b"ustar":
        return "a tar archive, not HDF5", "unpack it, and give the file in it"
    if start.startswith(_LINE_ENDS):
        return (
            "its line ends were changed on the way, which damages it",
            "copy or download it again as a binary file",
        )
    if b"HDF" in start[:8] and not start.startswith(b"\x0e\x03\x13\x01"):
        return "it was saved as text, which damages it", "download it again as a binary file"
    if start[4:8] == TFLITE:
        return (
            "a .tflite file, which needs no converting",
            f"run: rnn-generate {shown_path(path.name)}",
        )
    if re.match(rb"\s*(<!doctype|<html|<head|<\?xml)", start, re.IGNORECASE):
        return "a web page, not the file itself", "download the file with the page's own button"
    if start.startswith(b"model_checkpoint_path:") or path.name.endswith(".index"):
        return (
            "a TensorFlow checkpoint, not HDF5",
            "load it in textgenrnn and save() it to an .hdf5 file",
        )
    if path.name == "saved_model.pb":
        return "a SavedModel, not HDF5", "load it in Keras and save the weights to an .h5 file"
    if not start.strip(b"\0"):
        return "it begins with zeros only: a broken download", "download it again"
    return "not an HDF5 file", GIVE_WEIGHTS


def foreign_folder(path: Path) -> tuple[str, str]:
    """Return what a folder given as a file is, and what to do."""
    if (path / "saved_model.pb").exists():
        return (
            "a SavedModel folder, not HDF5",
            "load it in Keras and save the weights to an .h5 file",
        )
    return "is a folder", GIVE_WEIGHTS


def missing_file(path: Path) -> tuple[str, str] | None:
    """Return what a file that is not there belongs to, by what lies beside it."""
    if path.with_name(f"{path.name}.index").exists():
        return (
            "a TensorFlow checkpoint, not HDF5",
            "load it in textgenrnn and save() it to an .hdf5 file",
        )
    return None


CONTEXT = "context_"
"""Begins the names of the layers that textgenrnn adds for labels."""


def strange_layers(layers: Mapping[str, Sequence[FloatArray]]) -> list[tuple[str, str]]:
    """Return why these layers are not textgenrnn's network: (what, to do), the gravest first.

    Layers without weights and those of a context head are no reason.
    """
    with_weights = {name: arrays for name, arrays in layers.items() if arrays}
    known = {"embedding", "attention", "output"} | {n for n in layers if _is_recurrent(n)}
    if "embedding" in with_weights and len(with_weights.get("rnn", [])) == 3:
        return [
            (
                "a textgenrnn 0.x network: one LSTM, no attention",
                "train again with textgenrnn 1.0 or later, whose network is another one",
            )
        ]
    if not any(_is_recurrent(name) for name in with_weights) or "embedding" not in with_weights:
        found = shown(", ".join(layers) or "none", 200)
        return [
            (
                f"not textgenrnn's network (its layers are {found})",
                "give weights that textgenrnn trained",
            )
        ]
    retrain = "this network is of another kind; train one with textgenrnn"
    problems = []
    for name, arrays in with_weights.items():
        if _is_recurrent(name) and (kind := _other_cell(arrays)):
            problems.append((f"{name} is {kind}, not an LSTM", retrain))
    if "attention" not in with_weights:
        problems.append(("it has no attention layer", retrain))
    if "output" not in with_weights:
        problems.append(("it has no output layer", retrain))
    for name in with_weights:
        if name not in known and not name.startswith(CONTEXT):
            problems.append(
                (f"it has another layer with weights, {shown(name)}, that would be lost", retrain)
            )
    return problems + ([] if problems else _attention_length(with_weights))


def _is_recurrent(name: str) -> bool:
    return re.fullmatch(r"rnn_\d{1,4}", name) is not None


def _other_cell(arrays: Sequence[FloatArray]) -> str | None:
    """Return which cell other than an LSTM a recurrent layer's arrays are of."""
    if len(arrays) not in (2, 3, 4, 6) or any(a.ndim != 2 for a in arrays[:2]):
        return None
    gates, rest = divmod(arrays[1].shape[1], arrays[1].shape[0])
    return None if rest else {1: "a SimpleRNN", 3: "a GRU"}.get(gates)


def _attention_length(layers: Mapping[str, Sequence[FloatArray]]) -> list[tuple[str, str]]:
    """Check the attention against what it reads, which its shape alone does not show."""
    width = layers["embedding"][0].shape[-1]
    for name in recurrent_layers(layers):
        arrays = layers[name]
        directions = 2 if len(arrays) in (6, 24) else 1
        width += directions * arrays[1].shape[0]
    found = layers["attention"][0].size
    if len(layers["attention"]) == 1 and found != width:
        return [
            (
                f"its attention has {found} weights for features of width {width}",
                "this network is of another kind; train one with textgenrnn",
            )
        ]
    return []
