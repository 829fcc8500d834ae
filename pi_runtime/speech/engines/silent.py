"""No engine: silence of about the length that speech would have."""

from __future__ import annotations

from pi_runtime.speech.engines.base import Voice, Wishes
from pi_runtime.speech.normalise import ANY
from pi_runtime.speech.pcm import Pcm

SECONDS_A_CHARACTER = 0.07


class Silent:
    """Stands in where nothing shall be heard."""

    name = "none"
    alphabet = ANY

    def __init__(self, wishes: Wishes) -> None:
        self._seconds = SECONDS_A_CHARACTER / wishes.rate

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return True

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        return []

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        return Pcm.silence(self._seconds * len(text), 16_000)

    def stop(self) -> None:
        """See `Engine`."""
