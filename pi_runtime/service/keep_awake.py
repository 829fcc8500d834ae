"""Faint noise between texts: a sink that fell asleep would swallow the first word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor

from pi_runtime.errors import SpeechError
from pi_runtime.service.quiet_hours import LOOK_SECONDS
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.speech import Aplay
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.pipeline import PIECE_SECONDS

NOISE_RATE = 48_000
"""Samples per second, if none is set: what every HDMI sink and most cards can."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds until a device that cannot be played to is tried again; doubled each time."""

REST_SECONDS = 0.5
"""Silence before the noise: another text may follow, and no sink falls asleep so soon."""

AHEAD_SECONDS = 2.0
"""More than a card takes before it plays. A device that is a file would take noise without end."""


class KeepAwake:
    """Holds the card while nothing else does."""

    def __init__(self, card: Executor, is_wanted: Callable[[], ServiceSettings | None]) -> None:
        """`is_wanted` returns the settings to play with, None if there is to be no noise now; it is
        called in any thread."""
        self._card = card
        self._is_wanted = is_wanted
        self._changed = asyncio.Event()

    def look(self) -> None:
        """See again whether noise is wanted."""
        self._changed.set()

    async def run(self) -> None:
        """Play as long as noise is wanted, again and again."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(REST_SECONDS)
            self._changed.clear()
            seconds = LOOK_SECONDS
            if settings := self._is_wanted():
                if await loop.run_in_executor(self._card, self._play, settings):
                    pause = FIRST_PAUSE
                else:
                    # It is not there. A text that is not spoken tells so; this is none.
                    seconds, pause = pause, min(2 * pause, LONGEST_PAUSE)
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                continue
            pause = FIRST_PAUSE

    def _play(self, settings: ServiceSettings) -> bool:
        """Play until something else is wanted; return False if the device cannot be played to."""
        rate = settings.speech.sample_rate or NOISE_RATE
        noise = Pcm.faint_noise(PIECE_SECONDS, rate).samples
        begun, written = time.monotonic(), 0.0
        try:
            with Aplay(settings.device) as card:
                while self._is_wanted() is settings:
                    if card.rate is None:
                        card.start(rate)
                        begun = time.monotonic()
                    card.write(noise)
                    written += PIECE_SECONDS
                    if written > time.monotonic() - begun + AHEAD_SECONDS:
                        time.sleep(PIECE_SECONDS)
                card.abort()
        except (SpeechError, OSError):  # no card, or no room for another process
            return False
        return True
