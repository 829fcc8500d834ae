"""What is heard of a text, told when it is heard.

Sound is written ahead of what is heard, into aplay's pipe and ALSA's buffer. So each event waits
until its place in the sound is due, by a clock that begins when aplay has opened the device.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

import numpy as np

from pi_runtime.service.events import Event, Events
from pi_runtime.speech import Aplay
from pi_runtime.speech.pcm import SAMPLE_BYTES
from pi_runtime.speech.pipeline import PIECE_SECONDS

LEVEL_SECONDS = 0.05
"""The stretch of sound that a level is the RMS of."""

BEGIN_SECONDS = 0.01
"""From aplay's first reading to the first sample heard. Measured with PipeWire; a Bluetooth speaker
adds some tenths of a second of its own, which nobody can know here."""

KEPT_SECONDS = 3.0
"""More sound than a pipe and a sound card's buffer hold."""


class Narration:
    """The events of one text. Made and ended in the event loop; the sink's thread does the rest."""

    def __init__(self, events: Events, seed: int | None) -> None:
        self.events = events
        self._loop = asyncio.get_running_loop()
        self._begin: Event | None = {"event": "text", "seed": seed, "generated": seed is not None}
        self._sentence: Event | None = None
        self._sentences = 0
        self._due: deque[tuple[float, Event]] = deque()
        """What waits to be heard, each with its time by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, marks: list[tuple[float, Event]], silent_from: float) -> None:
        """Publish events when they are due; unless more follow, it is silent from some time on."""
        self._loop.call_soon_threadsafe(self._add, marks, silent_from)

    def cut(self) -> None:
        """Publish nothing of what has not been heard yet: it will not be."""
        self._loop.call_soon_threadsafe(self._drop)

    def end(self, *, stopped: bool = True, error: str = "") -> None:
        """Publish the end: nothing is heard any more."""
        waiting = [event for _, event in self._due if event["event"] == "sentence"]
        self._drop()
        if not stopped:
            # A device that is a file takes sound faster than it sounds.
            for event in waiting:
                self._publish(event)
        if self._begin:
            return  # nothing of it was heard
        end: Event = {"event": "end", "sentences": self._sentences, "stopped": stopped}
        self.events.publish({**end, "error": error} if error else end)

    def _add(self, marks: list[tuple[float, Event]], silent_from: float) -> None:
        if self._due:
            self._due.pop()  # the silence that more follows
        self._due += [*marks, (silent_from, SILENCE)]
        self._wait()

    def _wait(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due[0][0], self._ring) if self._due else None

    def _ring(self) -> None:
        while self._due and self._due[0][0] <= self._loop.time():
            self._publish(self._due.popleft()[1])
        self._wait()

    def _publish(self, event: Event) -> None:
        if self._begin:
            self.events.publish(self._begin)
            self._begin = None
        if event["event"] == "sentence":
            if event is self._sentence:
                return  # a pause took back its first syllable
            self._sentence = event
            self._sentences += 1
        self.events.publish(event)

    def _drop(self) -> None:
        if self._due:
            self._due.clear()
            self._wait()
            self.events.publish(SILENCE)


class NarratedSink:
    """A sound card whose sound is told of as it is heard, and which can be silenced at once."""

    def __init__(self, card: Aplay, narration: Narration) -> None:
        self.rate: int | None = None
        self._card = card
        self._narration = narration
        self._cancelled: threading.Event | None = None
        self._begun: float | None = None
        """When the first sample was heard, by the monotonic clock; None: not known yet."""
        self._opened = 0
        """Which byte was the first since the card was opened."""
        self._written = 0
        """Bytes."""
        self._kept = b""
        """The last of them."""
        self._paused = False
        self._tail = b""
        """What was written last and has no level yet."""
        self._marks: list[tuple[int, Event]] = []
        """What has not been told, each with its place in bytes."""
        self._sentences: deque[tuple[int, Event]] = deque()
        """The sentences in what is kept."""

    def __enter__(self) -> Self:
        self._card.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._begun is None and self._marks:
            # It all fitted into the pipe.
            self._begun = time.monotonic() + BEGIN_SECONDS - self._seconds(self._opened)
            self._tell()
        self._card.__exit__(kind, error, trace)

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """See `Sink`."""
        self.rate = rate
        self._cancelled = cancelled
        self._card.start(rate, cancelled)

    def sentence(self, text: str) -> None:
        """Mark that a sentence begins with what is written next."""
        mark = (self._written, {"event": "sentence", "text": text})
        self._marks.append(mark)
        self._sentences.append(mark)

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if self._paused:
            self._paused = False
            self._card.start(self.rate or 0, self._cancelled)
            samples, self._kept = self._kept + samples, b""
        size = SAMPLE_BYTES * round(PIECE_SECONDS * (self.rate or 1))
        for at in range(0, len(samples), size):
            self._write(samples[at : at + size])

    def _write(self, samples: bytes) -> None:
        ahead = self._written
        self._card.write(samples)
        now = time.monotonic()
        self._measure(samples)
        self._keep(samples)
        if self._begun is None:
            if self._written - self._opened <= self._card.pipe_bytes:
                return  # aplay may not have read any of it yet
            self._begun = now + BEGIN_SECONDS - self._seconds(self._opened)
        elif now > self._begun + self._seconds(ahead):
            # All had been heard, for the next sentence was late.
            self._begun = now - self._seconds(ahead)
        self._tell()

    def pause(self) -> None:
        """Be silent at once; what has not been heard is kept, and comes before what is written
        next. The card is free meanwhile."""
        if self._paused or self.rate is None:
            return
        self._card.abort()
        self._narration.cut()
        self._paused = True
        heard = 0.0 if self._begun is None else time.monotonic() - self._begun
        at = SAMPLE_BYTES * int(heard * self.rate)
        first = self._written - len(self._kept)
        at = min(max(at, first), self._written)
        self._kept = self._kept[at - first :]
        self._written = self._opened = at
        self._begun, self._tail = None, b""
        self._marks = [mark for mark in self._sentences if mark[0] >= at]

    def abort(self) -> None:
        """See `Sink`."""
        self._card.abort()
        self._marks.clear()
        self._narration.cut()

    def _keep(self, samples: bytes) -> None:
        most = SAMPLE_BYTES * round(KEPT_SECONDS * (self.rate or 0))
        self._kept = (self._kept + samples)[-most:]
        self._written += len(samples)
        while self._sentences and self._sentences[0][0] < self._written - len(self._kept):
            self._sentences.popleft()

    def _seconds(self, size: int) -> float:
        return size / SAMPLE_BYTES / (self.rate or 1)

    def _tell(self) -> None:
        assert self._begun is not None  # noqa: S101 - the callers see to it
        if not self._marks and not self._narration.events.are_heard:
            return
        marks = [(self._begun + self._seconds(at), event) for at, event in self._marks]
        self._marks.clear()
        self._narration.tell(marks, self._begun + self._seconds(self._written))

    def _measure(self, samples: bytes) -> None:
        """Mark the levels of what is written now."""
        if not self._narration.events.are_heard:
            self._tail = b""
            return
        sound, first = self._tail + samples, self._written - len(self._tail)
        size = SAMPLE_BYTES * round(LEVEL_SECONDS * (self.rate or 1))
        whole = len(sound) // size * size
        self._marks += [
            (first + at, level(rms(sound[at : at + size]))) for at in range(0, whole, size)
        ]
        self._tail = sound[whole:]


def level(value: float) -> Event:
    """Return the event that tells how loud it is, 0…1."""
    return {"event": "level", "level": round(value, 4)}


def rms(samples: bytes) -> float:
    """Return the root mean square of s16le samples, 1 being full scale."""
    sound = np.frombuffer(samples, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(sound * sound)) / 32768)


SILENCE = level(0.0)
