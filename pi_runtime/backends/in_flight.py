"""Windows in flight: the bookkeeping both fast backends share for forward-only networks.

The distribution after a token depends on the last T tokens only, each window read from a zero
state. So the T windows that the next T tokens will need are kept as T rows of one batch, by age:
row a has read a tokens. A token moves every row on by one step, with one matrix product per layer;
the oldest row is complete and gives the distribution; a fresh, zero row enters. The attention
average runs along, per row, as (maximum, denominator, numerator).

Several streams share a product as a group, whose size depends on the network (`group_size`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

Ids = Sequence[int] | npt.NDArray[np.int32]
"""Token ids, one per stream of a group."""

SMALL_GROUP = 4
"""Streams that any network computes at once: enough rows for a dense product."""

LARGE_GROUP = 64
"""The most that one does."""

NO_LOGIT = -1e30
"""The running maximum of a row that has read nothing."""


def group_size(weights: int, state: int) -> int:
    """Return the streams of a full group, given the bytes of the weights and of a stream's state.

    A step reads the weights once for a group; a stream's state it reads and writes, to compute and
    to move it on. A larger group gains until the weights are the smaller part; a smaller one stays
    in the cache.
    """
    size = SMALL_GROUP
    while size < LARGE_GROUP and 4 * size * state < weights:
        size *= 2
    return size


class GroupState(ABC):
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


class RingState(GroupState):
    """The state of a group whose windows keep their place while they age.

    The complete window's place becomes the fresh one's, so growing older moves nothing.
    """

    oldest = 0
    """The place of the window that the next token completes."""

    def take(self, stream: int) -> list[Float32]:
        """See `GroupState`. Oldest first, as `put` wants it."""
        return [np.roll(part, -self.oldest, axis=0) for part in super().take(stream)]

    def put(self, stream: int, state: list[Float32]) -> None:
        """See `GroupState`."""
        super().put(stream, [np.roll(part, self.oldest, axis=0) for part in state])


G = TypeVar("G", bound=GroupState)


class InFlightSession(ABC, Generic[G]):
    """Streams in groups. Subclasses say what a group is and how it steps."""

    def __init__(self, streams: int, start: list[Float32] | None, weights: int) -> None:
        """Begin with `start` as the state of an empty window, or with rows that read nothing.

        `weights` are the bytes that a step reads of them.
        """
        self._full = group_size(weights, sum(part.nbytes for part in start or ()))
        self._groups: list[G] = []
        self._start = start
        self.reorder([None] * streams)

    @abstractmethod
    def _new_group(self, streams: int) -> G:
        """Return a group whose rows have all read nothing."""

    @abstractmethod
    def _step(self, group: G, ids: Ids) -> Float32:
        """Give a group its next tokens, [streams]; return the probabilities, [streams, V]."""

    def reorder(self, sources: Sequence[int | None]) -> None:
        """See `Session`."""
        old, size = self._groups, self._size(len(sources))
        count = -(-len(sources) // size)
        keep = bool(old) and old[0].streams == size
        moved = {
            i: old[s // old[0].streams].take(s % old[0].streams)
            for i, s in enumerate(sources)
            if s is not None and not (keep and s == i)
        }
        kept = old[:count] if keep else []
        self._groups = kept + [self._new_group(size) for _ in range(count - len(kept))]
        for i, source in enumerate(sources):
            state = self._start if source is None else moved.get(i)
            if state is not None:
                self._groups[i // size].put(i % size, state)
        self._streams = len(sources)

    def _size(self, streams: int) -> int:
        """Return the size of the groups of so many streams; not each number has one of its own."""
        size = min(streams, SMALL_GROUP)
        while size < min(streams, self._full):
            size *= 2
        return size

    def step(self, token_ids: Sequence[int]) -> Float32:
        """See `Session`."""
        if self._streams == self._groups[0].streams:  # one group, and full
            return self._step(self._groups[0], token_ids)
        size = self._groups[0].streams
        # The last group may have idle places; they read padding and their results are dropped.
        ids = np.zeros(len(self._groups) * size, np.int32)
        ids[: self._streams] = token_ids
        parts = self._step_all(self._groups, [*ids.reshape(-1, size)])
        return np.concatenate(parts)[: self._streams]

    def _step_all(self, groups: list[G], ids: list[npt.NDArray[np.int32]]) -> list[Float32]:
        """Step several groups, in any order."""
        return [self._step(group, tokens) for group, tokens in zip(groups, ids, strict=True)]

    def take(self, stream: int) -> list[Float32]:
        """Return a copy of one stream's state."""
        size = self._groups[0].streams
        return self._groups[stream // size].take(stream % size)

    def close(self) -> None:
        """See `Session`."""
        self._groups.clear()


def start_state(session: InFlightSession[G], max_length: int) -> list[Float32]:
    """Return the state of an empty window, from a session whose rows have read nothing.

    Every text starts from a window of padding. It is computed once per model, not once per text.
    """
    for _ in range(max_length):
        session.step([0])
    state = session.take(0)
    session.close()
    return state
