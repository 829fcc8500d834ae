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


class _Allowance:
    """What a user may still cause."""

    def __init__(self, now: float) -> None:
        self.left, self.at, self.skipped = BURST, now, 0


class ClientLog:
    """Logs what clients do, by user."""

    def __init__(self) -> None:
        self._allowances: dict[int, _Allowance] = {}

    def tell(self, uid: int, line: str) -> None:
        """Log a line about a user, unless there were too many; the next one says how many."""
        now = time.monotonic()
        user = self._allowances.setdefault(uid, _Allowance(now))
        user.left = min(BURST, user.left + PER_SECOND * (now - user.at))
        user.at = now
        if user.left < 1:
            user.skipped += 1
            return
        user.left -= 1
        if user.skipped:
            _LOGGER.info("uid %d: %d lines left out", uid, user.skipped)
            user.skipped = 0
        _LOGGER.info("%s", shown(line, LONGEST))
