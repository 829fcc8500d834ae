"""The program whose instructions are counted, one after another, on each network with each backend.

    counted.py FOLDER

It prints its rows, one a line of JSON, with the ids of two processes: copies of the one that counts
before and after the counted characters, which end at once and so leave their counters behind
(`cachegrind`).
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from pi_runtime.backends.registry import BACKENDS
from pi_runtime.errors import BackendError
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.model.file import ModelFile

TOKENS = 2
"""Counted, after as many that warm the caches."""
INT8_RUNS_ON = "ai_edge_litert"
"""tflite-runtime does not load such a file, and `numpy` computes it in float32."""


def copy_that_ends() -> int:
    """Return the process id of a copy of this process that has ended at once."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def count(model: ModelFile, backend: str) -> tuple[int, int]:
    """Return the ids of the copies before and after `TOKENS` tokens of one text.

    The model is not proved first: that runs another process.

    Raises:
        BackendError: the backend is not installed, or does not run this file.
    """
    loaded = import_module(BACKENDS[backend]).load(model, 1)
    generator = TextGenerator(loaded, model.vocabulary, model.config)
    pieces = generator.stream(seed=1, temperature=1.0, max_gen_length=10_000)
    for _ in range(TOKENS):
        next(pieces)
    before = copy_that_ends()
    for _ in range(TOKENS):
        next(pieces)
    return before, copy_that_ends()


def print_row(model: ModelFile, network: str, backend: str, kind: str) -> None:
    """Count one network with one backend, and print what was found."""
    try:
        processes = count(model, backend)
    except BackendError as error:
        print(f"not counted: {network}, {backend}: {error}", file=sys.stderr)
        return
    row = {
        "network": network,
        "backend": f"{backend} {kind}".strip(),
        "tokens": TOKENS,
        "processes": processes,
    }
    print(json.dumps(row), flush=True)


def main(folder: Path) -> None:
    """Count what is there: networks and backends."""
    gc.disable()  # or it is a matter of chance when it collects
    for file in sorted(folder.glob("*.tflite")):
        model = ModelFile(file)
        network, _, kind = file.stem.partition("-")
        for backend in BACKENDS:
            if kind and (backend != "tflite" or not find_spec(INT8_RUNS_ON)):
                continue
            # Each in a process of its own: what one leaves behind, counts in no other.
            child = os.fork()
            if not child:
                print_row(model, network, backend, kind)
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
