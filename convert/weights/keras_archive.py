"""Keras 3's .keras files: a ZIP of the configuration and an HDF5 file with the weights."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import IO, Any

from convert.weights.hdf5_limits import MAX_LAYERS, MAX_NAME, Refused, most_bytes
from convert.weights.layer_names import group_names

MAX_CONFIG_BYTES = 16 << 20
MAX_MEMBERS = 1000
WEIGHTS, CONFIG = "model.weights.h5", "config.json"


def read_archive(file: IO[bytes], size: int) -> tuple[bytes, dict[str, str] | None]:
    """Return the HDF5 file in an archive of `size` bytes, and the layers' names by group.

    The names are None if the configuration does not list layers.

    Raises:
        Refused: it is another ZIP, or claims more than its size can hold.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.namelist()
            if len(members) > MAX_MEMBERS or members.count(WEIGHTS) != 1:
                raise Refused(
                    "a ZIP file, but not one that Keras saved",
                    "unpack it and give the _weights.hdf5 that textgenrnn saved",
                )
            weights = _read(archive, WEIGHTS, most_bytes(size))
            config = None
            if members.count(CONFIG) == 1:
                config = _read(archive, CONFIG, MAX_CONFIG_BYTES)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise Refused("the ZIP structure is damaged") from None
    return weights, None if config is None else _layer_names(config)


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise Refused(f"{name} claims more than a file of its size can hold")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise Refused(f"{name} claims more than a file of its size can hold")
    return content


def _layer_names(content: bytes) -> dict[str, str] | None:
    try:
        config: Any = json.loads(content)
        layers = config["config"]["layers"]
        found = [(layer["class_name"], layer["config"]["name"]) for layer in layers[:MAX_LAYERS]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not all(isinstance(text, str) and len(text) <= MAX_NAME for pair in found for text in pair):
        return None
    return group_names(found)
