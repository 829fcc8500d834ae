"""Bidirectional networks in LiteRT's CompiledModel, which runs a graph without loops fastest.

A graph with a step's operators once, in a loop, is what any interpreter runs, and loads at once.
But LiteRT prepares a loop's operators anew in each window and copies what they read in each step.
Without loops (`unrolled`) a window takes 0.7 times as long, and half as long in int8. That graph
has thousands of operators, so that loading it takes as long as some hundred windows save, and an
interpreter would keep a copy of the weights for each step: CompiledModel has a cache of weights
that the steps share.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import weakref
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.backends.selfcheck import distances, within
from pi_runtime.backends.tflite.pool import Locked
from pi_runtime.backends.tflite.unrolled import unrolled
from pi_runtime.backends.whole_window import in_groups
from pi_runtime.model.file import ModelFile

MAX_STEPS = 640
"""Of all layers and both directions together. Twelve operators each: LiteRT takes a time that grows
with the square of their number to load them, 0.15 s for 320 steps."""

MAX_BYTES = 16 << 20
"""Of the file's FlatBuffer, which lies in memory twice more then. In a larger one the products take
so long that a loop around them hardly counts."""


class CompiledWindows(Locked):
    """A model's windows, so many at once."""

    def __init__(self, model: ModelFile, streams: int, threads: int) -> None:
        """Write the graph and load it; whatever LiteRT raises is raised."""
        super().__init__()
        network = model.network()
        int8 = model.manifest.quantization == "int8"
        graph = unrolled(network, model.config.max_length, streams, int8=int8)
        litert = import_module("ai_edge_litert.compiled_model")
        # One thread for one window: its products are too small to be shared.
        cpu = litert.CpuOptions(
            num_threads=threads if streams > 1 else 1, xnnpack_weight_cache_path=":memory"
        )
        self._shape = streams, network.classes
        with quiet_stderr():
            runner = litert.CompiledModel.from_buffer(
                graph, options=litert.Options(cpu_options=cpu)
            )
            inputs, outputs = runner.create_input_buffers(0), runner.create_output_buffers(0)
            # LiteRT looks into the graph as long as it lives.
            self._loaded: list[Any] = [runner, inputs, outputs, graph]
            self(np.zeros((streams, model.config.max_length), np.int32))
        weakref.finalize(self, _release, self._loaded)
        atexit.register(_end_quietly)

    def __call__(self, windows: npt.NDArray[np.int32]) -> Float32:
        """Return the probabilities [streams, V] after windows [streams, T]."""
        runner, inputs, outputs, _ = self._loaded
        inputs[0].write(windows.T)
        runner.run_by_index(0, inputs, outputs)
        streams, classes = self._shape
        probabilities: Float32 = outputs[0].read(streams * classes, np.float32)
        return probabilities.reshape(self._shape)


def _release(loaded: list[Any]) -> None:
    """Release what this list alone refers to; LiteRT would talk about it."""
    with quiet_stderr():
        loaded.clear()


def _end_quietly() -> None:
    """Keep off stderr what LiteRT says when Python is gone, and nothing else speaks any more."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def compiled(model: ModelFile, streams: int, threads: int) -> CompiledWindows | None:
    """Return a model's windows compiled, so many at once.

    None: the network is too large, the LiteRT here cannot, or it computes something else than the
    converter did.
    """
    steps = 2 * model.config.rnn_layers * model.config.max_length
    if steps > MAX_STEPS or len(model.flatbuffer) > MAX_BYTES:
        return None
    golden = model.golden()
    try:
        windows = CompiledWindows(model, streams, threads)
        found = distances(in_groups(windows, golden.windows, streams), golden)
    except Exception:  # noqa: BLE001 - LiteRT raises whatever it likes
        return None
    return windows if within(found, golden.tolerances) else None
