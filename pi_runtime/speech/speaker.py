"""A sentence becomes sound, whatever it takes: sanitised, and by another engine if need be."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pi_runtime.errors import SpeechError
from pi_runtime.speech.engines import Engine
from pi_runtime.speech.normalise import sanitise
from pi_runtime.speech.pcm import Pcm

PATIENCE = 3
"""Failures in a row after which an engine gives way to the next."""

_LOGGER = logging.getLogger(__name__)


class Speaker:
    """Speaks with the first of several engines; keeps to the next once that one fails for good."""

    def __init__(self, engines: Iterator[Engine], *, pitch: float = 1.0, volume: float = 1.0):
        """Take the first engine; the others are opened when they are needed.

        Raises:
            SpeechError: there is none.
        """
        self._others = engines
        self.engine = next(engines)
        self._pitch = pitch
        self._volume = volume
        self._failures = 0
        self._stopped = False

    def say(self, sentence: str) -> Pcm | None:
        """Return a sentence as sound; None where nothing in it can be pronounced.

        Raises:
            SpeechError: the engine failed on it; the sentence is lost, the next one is not.
        """
        text = sanitise(sentence, self.engine.alphabet)
        if not text:
            _LOGGER.info("nothing in %r can be pronounced", sentence)
            return None
        try:
            pcm = self.engine.synthesize(text)
        except SpeechError:
            self._failures += 1
            if self._failures >= PATIENCE and not self._stopped:
                self._give_way()
            raise
        self._failures = 0
        # A higher pitch: the sound, spoken that much slower, is played that much faster.
        pitched = Pcm(round(pcm.rate * self._pitch), pcm.samples).resampled(pcm.rate)
        return pitched.louder(self._volume)

    def _give_way(self) -> None:
        try:
            following = next(self._others, None)
        except SpeechError:
            following = None
        if following:
            _LOGGER.warning("%s keeps failing; %s speaks now", self.engine.name, following.name)
            self.engine = following
            self._failures = 0

    def stop(self) -> None:
        """End what is being said, from another thread."""
        self._stopped = True
        self.engine.stop()
