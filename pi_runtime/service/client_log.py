"""The log of what clients ask for: one bounded line each, and not more than anybody would read."""

from __future__ import annotations

import logging
import time

from pi_runtime.errors import shown

BURST = 60.0
"""Lines that a user may cause at once."""

PER_SECOND = 2.0
"""Lines that a user may cause for long."""

LONGEST = 300
"""Characters of a line."""

_LOGGER = logging.getLogger(__name__)


class Allowance:
    """How many lines may still be logged about something."""

    def __init__(self) -> None:
        self._left, self._at, self._skipped = BURST, time.monotonic(), 0

    def take(self) -> int | None:
        """Return how many lines were left out before this one; None if this one is to be."""
        now = time.monotonic()
        self._left = min(BURST, self._left + PER_SECOND * (now - self._at))
        self._at = now
        if self._left < 1:
            self._skipped += 1
            return None
        self._left -= 1
        skipped, self._skipped = self._skipped, 0
        return skipped


class ClientLog:
    """Logs what clients do, by user."""

    def __init__(self) -> None:
        self._users: dict[int, Allowance] = {}

    def tell(self, uid: int, line: str) -> None:
        """Log a line about a user, unless there were too many; the next one says how many."""
        skipped = self._users.setdefault(uid, Allowance()).take()
        if skipped is None:
            return
        if skipped:
            _LOGGER.info("uid %d: %d lines left out", uid, skipped)
        _LOGGER.info("%s", shown(line, LONGEST))


class FloodFilter(logging.Filter):
    """Cuts short what a client's text makes a module log, such as each sentence without a sound."""

    def __init__(self) -> None:
        super().__init__()
        self._loggers: dict[str, Allowance] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be logged."""
        if record.levelno >= logging.ERROR or record.name == _LOGGER.name:
            return True  # the latter is bounded by user
        skipped = self._loggers.setdefault(record.name, Allowance()).take()
        if skipped:
            record.msg = f"{record.msg} ({skipped} lines left out before)"
        return skipped is not None
