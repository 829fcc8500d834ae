"""Whether a service that speaks text after text grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.helpers.service import Service

GROWTH = 1_000_000
"""Bytes that the memory may grow by after the warm-up."""

FRUGAL = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_MMAP_THRESHOLD_": "65536",
}
"""Environment of a service that is measured: glibc's allocator gives back what is free, so that
memory shows what is held (otherwise it goes up and down by 10 MB)."""

SETTLING_SECONDS = 10
"""How long what is being synthesized gets to end."""


class Soaked(NamedTuple):
    """What `soak` measured."""

    texts: int
    """Spoken."""
    grown: int
    """Bytes of resident memory, from the first third after the warm-up to the last, each at its
    least: the sound of a text that is being spoken comes and goes, a leak stays."""
    leaked: int
    """Descriptors."""
    threads: int
    """More than there were."""
    zombies: int
    """Children that ended and were not waited for."""


def soak(
    service: Service,
    seconds: float,
    most_texts: int = sys.maxsize,
    report: Callable[[], str] = lambda: "",
) -> Soaked:
    """Let a service speak that long, or that many texts; compare its end with its state after a
    tenth of that. It runs with `FRUGAL` in its environment."""
    begun = time.monotonic()
    texts: int = 0

    def part() -> float:
        """Return how much of it is over; 1 at the end."""
        nonlocal texts
        texts = int(service.ask("status")["spoken"])
        return max((time.monotonic() - begun) / seconds, texts / most_texts)

    def state() -> tuple[int, int, int]:
        zombies = list(service.children().values()).count("Z")
        return service.descriptors(), service.threads(), zombies

    while part() < 0.1:
        time.sleep(min(1, seconds / 100))
    descriptors, threads = service.descriptors(), service.threads()
    looked: list[tuple[float, int]] = []
    """Resident memory, by how much of it was over."""
    next_report = 0.0
    while (done := part()) < 1:
        looked.append((done, service.resident()))
        # The sound that went nowhere must not fill the disk.
        if service.sound.exists():
            service.sound.write_bytes(b"")
        if done >= next_report:
            next_report = done + 0.1
            print(
                f"{time.monotonic() - begun:6.0f} s  {texts:6} texts  "
                f"{service.resident() / 1e6:6.2f} MB  {service.descriptors():3} descriptors  "
                f"{service.threads()} threads  {report()}",
                flush=True,
            )
        time.sleep(0.2)
    service.ask("pause")
    first = min(resident for done, resident in looked if done < 0.4)
    last = min(resident for done, resident in looked if done >= 0.7)
    # The fewest of several looks: a leak stays, an engine at work does not.
    looks = [state()]
    deadline = time.monotonic() + SETTLING_SECONDS
    while time.monotonic() < deadline and looks[-1] > (descriptors, threads, 0):
        time.sleep(0.1)
        looks.append(state())
    fewest, fewest_threads, zombies = (min(look) for look in zip(*looks, strict=True))
    return Soaked(texts, last - first, fewest - descriptors, fewest_threads - threads, zombies)
