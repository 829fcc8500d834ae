"""A listener to the service's events, and how well they follow the sound."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tests.helpers.commands import program
from tests.helpers.pipewire import BLOCKS, Recording
from tests.helpers.service import Service, wait_for

WINDOW = 0.05
"""Seconds that a level is of."""

MOST_OFFSET = 0.3
"""Seconds."""


class Listener:
    """`rnn-speak --events`: keeps every event, with the time at which it came."""

    def __init__(self, service: Service) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.process = subprocess.Popen(
            [program("rnn-speak"), "--events"],
            env={**os.environ, "RNN_SOCKET": str(service.address)},
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append((time.monotonic(), json.loads(line)))

    def named(self, *names: str) -> list[dict[str, Any]]:
        """Return the events of these kinds so far."""
        return [event for _, event in list(self.events) if event["event"] in names]

    def wait(self, name: str, count: int = 1) -> None:
        """Wait until so many of a kind have come."""
        wait_for(lambda: len(self.named(name)) >= count, what=f"{count} {name}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self._thread.join()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def listening(service: Service) -> Iterator[Listener]:
    """Yield a listener that hears what comes."""
    listener = Listener(service)
    try:
        listener.wait("listening")
        yield listener
    finally:
        listener.close()


class Match(NamedTuple):
    """How levels follow a recording."""

    levels: int
    at_once: float
    """Their correlation as they came."""
    best: float
    """With the offset that suits best."""
    offset: float
    """Seconds by which the sound came after its level; the recorder's delay is part of it."""

    def __str__(self) -> str:
        return (
            f"{self.levels} levels: correlation {self.at_once:.4f} as they came, "
            f"{self.best:.4f} with {1000 * self.offset:+.0f} ms"
        )


def match(listener: Listener, recording: Recording, seconds: float = float("inf")) -> Match:
    """Compare the levels of the last seconds with the sound at that time."""
    last = time.monotonic() - 2 * MOST_OFFSET - WINDOW
    first = max(last - seconds, recording.started + 2 * MOST_OFFSET)
    heard = [
        (at, event["level"])
        for at, event in list(listener.events)
        if event["event"] == "level" and first < at < last
    ]
    return _match(heard, recording)


def match_by_text(listener: Listener, recording: Recording) -> list[Match]:
    """Compare the levels of each text, but the shortest, with the sound at that time."""
    texts: list[list[tuple[float, float]]] = []
    for at, event in list(listener.events):
        if event["event"] == "text":
            texts.append([])
        elif event["event"] == "level" and texts:
            texts[-1].append((at, event["level"]))
    return [_match(heard, recording) for heard in texts if len(heard) > 1 / WINDOW]


def _match(heard: list[tuple[float, float]], recording: Recording) -> Match:
    energy = recording.energy()
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    times, levels = np.array(heard).T
    begun = recording.begun(times)
    size = round(WINDOW * BLOCKS)

    def correlation(offset: float) -> float:
        at = ((times + offset - begun) * BLOCKS).astype(np.int64)
        at = np.clip(at, 0, len(energy) - size)
        loudness = np.sqrt((sums[at + size] - sums[at]) / size)
        return float(np.corrcoef(loudness, levels)[0, 1])

    offsets = np.arange(-60, 61) * MOST_OFFSET / 60
    found = [correlation(offset) for offset in offsets]
    best = int(np.argmax(found))
    return Match(len(heard), correlation(0.0), found[best], float(offsets[best]))
