"""The decode loop: the only place where a network and texts meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Backend, Session


class Sequence(Protocol):
    """A text in progress."""

    @property
    def done(self) -> bool:
        """Whether nothing more is read for it."""

    @property
    def ids_read(self) -> int:
        """How many tokens the network has read for it; 0 again when it begins anew."""

    def next_id(self) -> int:
        """Return the token id that the network reads next."""

    def take(self, probabilities: npt.NDArray[np.float32]) -> None:
        """Take the probabilities of the token after the one that was read, [V]."""


def decode(
    backend: Backend, sequences: Iterable[Sequence], batch_size: int = 1
) -> Iterator[npt.NDArray[np.float32]]:
    """Advance sequences token by token until each is done, `batch_size` of them at a time.

    Yields after every step the probabilities [slots, V] that the sequences in progress were given,
    valid until the next step. A sequence that is done makes room for the next one, and one that
    begins anew gets an empty window. Closing the generator, or dropping it, ends the session.
    """
    upcoming = iter(sequences)
    slots: list[Sequence] = []
    sources = _refill(slots, upcoming, batch_size)
    session: Session | None = None
    try:
        while slots:
            if session is None:
                session = backend.session(len(slots))
            elif sources:
                session.reorder(sources)
            sources = []
            probabilities = session.step([sequence.next_id() for sequence in slots])
            changed = False
            for sequence, row in zip(slots, probabilities, strict=True):
                sequence.take(row)
                changed = changed or sequence.done or not sequence.ids_read
            yield probabilities
            if changed:
                sources = _refill(slots, upcoming, batch_size)
    finally:
        if session is not None:
            session.close()


def _refill(
    slots: list[Sequence], upcoming: Iterator[Sequence], batch_size: int
) -> list[int | None]:
    """Replace what is done in `slots` by what comes next; return where each slot's state is from.

    The slot of a finished sequence goes to the next one, or else to the last in the row, so that
    as few slots as possible change.
    """
    sources = [slot if sequence.ids_read else None for slot, sequence in enumerate(slots)]
    free = [slot for slot, sequence in enumerate(slots) if sequence.done]
    while len(slots) - len(free) < batch_size:
        sequence = next(upcoming, None)
        if sequence is None:
            break
        if sequence.done:
            continue
        if free:
            slot = free.pop(0)
            slots[slot], sources[slot] = sequence, None
        else:
            slots.append(sequence)
            sources.append(None)
    for slot in reversed(free):
        slots[slot], sources[slot] = slots[-1], sources[-1]
        del slots[-1], sources[-1]
    return sources
