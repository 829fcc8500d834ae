"""The sound card in the service: one text after the other, each of which can be stopped."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, takewhile
from types import TracebackType
from typing import Self

from pi_runtime.cli import speech_options
from pi_runtime.errors import SpeechError
from pi_runtime.service.heartbeat import Pulse
from pi_runtime.speech.pcm import SAMPLE_BYTES, Pcm
from pi_runtime.speech.pipeline import speak
from pi_runtime.speech.sentences import split_sentences
from pi_runtime.speech.sinks import Sink
from pi_runtime.speech.speaker import Speaker

PIECE = 0.1
"""Seconds of sound between two looks at whether to stop."""


class Stopped(Exception):  # noqa: N818 - no error
    """Somebody wanted silence."""


@dataclass(frozen=True)
class Spoken:
    """What became of a text."""

    sentences: int
    engine: str
    stopped: bool


class Utterance:
    """A text being spoken. `stop` may be called from any thread, before and while it is."""

    def __init__(self, pieces: Iterable[str], tokens: Iterable[str]) -> None:
        self._stop = threading.Event()
        self._pieces = takewhile(lambda piece: not self.stopped, pieces)
        self._tokens = tokens
        self._speaker: Speaker | None = None

    @property
    def stopped(self) -> bool:
        """Whether it was stopped."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End it within a blink, in the middle of a sentence's synthesis too."""
        self._stop.set()
        if self._speaker:
            self._speaker.stop()

    def speak(
        self,
        settings: argparse.Namespace,
        playing: threading.Event,
        pulse: Pulse,
        tell: Callable[[str], None],
    ) -> Spoken:
        """Speak it; while `playing` is not set, wait. `tell` hears of each sentence as it begins.

        Raises:
            SpeechError: there is no engine, or no sound card.
            Exception: whatever the text's pieces raise.
        """
        count = 0

        def begun(sentence: str) -> None:
            nonlocal count
            count += 1
            tell(sentence)

        with pulse.work():
            sentences = split_sentences(self._pieces, settings.max_sentence)
            first = next(sentences, "")
            speaker, _ = speech_options.open_speaker(settings, first, self._tokens)
            self._speaker = speaker
            if self.stopped:
                speaker.stop()
            sink = speech_options.open_sink(settings)
            try:
                with _Gate(sink, settings.sample_rate, playing, self._stop, pulse) as gate:
                    speak(
                        chain([first], sentences),
                        speaker,
                        gate,
                        begun,
                        pre_silence=settings.pre_silence,
                        sentence_silence=settings.sentence_silence,
                    )
            except (Stopped, SpeechError):
                # An engine that is stopped fails; that is as it should be.
                if not self.stopped:
                    raise
        return Spoken(count, speaker.engine.name, self.stopped)


class _Gate:
    """A sink that can be paused and stopped between two pieces."""

    def __init__(
        self,
        sink: Sink,
        rate: int | None,
        playing: threading.Event,
        stop: threading.Event,
        pulse: Pulse,
    ) -> None:
        self._sink = sink
        self._rate = rate
        self._playing = playing
        self._stop = stop
        self._pulse = pulse

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        pcm = pcm.resampled(self._rate or pcm.rate)
        self._rate = pcm.rate
        size = SAMPLE_BYTES * round(PIECE * pcm.rate)
        for at in range(0, len(pcm.samples), size):
            while not self._stop.is_set() and not self._playing.wait(PIECE):
                self._pulse.beat()
            if self._stop.is_set():
                raise Stopped
            self._sink.write(Pcm(pcm.rate, pcm.samples[at : at + size]))
            self._pulse.beat()
