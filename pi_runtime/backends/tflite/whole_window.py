"""Bidirectional networks in an interpreter: each token computes its whole window.

What goes on for long is compiled meanwhile, where LiteRT can (`compiled`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.backends.tflite.interpreter import ordered_indices
from pi_runtime.backends.tflite.pool import Locked, Pool
from pi_runtime.backends.whole_window import WholeWindowSession, in_groups

if TYPE_CHECKING:
    from pi_runtime.backends.tflite.compiled import CompiledWindows


SMALL_GROUP, LARGE_GROUP = 4, 16
"""Windows computed at once, if there are several, and if there are as many as the larger one: more
rows gain nothing in a product."""

SETTLED = {"float32": 500, "int8": 0}
"""After so many windows they are compiled. That takes as long as it saves in about as many, so a
text alone stays in the interpreter, and a service does not.

In int8 the two round differently, and a seed's text would depend on what was computed before it:
there the first window is compiled already."""


class TfliteWholeWindow:
    """The backend for bidirectional networks. Several streams share a product as a group."""

    name = "tflite"

    def __init__(
        self,
        make: Callable[[], Any],
        compile_: Callable[[int], CompiledWindows | None],
        threads: int,
        settled: int,
    ) -> None:
        """Begin with an interpreter; `compile_` gives so many windows at once, if it can.

        That is tried once `settled` windows have been computed.
        """
        self._make = make
        self._compile = compile_
        self._threads = threads
        self._settled = settled
        self._growing = threading.Lock()
        # By the windows that are computed at once:
        self._pools: dict[int, Pool[_WindowInterpreter]] = {}
        self._compiled: dict[int, CompiledWindows | None] = {}
        self._computed: dict[int, int] = {}
        (first,) = self._pool(1).members
        self._length = first.max_length
        self.session().step([0])  # whether it runs at all

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._length, self.whole_windows)

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Float32:
        """See `WholeWindowBackend`."""
        streams = len(windows)
        size = 1 if streams == 1 else SMALL_GROUP if streams < LARGE_GROUP else LARGE_GROUP
        place = self._acquire(size, streams)
        try:
            return in_groups(place, windows, size)
        finally:
            place.lock.release()

    def _acquire(self, size: int, streams: int) -> _WindowInterpreter | CompiledWindows:
        """Return what computes so many windows at once; the caller then holds its lock."""
        compiled = self._compiled_if_settled(size, streams)
        if compiled is None:
            return self._pool(size).acquire()
        compiled.lock.acquire()
        return compiled

    def _compiled_if_settled(self, size: int, streams: int) -> CompiledWindows | None:
        with self._growing:
            self._computed[size] = self._computed.get(size, 0) + streams
            if size not in self._compiled and self._computed[size] >= self._settled:
                self._compiled[size] = self._compile(size)
                if self._compiled[size]:
                    self._pools.pop(size, None)
            return self._compiled.get(size)

    def _pool(self, size: int) -> Pool[_WindowInterpreter]:
        with self._growing:
            if size not in self._pools:
                self._pools[size] = Pool(
                    lambda: _WindowInterpreter(self._make(), size), self._threads
                )
            return self._pools[size]


class _WindowInterpreter(Locked):
    """An interpreter for so many windows at once; resized once, as some refuse a second time."""

    def __init__(self, interpreter: Any, streams: int) -> None:
        super().__init__()
        self._interpreter = interpreter
        (detail,) = interpreter.get_input_details()
        self._input = detail["index"]
        self.max_length = int(detail["shape_signature"][0])
        (self._output,) = ordered_indices(interpreter.get_output_details())
        interpreter.resize_tensor_input(self._input, [self.max_length, streams])
        with quiet_stderr():
            interpreter.allocate_tensors()

    def __call__(self, windows: npt.NDArray[np.int32]) -> Float32:
        """Return the probabilities [streams, V] after windows [streams, T]."""
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(windows.T))
        self._interpreter.invoke()
        probabilities: Float32 = self._interpreter.get_tensor(self._output)
        return probabilities
