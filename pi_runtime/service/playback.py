"""A text being spoken to the sound card, which can be paused and stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pi_runtime.service.heartbeat import Heartbeat
from pi_runtime.service.narration import NarratedSink
from pi_runtime.service.worker import TextStream
from pi_runtime.speech import SpeechSession, Spoken

PAUSE_SECONDS = 0.1
"""How often a paused text looks whether to go on."""


class Playback:
    """A text's turn at the card. `stop` may be called from any thread, before and while it is."""

    def __init__(self, text: TextStream) -> None:
        self._text = text
        self._stop = threading.Event()
        self._session: SpeechSession | None = None

    @property
    def stopped(self) -> bool:
        """Whether it was stopped."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End it within a fraction of a second, in the middle of a sentence's synthesis too."""
        self._stop.set()
        self._text.cancel()
        if self._session:
            self._session.cancel()

    def run(
        self,
        session: SpeechSession,
        sink: NarratedSink,
        playing: threading.Event,
        heartbeat: Heartbeat,
        on_sentence: Callable[[str], None],
    ) -> Spoken:
        """Speak it; while `playing` is not set, wait.

        Raises:
            SpeechError: there is no engine, or no sound card.
            Exception: whatever the text's pieces raise.
        """
        self._session = session
        pausable = PausableSink(sink, playing, self._stop, heartbeat)
        with heartbeat.work():
            return session.speak(self._text.pieces(), pausable, on_sentence, self._stop)


class PausableSink:
    """A sink that waits between two pieces of sound while it is paused."""

    def __init__(
        self,
        sink: NarratedSink,
        playing: threading.Event,
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self.rate: int | None = None
        self._sink = sink
        self._playing = playing
        self._stop = stop
        self._heartbeat = heartbeat

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

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """See `Sink`."""
        self.rate = rate
        self._sink.start(rate, cancelled)

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        while not self._stop.is_set() and not self._playing.is_set():
            self._sink.pause()
            self._playing.wait(PAUSE_SECONDS)
            self._heartbeat.beat()
        if not self._stop.is_set():
            self._sink.write(samples)
        self._heartbeat.beat()

    def abort(self) -> None:
        """See `Sink`."""
        self._sink.abort()
