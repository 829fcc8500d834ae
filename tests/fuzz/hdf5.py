"""Mutants of checkpoints: HDF5 of every layout, Keras 3's files, and .keras archives.

Wrong success: a mutant is read although

- an array differs from what plain h5py reads at its place in the file
- a weight is not finite, or `Network.check` refuses the network
- a layer with weights, other than those of a context head, is left out

Memory is that of the child process which reads, above that of an undamaged file's. It is told by a
small process that does nothing but read: a child's counts from its parent's on.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import random
import resource
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import CheckpointError
from convert.weights.checkpoint import Checkpoint, read_checkpoint
from tests.fuzz.cases import HANG_SECONDS, Fuzzer, Outcome, Verdict
from tests.helpers.checkpoints import keras_arrays, small_network, write_keras_3, write_weights

NEEDS = ("h5py",)
MIN_MEMORY = 256 << 20
GIVEN_UP, WRONG = 2, 3
"""Exit codes of the process that compares."""


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[Fuzzer]:
    """See `tests.fuzz.cases`."""
    with multiprocessing.get_context("spawn").Pool(1) as reader:
        yield _Fuzzer(folder, reader)


class _Fuzzer:
    def __init__(self, folder: Path, reader: Pool) -> None:
        self._folder, self._reader = folder, reader
        write_weights(folder / "plain.hdf5", small_network(), whole_model=True)
        self._undamaged = reader.apply(_read, (folder / "plain.hdf5",))[2]

    def run(self, number: int) -> Outcome:
        """Make the mutant of that number; return what became of it."""
        path, what = self._mutant(random.Random(number))
        files = {path.name: path.read_bytes()}
        started = time.monotonic()
        try:
            found, said, memory = self._reader.apply_async(_read, (path,)).get(3 * HANG_SECONDS)
        except multiprocessing.TimeoutError:
            return Outcome(Verdict.HANG, what, files)
        except Exception as error:
            return Outcome(Verdict.TRACE, f"{what}: {error!r}", files)
        what = f"{what}: {said.removeprefix(str(path))}"
        if time.monotonic() - started > HANG_SECONDS:
            return Outcome(Verdict.HANG, what, files)
        allowed = self._undamaged + max(4 * path.stat().st_size, MIN_MEMORY)
        if memory > allowed:
            return Outcome(Verdict.MEMORY, what, files)
        if not said.isprintable():
            return Outcome(Verdict.TRACE, f"control characters: {what!r}", files)
        if found is None:
            return Outcome(Verdict.REFUSED, what, files)
        wrong = _is_wrong(found)
        return Outcome(Verdict.WRONG if wrong else Verdict.READ, f"{what}{wrong}", files)

    def _mutant(self, rng: random.Random) -> tuple[Path, str]:
        import h5py

        from tests.fuzz import hdf5_mutations as mutations

        network = small_network(
            rng.randrange(5), layers=rng.choice([1, 2, 3]), bidirectional=rng.random() < 0.3
        )
        kind = rng.choice(["hdf5", "hdf5", "hdf5", "weights.h5", "keras"])
        path = self._folder / f"mutant.{kind}"
        if kind == "hdf5":
            write_weights(
                path,
                network,
                rng.choice(["keras2", "tf2", "cudnn", "keras1"]),
                attributes=rng.choice(["bytes", "str", "variable"]),
                whole_model=rng.random() < 0.3,
                compression=rng.choice([None, None, "gzip"]),
            )
        else:
            write_keras_3(path, network, named=rng.random() < 0.5)
        if kind == "keras" and rng.random() < 0.6:
            content, what = mutations.change_archive(rng, path.read_bytes())
        elif kind == "keras" or rng.random() < 0.4:
            content, what = mutations.change_bytes(rng, path.read_bytes())
        else:
            done = []
            with h5py.File(path, "r+") as file:
                for _ in range(rng.choice([1, 1, 1, 2])):
                    try:
                        done.append(rng.choice(mutations.STRUCTURE)(rng, file))
                    except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
                        done.append(f"not possible ({error})")
            return path, f"{kind}: {', '.join(done)}"
        path.write_bytes(content)
        return path, f"{kind}: {what}"


def _read(path: Path) -> tuple[Checkpoint | None, str, int]:
    """Read a file; return it or None, what is said of it, and the most memory of a child in bytes.

    The memory is 0 if an earlier child had more.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    found: Checkpoint | None = None
    try:
        found = read_checkpoint(path)
        said = found.layout
    except CheckpointError as error:
        said = str(error)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return found, said, 1024 * memory if memory > before else 0


def _is_wrong(found: Checkpoint) -> str:
    """Return what was read wrongly; "" if nothing was."""
    try:
        found.network.check()
    except ValueError as error:
        return f" – {error}"
    if not all(np.isfinite(array).all() for array in found.network.arrays().values()):
        return " – not finite"
    # In another process, for h5py may crash on the mutant.
    process = multiprocessing.get_context("fork").Process(target=_compare, args=(found,))
    process.start()
    process.join(HANG_SECONDS)
    process.kill()
    return " – other values, or a layer left out" if process.exitcode == WRONG else ""


def _compare(found: Checkpoint) -> None:
    import os

    try:
        stored = _plainly_read(found.path)
    except Exception:  # what plain h5py makes of a mutant
        os._exit(GIVEN_UP)
    expected = keras_arrays(found.network, found.layout)
    stored = {name: arrays for name, arrays in stored.items() if not name.startswith("context_")}
    wrong = stored.keys() != expected.keys()
    for name in stored.keys() & expected.keys():
        pairs = zip(stored[name], expected[name], strict=False)
        wrong |= len(stored[name]) != len(expected[name])
        wrong |= any(not _same(array, ours, found.layout) for array, ours in pairs)
    os._exit(WRONG if wrong else 0)


def _same(array: Any, ours: Any, layout: str) -> bool:
    array = np.asarray(array, np.float32)
    if layout.startswith("CuDNN") and array.shape == ours.shape and array.ndim == 1:
        array, ours = (
            a.reshape(2, -1).sum(axis=0) if a.size % 2 == 0 else a for a in (array, ours)
        )
    return bool(array.shape == ours.shape and np.array_equal(array, ours))


def _plainly_read(path: Path) -> dict[str, list[Any]]:
    """Return the arrays of each layer with weights, by position, with no check at all."""
    import h5py

    source: Any = path
    names_by_group: dict[str, str] = {}
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read("model.weights.h5"))
            try:
                layers = json.loads(archive.read("config.json"))["config"]["layers"]
            except (ValueError, LookupError, TypeError, RecursionError):
                layers = []
        counts: dict[str, int] = {}
        for layer in layers:
            try:
                kind, name = layer["class_name"].lower(), layer["config"]["name"]
            except (LookupError, TypeError, AttributeError):
                names_by_group = {}
                break
            kind = "attention_weighted_average" if kind.startswith("attention") else kind
            number = counts[kind] = counts.get(kind, -1) + 1
            names_by_group[f"{kind}_{number}" if number else kind] = name
    with h5py.File(source, "r") as file:
        root = file.get("model_weights", file)
        if "layer_names" in root.attrs:
            listed = np.asarray(root.attrs["layer_names"]).astype(str).ravel().tolist()
            found = {
                layer: [
                    root[layer][name][()]
                    for name in np.asarray(root[layer].attrs.get("weight_names", []))
                    .astype(str)
                    .ravel()
                    .tolist()
                ]
                for layer in listed
            }
        else:
            found = {
                _own_name(group, name, names_by_group): _below(group)
                for name, group in file["layers"].items()
            }
    return {name: arrays for name, arrays in found.items() if arrays}


def _own_name(group: Any, name: str, names_by_group: dict[str, str]) -> str:
    own = group["vars"].attrs.get("name") if "vars" in group else None
    if isinstance(own, str):
        return own
    if name in names_by_group:
        return names_by_group[name]
    kind, _, number = name.rpartition("_")
    if name in ("lstm", "bidirectional"):
        return "rnn_1"
    if kind in ("lstm", "bidirectional"):
        return f"rnn_{int(number) + 1}"
    return {"dense": "output", "attention_weighted_average": "attention"}.get(name, name)


def _below(group: Any) -> list[Any]:
    found: list[tuple[tuple[Any, ...], Any]] = []

    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "shape") or "seed_generator" in name:
            return
        parts = name.split("/")
        if "vars" in parts:
            found.append((("backward_layer" in parts, len(parts[-1]), parts[-1]), item[()]))

    group.visititems(visit)
    return [array for _, array in sorted(found, key=lambda pair: pair[0])]
