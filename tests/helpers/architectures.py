"""Architectures nobody trained, as strategies, and a process that makes TFLite graphs of them.

    python -m tests.helpers.architectures    a line of JSON in: [path, architecture];
                                             a line out when the model file is there

A process of its own, because TensorFlow and tflite-runtime do not live in one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from pi_runtime.model.network import Network
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.commands import ROOT

CLASSES = 20


@dataclass(frozen=True)
class Architecture:
    """What `small_network` makes a network of, and the windows it is asked about."""

    seed: int
    layers: int
    units: int
    length: int
    embedding: int
    bidirectional: bool
    scale: float

    def network(self) -> Network:
        """Return the network."""
        return small_network(
            self.seed,
            classes=CLASSES,
            embedding=self.embedding,
            units=self.units,
            layers=self.layers,
            bidirectional=self.bidirectional,
            scale=self.scale,
        )

    def windows(self) -> npt.NDArray[np.int32]:
        """Return the windows, [16, T]."""
        return np.random.RandomState(self.seed).randint(0, CLASSES, (16, self.length), np.int32)


ARCHITECTURES = st.builds(
    Architecture,
    seed=st.integers(0, 2**32 - 1),
    layers=st.integers(1, 4),
    units=st.integers(4, 32),
    length=st.integers(1, 50),
    embedding=st.integers(1, 40),
    bidirectional=st.booleans(),
    scale=st.sampled_from([0.1, 1.0, 3.0, 30.0]),
)


@contextmanager
def converting() -> Iterator[Callable[[Architecture, Path], None]]:
    """Yield a function that writes the model file of an architecture."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.architectures"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdin
        assert process.stdout

        def convert(architecture: Architecture, path: Path) -> None:
            print(json.dumps([str(path), asdict(architecture)]), file=process.stdin, flush=True)
            assert process.stdout
            assert process.stdout.readline() == "done\n"

        yield convert
        process.stdin.close()


def main() -> None:
    """Serve the lines on stdin."""
    from convert.graph import build_flatbuffer

    for line in sys.stdin:
        path, members = json.loads(line)
        architecture = Architecture(**members)
        network = architecture.network()
        built = build_flatbuffer(network, architecture.length)
        Path(path).write_bytes(packed_model(network, None, architecture.length, built=built))
        print("done", flush=True)


if __name__ == "__main__":
    main()
