"""Windows in flight: the bookkeeping both fast backends share for forward-only networks.

The distribution after a token depends on the last T tokens only, each window read from a zero
state. So the T windows that the next T tokens will need are kept as T rows of one batch, by age:
row a has read a tokens. A token moves every row on by one step, with one matrix product a layer;
the oldest row is complete and gives the distribution; a fresh, zero row enters. The attention
average runs along, a row, as (maximum, denominator, numerator).

Several streams share a product as a group. A group is small: enough rows for a dense product, few
enough that its state stays in the cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

GROUP = 4
"""Streams in a full group."""

NO_LOGIT = -1e30
"""The running maximum of a row that has read nothing."""


class Flight(ABC):
    """The state of one group: arrays [ages, streams, width]."""

    def __init__(self, streams: int) -> None:
        self.streams = streams

    @abstractmethod
    def parts(self) -> list[Float32]:
        """Return the state's arrays, to be read or written by stream (axis 1)."""

    def take(self, stream: int) -> list[Float32]:
        """Return a copy of one stream's state."""
        return [part[:, stream].copy() for part in self.parts()]

    def put(self, stream: int, state: list[Float32]) -> None:
        """Overwrite one stream's state."""
        for part, value in zip(self.parts(), state, strict=True):
            part[:, stream] = value


F = TypeVar("F", bound=Flight)


class InFlight(ABC, Generic[F]):
    """A backend whose streams live in groups. Subclasses say what a group is and how it steps."""

    def __init__(self, max_length: int) -> None:
        self._groups: list[F] = []
        # Every text starts from a window of padding. Computed once a model, not once a text.
        start = self._new_flight(1)
        for _ in range(max_length):
            self._step(start, np.zeros(1, np.int32))
        self._start = start.take(0)
        self.reset()

    @abstractmethod
    def _new_flight(self, streams: int) -> F:
        """Return a group whose rows have all read nothing."""

    @abstractmethod
    def _step(self, flight: F, ids: npt.NDArray[np.int32]) -> Float32:
        """Give a group its next tokens, [streams]; return the probabilities, [streams, V]."""

    def reset(self, streams: int = 1) -> None:
        """See `Backend`."""
        self._streams = 0
        self.rearrange([None] * streams)

    def rearrange(self, sources: Sequence[int | None]) -> None:
        """See `Backend`."""
        old, size = self._groups, min(GROUP, len(sources))
        count = -(-len(sources) // size)
        keep = bool(old) and old[0].streams == size
        moved = {
            i: old[s // old[0].streams].take(s % old[0].streams)
            for i, s in enumerate(sources)
            if s is not None and not (keep and s == i)
        }
        kept = old[:count] if keep else []
        self._groups = kept + [self._new_flight(size) for _ in range(count - len(kept))]
        for i, source in enumerate(sources):
            if source is None or i in moved:
                self._groups[i // size].put(i % size, moved.get(i, self._start))
        self._streams = len(sources)

    def advance(self, tokens: Sequence[int]) -> Float32:
        """See `Backend`."""
        size = self._groups[0].streams
        # The last group may have idle places; they read padding and nobody looks.
        ids = np.zeros(len(self._groups) * size, np.int32)
        ids[: self._streams] = tokens
        if len(self._groups) == 1:
            return self._step(self._groups[0], ids)[: self._streams]
        parts = []
        for at, group in enumerate(self._groups):
            # A step's answer is valid until the next step.
            parts.append(self._step(group, ids[at * size : (at + 1) * size]).copy())
        return np.concatenate(parts)[: self._streams]
