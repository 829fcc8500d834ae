"""Interpreters shared among sessions, each used by one thread at a time."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar


class Locked:
    """What one thread at a time may use, the one that holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


L = TypeVar("L", bound=Locked)


class Pool(Generic[L]):
    """Interpreters, of which there are more only if several threads want one at the same time."""

    def __init__(self, make: Callable[[], L], threads: int) -> None:
        """Begin with one. `threads` is how many each of them uses."""
        self._make = make
        self._limit = max(2, (os.cpu_count() or 1) // threads)
        self._growing = threading.Lock()
        self.members = [make()]
        self._turns = itertools.count()

    def acquire(self, suits: Callable[[L], bool] = lambda member: True) -> L:
        """Return a member whose lock the caller then holds: a free one that suits, if possible."""
        for member in self.members:
            if member.lock.acquire(blocking=False):
                if suits(member):
                    return member
                member.lock.release()
        with self._growing:
            if len(self.members) < self._limit:
                member = self._make()
                member.lock.acquire()
                self.members.append(member)
                return member
        member = self.members[next(self._turns) % len(self.members)]
        member.lock.acquire()
        return member
