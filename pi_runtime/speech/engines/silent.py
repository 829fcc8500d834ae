"""No engine: silence about as long as the speech would be."""

from __future__ import annotations

from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog
from pi_runtime.speech.normalise import ANY
from pi_runtime.speech.pcm import Pcm

SECONDS_PER_CHARACTER = 0.07


class Silent:
    """For tests, and for a service without sound."""

    name = "none"
    alphabet = ANY
    language = ""

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        self._seconds = SECONDS_PER_CHARACTER / config.engine_rate

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

    def cancel(self) -> None:
        """See `Engine`."""

    def close(self) -> None:
        """See `Engine`."""
