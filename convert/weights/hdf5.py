"""The layers and arrays of a Keras HDF5 file, as the checks of `hdf5_limits` let them through.

This runs in the child process of `hdf5_process`: libhdf5 crashes and loops on damaged files.
Keras's own loader is never used: it can be made to run code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import h5py

from convert.errors import GIVE_WEIGHTS
from convert.weights.hdf5_limits import (
    MAX_LAYERS,
    MAX_WEIGHTS,
    Refused,
    check_array,
    member,
    most_bytes,
    names,
    subgroup,
    text,
)
from convert.weights.layer_names import names_by_class, nested_layers
from pi_runtime.errors import shown

MAX_DEPTH = 8
"""Of groups in a Keras 3 file."""
SIDECARS = "textgenrnn_pi_sidecars"
"""The attribute by which weights of rnn-train tell their vocab and config: JSON, with the SHA-256
of the file for each of "vocab" and "config"."""


@dataclass
class Contents:
    """What a file holds: each layer's arrays in Keras's order, as indices in `arrays`."""

    version: str
    layers: dict[str, list[int]] = field(default_factory=dict)
    arrays: list[h5py.Dataset] = field(default_factory=list)
    """Each once, however often it is named; their values are not read yet."""
    sidecars: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of the "vocab" and the "config" written with it, if the file tells them."""


def contents_of(file: h5py.File, size: int, real_names: Mapping[str, str] | None) -> Contents:
    """Return the layers of a file of `size` bytes.

    `real_names` are the layers' names by group where an archive's configuration gives them.

    Raises:
        Refused: it holds no Keras weights, or something that is not read.
    """
    root = subgroup(file, "model_weights") if "model_weights" in file else file
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        contents = _Reader(size, text(root, "keras_version") or "?").by_names(root)
        contents.sidecars = _sidecars(text(file, SIDECARS))
        return contents
    if any(name in file for name in _KERAS_3_ROOTS):
        return _Reader(size, "3").keras_3(file, real_names)
    raise Refused("an HDF5 file, but not Keras weights", GIVE_WEIGHTS)


def _sidecars(told: str | None) -> dict[str, str]:
    try:
        hashes = json.loads(told or "{}")
        return {name: str(hashes[name]) for name in ("vocab", "config") if name in hashes}
    except (ValueError, TypeError, RecursionError):
        raise Refused(f"its attribute {SIDECARS} is damaged") from None


_KERAS_3_ROOTS = ("layers", "_layer_checkpoint_dependencies")
"""The second is that of Keras 2.13 to 2.15."""


class _Reader:
    def __init__(self, size: int, version: str) -> None:
        self._contents = Contents(version)
        self._left = most_bytes(size)
        self._indices: dict[int, int] = {}
        self._weights = 0

    def by_names(self, root: h5py.Group) -> Contents:
        """Read what the attributes `layer_names` and `weight_names` list."""
        layer_names = names(root, "layer_names")
        if len(layer_names) > MAX_LAYERS:
            raise Refused(f"it lists {len(layer_names)} layers")
        for name in layer_names:
            group = subgroup(root, name)
            paths = names(group, "weight_names")
            nested = nested_layers(paths) if len(paths) > 1 else None
            for layer, layer_paths in (nested or {name: paths}).items():
                self._add(layer, [(path, member(group, path)) for path in layer_paths])
        return self._contents

    def keras_3(self, file: h5py.File, real_names: Mapping[str, str] | None) -> Contents:
        """Read `layers/GROUP/…/vars/N`."""
        found: dict[str, tuple[str | None, list[tuple[str, h5py.Dataset]]]] = {}
        for name in _KERAS_3_ROOTS:
            if name in file:
                for group, layer, arrays in _keras_3_layers(subgroup(file, name), 0):
                    if arrays or group not in found:
                        _check_halves(group, [path for path, _ in arrays])
                        found[group] = layer, arrays
        given = {group: name for group, (name, _) in found.items() if name is not None}
        if len(given) < len(found):
            given = dict(real_names or {}) | given
        with_weights = [group for group, (_, arrays) in found.items() if arrays]
        if any(group not in given for group in with_weights):
            by_class = names_by_class(with_weights)
            if by_class is None:
                raise Refused(
                    "a Keras 3 file without its layers' names, and with several that could be "
                    f"textgenrnn's ({shown(', '.join(with_weights), 200)})",
                    "load it with Keras 3.4 or later and save it again",
                )
            given = by_class | given
        for group, (_, arrays) in found.items():
            self._add(given.get(group, group), arrays)
        return self._contents

    def _add(self, layer: str, arrays: list[tuple[str, h5py.Group | h5py.Dataset]]) -> None:
        if not arrays and layer in self._contents.layers:
            return
        if self._contents.layers.get(layer):
            raise Refused(f"it holds two layers of the name {shown(layer)}")
        indices = []
        for name, dataset in arrays:
            self._weights += 1
            if self._weights > MAX_WEIGHTS:
                raise Refused(f"it lists more than {MAX_WEIGHTS} arrays")
            # An array that is named again counts again: the network would hold it twice.
            self._left -= check_array(dataset, name, self._left)
            address = h5py.h5o.get_info(dataset.id).addr
            if address not in self._indices:
                self._indices[address] = len(self._contents.arrays)
                self._contents.arrays.append(dataset)
            indices.append(self._indices[address])
        self._contents.layers[layer] = indices


def _check_halves(group: str, paths: Sequence[str]) -> None:
    """Check that a layer of two directions has its arrays in two parts of the same form.

    Arrays are read by their order: from anywhere else, one direction would pass for the other.
    """
    parts = {path.removeprefix(f"{group}/").rpartition("vars/")[0] for path in paths}
    both = [{f"{way}_layer/{cell}" for way in ("forward", "backward")} for cell in ("cell/", "")]
    if any(part.startswith(tuple(both[1])) for part in parts) and parts not in both:
        raise Refused(f"the two directions of {shown(group)} are not where Keras puts them")


def _keras_3_layers(
    root: h5py.Group, depth: int
) -> Iterator[tuple[str, str | None, list[tuple[str, h5py.Dataset]]]]:
    """Yield each layer's group, its own name if the file gives it, and its arrays."""
    if len(root) > MAX_LAYERS or depth > MAX_DEPTH:
        raise Refused("its groups are nested too deep or too many")
    for group_name in root:
        group = subgroup(root, group_name)
        nested = [name for name in _KERAS_3_ROOTS if name in group]
        for name in nested:  # a model within the model
            yield from _keras_3_layers(subgroup(group, name), depth + 1)
        own_name = text(subgroup(group, "vars"), "name") if "vars" in group else None
        yield group_name, own_name, list(_variables(group, group_name, depth))


def _variables(group: h5py.Group, path: str, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the arrays below a group: its own, then its parts', the forward part before others."""
    if len(group) > MAX_LAYERS or depth > MAX_DEPTH:
        raise Refused("its groups are nested too deep or too many")
    if "vars" in group:
        own = subgroup(group, "vars")
        if len(own) > MAX_WEIGHTS:
            raise Refused(f"{shown(path)} has {len(own)} arrays")
        numbers = [str(number) for number in range(len(own))]
        if set(own) != set(numbers):
            raise Refused(f"the arrays of {shown(path)} are not numbered as Keras does")
        for number in numbers:
            yield f"{path}/vars/{number}", member(own, number)
    for name in sorted(group, key=lambda name: (name != "forward_layer", name)):
        # The state of random generators is no weight.
        if name not in ("vars", "seed_generator", *_KERAS_3_ROOTS):
            yield from _variables(subgroup(group, name), f"{path}/{name}", depth + 1)
