"""What a run has made, and in what time."""

from __future__ import annotations

import time


class Clock:
    """Counts characters against time, for the speed line."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._characters = 0
        self.left_out = 0
        """How many texts were rejected each time."""

    def count(self, text: str) -> str:
        """Count a text; return it."""
        self._characters += len(text)
        return text

    def seconds(self) -> float:
        """Return the seconds that have passed."""
        return time.perf_counter() - self._start

    def report(self) -> str:
        """Return the line that says how fast it was, and what is missing."""
        rate = self._characters / max(self.seconds(), 1e-9)
        missing = f"; {self.left_out} of the texts left out, as rejected each time"
        return f"{self._characters} characters, {rate:.0f} per second" + missing * (
            self.left_out > 0
        )
