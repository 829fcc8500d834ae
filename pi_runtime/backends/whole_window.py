"""Whole windows: every token recomputes its window, so a session's state is the token ids alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pi_runtime.model.network import Network

ROOM = 64 << 20
"""Bytes that the features of whole windows may take."""

Probabilities = npt.NDArray[np.float32]
Compute = Callable[[npt.NDArray[np.int32]], Probabilities]
"""From windows [streams, T] to the probabilities after them, [streams, V]."""


def in_groups(compute: Compute, windows: npt.NDArray[np.int32], size: int) -> Probabilities:
    """Compute windows [streams, T], so many at once; return the probabilities, [streams, V]."""
    streams = len(windows)
    # The last group may have idle places; they read padding and their results are dropped.
    idle = -streams % size
    padded = np.pad(windows, ((0, idle), (0, 0))) if idle else windows
    return in_parts(compute, padded, size)[:streams]


def in_parts(compute: Compute, windows: npt.NDArray[np.int32], most: int) -> Probabilities:
    """Compute windows [streams, T], at most so many at once; return the probabilities."""
    parts = [compute(windows[at : at + most]) for at in range(0, len(windows), most)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@runtime_checkable
class WholeWindowBackend(Protocol):
    """A backend to which a window is one computation."""

    def whole_windows(self, windows: npt.NDArray[np.int32]) -> Probabilities:
        """Return the probabilities after windows [streams, T], as [streams, V]."""


def windows_at_once(network: Network, max_length: int, most: int) -> int:
    """Return how many windows are computed at once: at most so many, if there is `ROOM`."""
    features = max_length * len(network.attention) * np.dtype(np.float32).itemsize
    return max(1, min(most, ROOM // features))


class WholeWindowSession:
    """Streams as windows of ids; `compute` is called from the session's thread."""

    def __init__(self, streams: int, max_length: int, compute: Compute) -> None:
        self._windows = np.zeros((streams, max_length), np.int32)
        self._compute = compute

    def step(self, token_ids: Sequence[int]) -> Probabilities:
        """See `Session`."""
        self._windows[:, :-1] = self._windows[:, 1:].copy()
        self._windows[:, -1] = token_ids
        return self._compute(self._windows)

    def reorder(self, sources: Sequence[int | None]) -> None:
        """See `Session`."""
        fresh = np.zeros(self._windows.shape[1], np.int32)
        self._windows = np.array([fresh if s is None else self._windows[s] for s in sources])

    def close(self) -> None:
        """See `Session`."""
