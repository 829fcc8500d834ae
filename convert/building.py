"""Builds a FlatBuffer in a process of its own, so that TensorFlow's memory goes when it is done.

`python -m convert.building FOLDER` reads the network that `Workshop` put there, and leaves the
FlatBuffer and its arrays' manifest entries.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import ConversionError
from convert.work_folder import work_folder
from pi_runtime.model.manifest import ArraySpec
from pi_runtime.model.network import Network

WITHOUT_KERAS = {"TF_USE_LEGACY_KERAS": "1"}
"""The environment in which importing TensorFlow does not import Keras 3, half of its time."""

_WEIGHTS, _PLACES, _FLATBUFFER, _SPECS = "weights", "weights.json", "flatbuffer", "specs.json"


@dataclass(frozen=True)
class Workshop:
    """A folder with a network's arrays in one file, which several processes map."""

    folder: Path
    network: Network
    """Its arrays are mapped: their pages are in memory once, and only while they are used."""

    @contextmanager
    def building(self, max_length: int, quantization: str) -> Iterator[Building]:
        """Build in the background: importing TensorFlow alone takes seconds.

        Raises:
            ImportError: TensorFlow is not installed.
        """
        if find_spec("tensorflow") is None:
            raise ImportError("No module named 'tensorflow'", name="tensorflow")
        with subprocess.Popen(
            # -P: nothing is imported from the folder that the user happens to be in.
            [sys.executable, "-X", "utf8", "-P", "-m", "convert.building", str(self.folder),
             str(max_length), quantization],
            stdin=subprocess.DEVNULL,
            stderr=None if os.environ.get("RNN_DEBUG") else subprocess.PIPE,
            env={
                **os.environ,
                # TensorFlow's own temporary files go with the folder, however the child ends.
                **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder)),
                **WITHOUT_KERAS,
            },
        ) as child:  # fmt: skip
            try:
                yield Building(self, child)
            finally:
                child.kill()


@dataclass(frozen=True)
class Building:
    """A process that builds."""

    _shop: Workshop
    _child: subprocess.Popen[bytes]

    def result(self) -> tuple[Any, dict[str, ArraySpec]]:
        """Return the FlatBuffer, mapped, and each array's manifest entry, by name.

        Raises:
            ConversionError: TensorFlow failed, or there was not enough memory for it.
        """
        messages = self._child.communicate()[1] or b""
        folder = self._shop.folder
        if self._child.returncode:
            raise _failure(self._child.returncode, messages, self._shop.network)
        specs: dict[str, Any] = json.loads((folder / _SPECS).read_text("utf-8"))
        with (folder / _FLATBUFFER).open("rb") as file:
            flatbuffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return flatbuffer, {name: ArraySpec.from_json(spec) for name, spec in specs.items()}


def _failure(code: int, messages: bytes, network: Network) -> ConversionError:
    size = sum(array.nbytes for array in network.arrays().values())
    if code == -getattr(signal, "SIGKILL", 0):
        return ConversionError(
            "building the graph was killed, as the system does when memory is short",
            f"it takes about {(600 + 5 * size // 1_000_000) / 1000:.1f} GB; close other programs, "
            "or convert on a larger machine",
        )
    lines = messages.decode("utf-8", "replace").strip().splitlines()
    reason = lines[-1] if lines else f"exit code {code}"
    return ConversionError(
        f"TensorFlow cannot build the graph ({reason})", "run it again with RNN_DEBUG=1 to see why"
    )


@contextmanager
def workshop(network: Network) -> Iterator[Workshop]:
    """Yield a folder for a network, which is removed afterwards."""
    with work_folder() as folder:
        places, offset = {}, 0
        with (folder / _WEIGHTS).open("wb") as file:
            for array_name, array in network.arrays().items():
                places[array_name] = offset, array.shape
                offset += file.write(np.ascontiguousarray(array, "<f4").data)
        head = {
            "arrays": places, "layers": len(network.layers), "bidirectional": network.bidirectional
        }  # fmt: skip
        (folder / _PLACES).write_text(json.dumps(head), "utf-8")
        del network, array  # the caller's arrays, which may be given free now
        yield Workshop(folder, _mapped(folder))


def _mapped(folder: Path) -> Network:
    head = json.loads((folder / _PLACES).read_text("utf-8"))
    whole = np.memmap(folder / _WEIGHTS, "<f4", "r")
    arrays = {
        name: np.asarray(whole[offset // 4 :][: int(np.prod(shape))].reshape(shape))
        for name, (offset, shape) in head["arrays"].items()
    }
    return Network.from_arrays(arrays, head["layers"], head["bidirectional"])


def _main() -> None:
    from convert.graph import convert_graph

    folder, max_length, quantization = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    flatbuffer, constants = convert_graph(_mapped(folder), max_length, quantization)
    path = folder / _FLATBUFFER
    path.write_bytes(flatbuffer)
    del flatbuffer
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        specs, appended = constants.place(mapped)
    with path.open("ab") as end:
        end.write(appended)
    entries = {name: spec.to_json() for name, spec in specs.items()}
    (folder / _SPECS).write_text(json.dumps(entries), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # TensorFlow takes its time to leave


if __name__ == "__main__":
    _main()
