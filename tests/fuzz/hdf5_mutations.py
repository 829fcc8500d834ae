"""What the fuzzer of checkpoints changes in an HDF5 file that h5py has open, and in its bytes."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np


def datasets(file: h5py.File) -> list[str]:
    """Return the paths of all arrays, but those of the optimizer."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if is_weights(name, item) else None)
    return sorted(found)


def is_weights(name: str, item: Any) -> bool:
    """Return whether an item of a file is an array of the network."""
    return isinstance(item, h5py.Dataset) and not name.startswith("optimizer")


def groups(file: h5py.File) -> list[str]:
    """Return the paths of all groups, the root's first."""
    found = ["/"]
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
    return found


def _any_array(rng: random.Random, file: h5py.File) -> tuple[str, np.ndarray[Any, Any]]:
    path = rng.choice(datasets(file))
    values = file[path][()]
    if isinstance(values, h5py.Empty):  # made by a mutation before
        values = np.zeros(0, np.float32)
    del file[path]
    return path, values


def change_type(rng: random.Random, file: h5py.File) -> str:
    path, values = _any_array(rng, file)
    kind = rng.choice(["<f2", "<f8", ">f4", ">f8", "<i4", "u1", "c8", "S4", "?", "V8", "vlen"])
    if kind == "vlen":
        file.create_dataset(path, values.shape, h5py.vlen_dtype(np.float32))
    elif kind == "V8":
        file.create_dataset(path, values.shape, [("a", "f4"), ("b", "f4")])
    else:
        file[path] = values.astype(kind)
    return f"{path} as {kind}"


def change_shape(rng: random.Random, file: h5py.File) -> str:
    path, values = _any_array(rng, file)
    shapes: list[Callable[[], Any]] = [
        lambda: values.T,
        lambda: values.ravel(),
        lambda: values[..., None],
        lambda: values[None],
        lambda: values[:-1],
        lambda: values[:0],
        lambda: values.ravel()[0],
        lambda: np.concatenate([values, values]),
        lambda: np.concatenate([values, values], axis=-1),
        lambda: h5py.Empty("f4"),
        lambda: np.zeros((1,) * 10, np.float32),
        lambda: np.zeros((2_000_000, 3), np.float32),
    ]
    number = rng.randrange(len(shapes))
    file[path] = shapes[number]()
    return f"{path} in shape {number}"


def change_storage(rng: random.Random, file: h5py.File) -> str:
    path, values = _any_array(rng, file)
    chunks = tuple(rng.randint(1, 2 * length) for length in values.shape)
    options: list[dict[str, Any]] = [
        {"chunks": True, "compression": "gzip", "compression_opts": rng.randrange(10)},
        {"chunks": True, "shuffle": True, "fletcher32": True, "compression": "gzip"},
        {"chunks": True, "compression": "lzf"},
        {"chunks": True, "scaleoffset": 3},
        {"chunks": tuple(map(min, chunks, values.shape)), "fletcher32": True},
        {"chunks": chunks, "maxshape": (None,) * values.ndim},
        {"maxshape": (None,) * values.ndim, "chunks": (1 << 14,) * values.ndim},
        {"dtype": "<f4", "shape": values.shape, "fillvalue": 7.0},
        {"dtype": "<f4", "shape": values.shape, "chunks": True, "fillvalue": np.nan},
        {"external": [("/dev/zero", 0, values.nbytes)], "dtype": "<f4", "shape": values.shape},
        {"shape": (1 << 28, 4), "dtype": "<f4", "chunks": (1 << 10, 4), "compression": "gzip"},
    ]
    option = rng.choice(options)
    file.create_dataset(path, **({} if "shape" in option else {"data": values}) | option)
    return f"{path} stored with {option}"


def change_link(rng: random.Random, file: h5py.File) -> str:
    paths = datasets(file)
    kinds = ["soft", "external", "dangling", "hard", "array", "parent", "delete", "all"]
    kind = rng.choice(kinds)
    path = rng.choice([*paths, *groups(file)[1:]] if kind != "all" else paths)
    other = rng.choice(paths)
    if kind == "all":
        for each in paths:
            if each != path:
                del file[each]
                file[each] = file[path]
        return f"all arrays are {path}"
    targets: dict[str, Any] = {
        "soft": h5py.SoftLink(f"/{other}"),
        "external": h5py.ExternalLink("other.hdf5", other),
        "dangling": h5py.SoftLink("/nothing"),
        "hard": file[other],
        "array": np.zeros((3, 3), np.float32),
        "parent": file[path].parent,
        "delete": None,
    }
    target = targets[kind]
    del file[path]
    if target is not None:
        file[path] = target
    return f"{path} is a {kind} link"


def change_attribute(rng: random.Random, file: h5py.File) -> str:
    holders = [(g, a) for g in groups(file) for a in file[g].attrs if not g.startswith("optim")]
    if not holders:
        return "nothing"
    group, name = rng.choice(holders)
    attributes = file[group].attrs
    old = np.asarray(attributes[name]).astype(str).ravel().tolist()
    values: list[Callable[[], Any]] = [
        lambda: sorted(old),
        lambda: [*old, *old],
        lambda: [*old, "nothing"],
        lambda: old[:-1] or ["rnn_1"],
        lambda: rng.sample(old, len(old)) or ["rnn_2"],
        lambda: rng.choice(["..", ".", "/", "", "a\nb\x1b[2J", "ä" * 200, "/embedding", "rnn_9"]),
        lambda: [*old[:-1], rng.choice(["..", ".", "/", "", "\x1b", "x" * 5000, "rnn_01"])],
        lambda: [b"\xff\xfe", b"rnn_1"],
        lambda: np.arange(5),
        lambda: 3.5,
        lambda: h5py.Empty("S1"),
        lambda: np.array([old, old]),
        lambda: file.ref,
        lambda: ["a" * 100] * 600,
    ]
    number = rng.randrange(len(values))
    value = values[number]()
    del attributes[name]
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value = value.astype("S")
    if value is not old and not (isinstance(value, list) and not value):
        attributes[name] = value
    return f"{group}@{name} is value {number}"


def drop_attribute(rng: random.Random, file: h5py.File) -> str:
    name = rng.choice(["name", "layer_names", "weight_names"])
    for group in groups(file):
        if name in file[group].attrs and rng.random() < 0.8:
            del file[group].attrs[name]
    return f"most of the attributes {name} are gone"


def change_values(rng: random.Random, file: h5py.File) -> str:
    path, values = _any_array(rng, file)
    value = rng.choice([np.nan, np.inf, 0.0, 1.0, 3e38, 1e300])
    values = values.astype(np.float64)
    values.flat[:: rng.choice([1, 7])] = value
    with np.errstate(over="ignore"):
        file[path] = values.astype(rng.choice(["<f4", "<f8"]))
    return f"{path} holds {value}"


def move(rng: random.Random, file: h5py.File) -> str:
    paths = [*datasets(file), *groups(file)[1:]]
    old, new = rng.choice(paths), f"{rng.choice(groups(file)).strip('/')}/{rng.choice(_NAMES)}"
    new = new.strip("/")
    if new in file or new.startswith(f"{old}/"):
        return "nothing"
    file.move(old, new)
    return f"{old} is {new}"


_NAMES = ["gru", "dense_1", "lstm_7", "vars", "cell", "layers", "0", "x" * 400, "model_weights"]


def add_layer(rng: random.Random, file: h5py.File) -> str:
    """Add a layer that is listed, with weights."""
    name = rng.choice(["dense_9", "rnn_3", "rnn_9", "context_output", "batch_1", "gru"])
    arrays = rng.choice([[np.eye(16)], [np.ones((16, 12)), np.ones(12)], [np.ones(3)] * 3])
    root = file.get("model_weights", file)
    if "layer_names" in root.attrs:
        listed = np.asarray(root.attrs["layer_names"]).astype(str).tolist()
        root.attrs["layer_names"] = [*listed, name]
        group = root.require_group(name)
        group.attrs["weight_names"] = [f"{name}/{at}" for at in range(len(arrays))]
        for at, array in enumerate(arrays):
            group[f"{name}/{at}"] = array.astype("f4")
    else:
        group = file.require_group(f"layers/{name}/vars")
        for at, array in enumerate(arrays):
            group[str(at)] = array.astype("f4")
    return f"a layer {name} is added"


STRUCTURE = (
    change_type,
    change_shape,
    change_storage,
    change_link,
    change_attribute,
    drop_attribute,
    change_values,
    move,
    add_layer,
)


def change_bytes(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Change bytes, mostly single ones and mostly of what describes the arrays."""
    changed, kind = bytearray(content), rng.choice(["one", "one", "one", "some", "cut", "insert"])
    zeros = [at for at in (rng.randrange(len(content)) for _ in range(40)) if not content[at]]
    at = rng.choice(zeros) if zeros and rng.random() < 0.5 else rng.randrange(len(content))
    if kind == "one":
        changed[at] = rng.choice([0, 1, 2, 255, changed[at] ^ (1 << rng.randrange(8))])
    elif kind == "some":
        changed[at : at + 16] = rng.randbytes(rng.randint(1, 16))
    elif kind == "cut":
        del changed[at:]
    else:
        changed[at:at] = rng.randbytes(rng.randint(1, 600))
    return bytes(changed), f"{kind} at {at}"


def change_archive(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Change members of a .keras archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    kind = rng.choice(
        ["shuffle", "names", "no config", "not JSON", "deep", "bomb", "bytes", "none"]
    )
    if kind in ("shuffle", "names"):
        config = json.loads(members["config.json"])
        layers = config["config"]["layers"]
        if kind == "shuffle":
            rng.shuffle(layers)
        else:
            rng.choice(layers)[rng.choice(["class_name", "config"])] = rng.choice(
                [3, None, {"name": "rnn_9"}, "GRU", {"name": "a\x1b[2J"}]
            )
        members["config.json"] = json.dumps(config).encode()
    elif kind == "no config":
        del members["config.json"]
    elif kind in ("not JSON", "deep"):
        members["config.json"] = {"not JSON": b"\xff{", "deep": b"[" * 100_000}[kind]
    elif kind == "bomb":
        members["model.weights.h5"] += bytes(70_000_000)
    elif kind == "bytes":
        members["model.weights.h5"], _ = change_bytes(rng, members["model.weights.h5"])
    else:
        del members["model.weights.h5"]
    packed = io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(
        packed, "w", zipfile.ZIP_DEFLATED if kind == "bomb" else method
    ) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return packed.getvalue(), f"archive: {kind}"
