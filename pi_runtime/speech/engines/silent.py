"""No engine: silence of about the length that speech would have."""

from __future__ import annotations

from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sanitise import ANY

SECONDS_A_CHARACTER = 0.07


class Silent:
    """Stands in where nothing shall be heard."""

    name = "none"
    alphabet = ANY

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        return Pcm.silence(SECONDS_A_CHARACTER * len(text), 16_000)

    def stop(self) -> None:
        """See `Engine`."""
