"""When what is told of a text is due, and what a pause takes back."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.service.events import Event, Events
from pi_runtime.service.narration import BEGIN_SECONDS, NarratedSink, Narration
from pi_runtime.speech import Aplay

RATE = 16_000
PIECE = RATE // 10 * 2
"""Bytes of a tenth of a second."""


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


class Card(Aplay):
    """Opens at once, and takes all that fits into its pipe and half a second more."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rate = None
        self.pipe_bytes = 4096
        self.heard = bytearray()
        self.opened = 0
        self._waiting = b""
        self._begun = 0.0

    def __exit__(self, *_: object) -> None:
        self.heard += self._waiting

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        self.opened += 1
        self._waiting, self._begun = b"", self.clock.now

    def write(self, samples: bytes) -> None:
        self._waiting += samples
        most = self.pipe_bytes + RATE  # bytes: half a second
        played = 2 * int((self.clock.now - self._begun) * RATE)
        if len(self._waiting) > played + most:
            self.clock.now = self._begun + (len(self._waiting) - most) / 2 / RATE

    def abort(self) -> None:
        played = 2 * int((self.clock.now - self._begun) * RATE)
        self.heard += self._waiting[:played]
        self._waiting = b""


class Listened(Events):
    are_heard = True


class Told(Narration):
    """Keeps what it is told."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.marks: list[tuple[float, Event]] = []
        self.silent_from = 0.0
        self.cuts = 0

    def tell(self, marks: list[tuple[float, Event]], silent_from: float) -> None:
        self.marks += marks
        self.silent_from = silent_from

    def cut(self) -> None:
        self.cuts += 1

    def named(self, name: str) -> list[tuple[float, Event]]:
        return [(at, event) for at, event in self.marks if event["event"] == name]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def noise(seconds: float) -> bytes:
    """Return sound of which no two stretches are the same."""
    values = np.random.default_rng(0).integers(-20_000, 20_000, int(seconds * RATE))
    return values.astype("<i2").tobytes()


def write(sink: NarratedSink, sound: bytes) -> None:
    for at in range(0, len(sound), PIECE):
        sink.write(sound[at : at + PIECE])


def test_each_level_is_that_of_the_sound_heard_from_then_on(clock: Clock) -> None:
    told, card, sound = Told(Listened()), Card(clock), noise(3)
    with NarratedSink(card, told) as sink:
        sink.start(RATE)
        sink.sentence("Hello.")
        begun = clock.now + BEGIN_SECONDS
        write(sink, sound)
    levels = told.named("level")
    assert [at for at, _ in levels] == pytest.approx([begun + 0.05 * n for n in range(60)])
    blocks = np.frombuffer(sound, "<i2").reshape(60, -1) / 32768.0
    assert [event["level"] for _, event in levels] == pytest.approx(
        np.sqrt((blocks**2).mean(1)).tolist(), abs=1e-4
    )
    assert told.silent_from == pytest.approx(begun + 3)
    assert told.named("sentence") == [(begun, {"event": "sentence", "text": "Hello."})]


def test_a_sentence_that_is_late_is_told_when_it_is_heard(clock: Clock) -> None:
    told = Told(Listened())
    with NarratedSink(Card(clock), told) as sink:
        sink.start(RATE)
        write(sink, noise(1))
        clock.now += 10  # the next one is being synthesized
        sink.sentence("At last.")
        sink.write(noise(0.1))
        assert told.named("sentence")[0][0] == clock.now
        assert told.silent_from == pytest.approx(clock.now + 0.1)


def test_what_fits_into_the_pipe_is_told_of_too(clock: Clock) -> None:
    told = Told(Listened())
    with NarratedSink(Card(clock), told) as sink:
        sink.start(RATE)
        sink.sentence("Hm.")
        sink.write(noise(0.1))
        assert not told.marks
    assert [event["event"] for _, event in told.marks] == ["sentence", "level", "level"]


def test_without_listeners_there_are_no_levels(clock: Clock) -> None:
    told = Told(Events())
    with NarratedSink(Card(clock), told) as sink:
        sink.start(RATE)
        sink.sentence("Hello.")
        write(sink, noise(1))
    assert [event["event"] for _, event in told.marks] == ["sentence"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(0, 1.5), max_size=5), st.data())
def test_pauses_lose_no_sound_and_repeat_none(stretches: list[float], data: Any) -> None:
    """But what is heard between the last sample that the clock counts and the silence."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        card, told = Card(clock), Told(Listened())
        sound = noise(8)
        with NarratedSink(card, told) as sink:
            sink.start(RATE)
            at = 0
            for seconds in stretches:
                end = at + PIECE * round(10 * seconds)
                write(sink, sound[at:end])
                at = end
                for _ in range(data.draw(st.integers(1, 3))):
                    sink.pause()
                    clock.now += data.draw(st.floats(0, 10))
            write(sink, sound[at:])
        heard, whole = bytes(card.heard), np.frombuffer(sound, "<i2")
        # Each pause may repeat what the clock is late by: BEGIN_SECONDS, and a sample of rounding.
        most = card.opened * 2 * int(RATE * (BEGIN_SECONDS + 0.0002))
        assert 0 <= len(heard) - len(sound) <= most
        assert heard[-2 * RATE :] == whole[-RATE:].tobytes()
        assert told.cuts == card.opened - 1
        assert told.silent_from >= clock.now


def test_a_sentence_that_a_pause_cut_off_is_told_once() -> None:
    published: list[Event] = []

    class Kept(Events):
        def publish(self, event: Event) -> None:
            published.append(event)

    async def act() -> None:
        narration = Narration(Kept(), 7)
        sentence: Event = {"event": "sentence", "text": "Hello."}
        now = time.monotonic()
        narration.tell([(now, sentence)], now + 1000)
        await asyncio.sleep(0.05)
        narration.cut()
        narration.tell([(now, sentence)], now + 1000)
        await asyncio.sleep(0.05)
        narration.end(stopped=False)

    asyncio.run(act())
    silence = {"event": "level", "level": 0.0}
    assert published == [
        {"event": "text", "seed": 7, "generated": True},
        {"event": "sentence", "text": "Hello."},
        silence,
        silence,
        {"event": "end", "sentences": 1, "stopped": False},
    ]
