"""A sentence becomes sound: normalised, levelled, by another engine if the first keeps failing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pi_runtime.errors import SpeechError
from pi_runtime.speech.engines.base import Engine
from pi_runtime.speech.normalise import normalise
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import Cancelled

MAX_FAILURES = 3
"""Failures in a row after which an engine gives way to the next."""

_LOGGER = logging.getLogger(__name__)


class Speaker:
    """Speaks with the first of several engines; keeps to the next once that one fails for good."""

    def __init__(
        self,
        engines: Iterator[Engine],
        *,
        language: str = "",
        pitch: float = 1.0,
        volume: float = 1.0,
        loudness: float = 0.0,
    ) -> None:
        """Take the first engine; the others are opened when they are needed.

        `language` is that of the texts, for engines that do not know their voice's; "": each
        sentence's own, by its script.

        Raises:
            SpeechError: there is none.
        """
        self._others = engines
        self.engine = next(engines)
        self._language = language
        self._pitch = pitch
        self._volume = volume
        self._loudness = loudness
        self._failures = 0

    def synthesize(self, sentence: str) -> Pcm | None:
        """Return a sentence as sound; None if nothing in it can be pronounced.

        Raises:
            SpeechError: the engine failed on it; the sentence is lost, the next one is not.
        """
        if self._failures >= MAX_FAILURES:
            self._give_way()
        text = normalise(sentence, self.engine.alphabet, self.engine.language or self._language)
        if not text:
            _LOGGER.info("nothing in %r can be pronounced", sentence)
            return None
        try:
            pcm = self.engine.synthesize(text)
        except Cancelled:
            raise
        except SpeechError:
            self._failures += 1
            raise
        self._failures = 0
        # A higher pitch: the sound, spoken slower by that factor, is played faster by it.
        pitched = Pcm(round(pcm.rate * self._pitch), pcm.samples).resampled(pcm.rate)
        return self._levelled(pitched)

    def _levelled(self, pcm: Pcm) -> Pcm:
        """Return a sound at the loudness and the volume."""
        if not self._loudness and self._volume <= 1:
            return pcm.louder(self._volume)
        from pi_runtime.speech.loudness import levelled  # it needs NumPy

        return levelled(pcm, self._loudness, self._volume)

    def _give_way(self) -> None:
        self._failures = 0
        try:
            following = next(self._others, None)
        except SpeechError:
            following = None
        if following:
            _LOGGER.warning("%s keeps failing; %s speaks now", self.engine.name, following.name)
            self.engine.close()
            self.engine = following

    def cancel(self) -> None:
        """End the sentence that is being synthesized, from another thread."""
        self.engine.cancel()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()
