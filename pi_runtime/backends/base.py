"""What a backend is: a network's weights, shared by any number of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Session(Protocol):
    """Token streams in progress through one network: a text, or a batch of them.

    A stream that has read k tokens holds the window of its last T of them, left-padded with id 0.
    Streams are numbered from 0; what one does never shows in another, nor in another session. One
    session is used by one thread at a time.
    """

    def step(self, token_ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Give every stream its next token id; return the probabilities after it, [streams, V].

        The array is valid until the session's next step.
        """

    def reorder(self, sources: Sequence[int | None]) -> None:
        """Renumber the streams: new stream i continues old stream `sources[i]`.

        None stands for a fresh, empty one; old streams not named are dropped.
        """

    def close(self) -> None:
        """Release its state. It cannot be used any more."""


class Backend(Protocol):
    """The weights of a network, which never change. Sessions may run in any threads at once."""

    name: str

    def session(self, streams: int = 1) -> Session:
        """Return a session with so many streams, each an empty window."""
