"""Is the work getting on? What the watchdog is told depends on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pulse:
    """Work beats as it gets on. Work that has begun and beats no more hangs."""

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
