"""Who may stay connected, and whose requests may be worked on, so that no one shuts out others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from pi_runtime.errors import Error
from pi_runtime.service.limits import USER_WORKING, WAITING, WORKING


class Guest(Protocol):
    """A client's connection."""

    uid: int

    def dismiss(self) -> None:
        """End it, unless a line of its own is here already."""


class Places:
    """Two kinds of places: for connections that wait for a line, and for work.

    A connection that waits can always be ended for a newer one, so `status` and `stop`, which are
    answered at once, always get through. All methods run in the event loop.
    """

    def __init__(self) -> None:
        self._waiting: dict[Guest, None] = {}
        """The one that has waited longest is the first."""
        self._working: Counter[int] = Counter()
        """How many by uid."""

    def wait(self, guest: Guest) -> None:
        """Let a connection wait for its next line, in the place of another one if need be."""
        self._waiting.pop(guest, None)
        self._waiting[guest] = None
        if len(self._waiting) > WAITING:
            found = self._least_missed()
            self.leave(found)
            found.dismiss()

    def leave(self, guest: Guest) -> None:
        """Let a connection wait no more."""
        self._waiting.pop(guest, None)

    def _least_missed(self) -> Guest:
        """Return the one that has waited longest, of the user who has most."""
        count = Counter(guest.uid for guest in self._waiting)
        greediest = max(count, key=count.__getitem__)
        return next(guest for guest in self._waiting if guest.uid == greediest)

    @contextmanager
    def work(self, guest: Guest) -> Iterator[None]:
        """Give a connection's request a place while it is worked on.

        Raises:
            Error: none is free.
        """
        if self._working.total() >= WORKING:
            raise Error(f"{WORKING} requests are being worked on", "ask again later")
        if self._working[guest.uid] >= USER_WORKING:
            raise Error(f"{USER_WORKING} requests of yours are being worked on", "ask again later")
        self.leave(guest)
        self._working[guest.uid] += 1
        try:
            yield
        finally:
            self._working[guest.uid] -= 1
            self._working += Counter()  # forgets those with none
            self.wait(guest)
