"""What of a stranger's HDF5 file is read at all: kinds of links, storage, sizes and counts.

Everything here looks at metadata; no value of an array is read before its checks have passed.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from convert.errors import AGAIN
from pi_runtime.errors import shown

MAX_LAYERS = 1000
MAX_WEIGHTS = 10_000
"""Arrays of all layers together."""
MAX_NAME = 300
"""Characters of a name in the file."""
MAX_CHUNK = 1 << 20
"""The largest chunk, in bytes, of an array that is smaller: h5py chooses none above it."""
MAX_NAMES_BYTES = 1 << 20
"""Of an attribute that lists names. HDF5 itself allows 64 kB."""
MAX_AXES = 6
MAX_INFLATION = 1100
"""Upper bound on the size of a compressed array, in multiples of its stored size (zlib's 1032)."""
FREE_BYTES = 64 << 20
"""What arrays may take together however small the file is."""

LAYOUTS = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


class Refused(Exception):  # noqa: N818 - it becomes a CheckpointError in the parent process
    """A file that is not read: what is wrong with it, and what to do."""

    def __init__(self, what: str, todo: str = AGAIN) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


def most_bytes(file_size: int) -> int:
    """Return how many bytes of arrays a file of this size may claim."""
    return max(FREE_BYTES, 2 * file_size)


def member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return what lies at a path below a group, over hard links only.

    Raises:
        Refused: it is missing, or a link on the way leads elsewhere.
    """
    found: Any = group
    for part in filter(None, name.split("/")):
        if not isinstance(found, h5py.Group):
            raise Refused(f"{shown(name)} is missing: {shown(part)} would lie in an array")
        link = found.get(part, getlink=True) if part != "." else None
        if link is None:
            raise Refused(f"{shown(name)} is missing")
        if not isinstance(link, h5py.HardLink):
            raise Refused(f"{shown(name)} is a link out of the file or to another place in it")
        found = found[part]
    if not isinstance(found, (h5py.Group, h5py.Dataset)):
        raise Refused(f"{shown(name)} is neither an array nor a group")
    return found


def subgroup(group: h5py.Group, name: str) -> h5py.Group:
    """Return the group at a path, as `member` does.

    Raises:
        Refused: see `member`; or it is an array.
    """
    found = member(group, name)
    if not isinstance(found, h5py.Group):
        raise Refused(f"{shown(name)} is an array where a group of them belongs")
    return found


def names(holder: h5py.Group, attribute: str) -> list[str]:
    """Return the names that an attribute lists; Keras splits long lists: NAME0, NAME1, …

    Raises:
        Refused: they are no names, or too many.
    """
    if attribute in holder.attrs:
        found = _strings(holder, attribute)
    else:
        found, part = [], 0
        while f"{attribute}{part}" in holder.attrs and len(found) <= MAX_WEIGHTS:
            found += _strings(holder, f"{attribute}{part}")
            part += 1
    if len(found) > MAX_WEIGHTS:
        raise Refused(f"{attribute} lists {len(found)} names")
    return found


def text(holder: h5py.Group, attribute: str) -> str | None:
    """Return an attribute that is one string; None if it is not there or something else."""
    if attribute not in holder.attrs:
        return None
    try:
        found = _strings(holder, attribute)
    except Refused:
        return None
    return found[0] if len(found) == 1 else None


def _strings(holder: h5py.Group, attribute: str) -> list[str]:
    identifier = h5py.h5a.open(holder.id, attribute.encode())
    count = identifier.get_space().get_simple_extent_npoints()
    if not count:
        return []  # which Keras writes with the type float64
    if count * max(8, identifier.dtype.itemsize) > MAX_NAMES_BYTES:
        raise Refused(f"{attribute} is too large for names")
    if h5py.check_string_dtype(identifier.dtype) is None:
        raise Refused(f"{attribute} holds no names")
    found = []
    for value in np.asarray(holder.attrs[attribute]).ravel().tolist():
        name = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if len(name) > MAX_NAME:
            raise Refused(f"{attribute} holds a name of {len(name)} characters")
        found.append(name)
    return found


def check_array(dataset: h5py.Group | h5py.Dataset, name: str, allowed: int) -> int:
    """Check an array before it is read; return its size in bytes, as float32 at least.

    `allowed` is how many bytes it may have.

    Raises:
        Refused: it is no plain array of numbers, or claims more than is stored.
    """
    name = shown(name)
    if not isinstance(dataset, h5py.Dataset):
        raise Refused(f"{name} is a group where an array belongs")
    kind, shape = dataset.dtype, dataset.shape
    if kind.kind != "f" or kind.itemsize not in (2, 4, 8):
        raise Refused(f"{name} is not an array of floating-point numbers")
    if not shape or len(shape) > MAX_AXES:
        raise Refused(f"{name} has {len(shape or ())} axes: it is no array of weights")
    storage = dataset.id.get_create_plist()
    filters = [storage.get_filter(index)[0] for index in range(storage.get_nfilters())]
    if (
        storage.get_layout() not in LAYOUTS
        or storage.get_external_count()
        or set(filters) - set(FILTERS)
        or len(filters) > len(FILTERS)
    ):
        raise Refused(f"{name} is stored in a way Keras does not use")
    elements = math.prod(int(length) for length in shape)
    if not elements:
        raise Refused(f"{name} holds no numbers: its shape is {list(shape)}")
    stored = dataset.id.get_storage_size()
    claimed = elements * kind.itemsize
    if claimed > stored * (MAX_INFLATION if filters else 1):
        raise Refused(f"{name} claims {claimed} bytes and stores {stored}")
    size = elements * max(4, int(kind.itemsize))
    chunk = 1
    if storage.get_layout() == h5py.h5d.CHUNKED:
        chunk = int(kind.itemsize) * math.prod(int(length) for length in storage.get_chunk())
        if chunk > max(MAX_CHUNK, 4 * claimed):
            raise Refused(f"{name} is stored in chunks of {chunk} bytes, far larger than itself")
    if max(size, chunk) > allowed:
        raise Refused(
            f"its arrays claim more than a file of its size can hold "
            f"({name} alone {max(size, chunk)} bytes)"
        )
    return size
