"""Is work making progress? What the watchdog is told depends on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Backend, Session


class Heartbeat:
    """Work beats as it makes progress. Work that has begun and beats no more hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        """Count as work what happens inside."""
        with self._lock:
            self._running += 1
        self.beat()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
            self.beat()

    def beat(self) -> None:
        """Give a sign of life."""
        self._last = time.monotonic()

    def alive(self, seconds: float) -> bool:
        """Return whether nothing is being done, or something was within so many seconds."""
        return not self._running or time.monotonic() - self._last < seconds


class BeatingBackend:
    """A backend that beats with every token."""

    def __init__(self, backend: Backend, heartbeat: Heartbeat) -> None:
        self._backend = backend
        self._heartbeat = heartbeat
        self.name = backend.name

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _BeatingSession(self._backend.session(streams), self._heartbeat)


class _BeatingSession:
    def __init__(self, session: Session, heartbeat: Heartbeat) -> None:
        self._session = session
        self._heartbeat = heartbeat
        self.reorder, self.close = session.reorder, session.close

    def step(self, token_ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """See `Session`."""
        self._heartbeat.beat()
        return self._session.step(token_ids)
