"""Bidirectional networks in an interpreter: each token computes its whole window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import GROUP, Float32
from pi_runtime.backends.tflite.interpreter import ordered_indices, quiet_stderr
from pi_runtime.backends.tflite.pool import Locked, Pool
from pi_runtime.backends.whole_window import WholeWindowSession


class TfliteWholeWindow:
    """The backend for bidirectional networks. Several streams share a product as a group."""

    name = "tflite"

    def __init__(self, make: Callable[[], Any], threads: int) -> None:
        self._make = make
        self._threads = threads
        self._pools: dict[int, Pool[_WindowInterpreter]] = {}
        """By the windows that are computed at once."""
        self._growing = threading.Lock()
        (first,) = self._pool(1).members
        self._length = first.max_length
        self.session().step([0])  # whether it runs at all

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return WholeWindowSession(streams, self._length, self.whole_windows)

    def _pool(self, size: int) -> Pool[_WindowInterpreter]:
        with self._growing:
            if size not in self._pools:
                self._pools[size] = Pool(
                    lambda: _WindowInterpreter(self._make(), size), self._threads
                )
            return self._pools[size]

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Float32:
        """See `WholeWindowBackend`."""
        streams = len(windows)
        size = 1 if streams == 1 else GROUP
        # The last group may have idle places; they read padding and their results are dropped.
        idle = -streams % size
        padded = np.pad(windows, ((0, idle), (0, 0))) if idle else windows
        interpreter = self._pool(size).acquire()
        try:
            parts = [interpreter(padded[at : at + size]) for at in range(0, streams, size)]
        finally:
            interpreter.lock.release()
        return (parts[0] if len(parts) == 1 else np.concatenate(parts))[:streams]


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
