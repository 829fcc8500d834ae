"""Whether a service that speaks text after text grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
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


class Look(NamedTuple):
    """What a service has and holds at a moment."""

    resident: int
    """Bytes of memory."""
    descriptors: int
    threads: int
    zombies: int
    """Children that ended and were not waited for."""

    @classmethod
    def at(cls, service: Service) -> Look:
        """Look."""
        zombies = list(service.children().values()).count("Z")
        return cls(service.resident(), service.descriptors(), service.threads(), zombies)

    @classmethod
    def least(cls, looks: Iterable[Look]) -> Look:
        """Return the least of each: an engine at work and the sound of a text come and go, what is
        leaked stays."""
        return cls(*map(min, zip(*looks, strict=True)))


class Soaked(NamedTuple):
    """What `soak` measured: from the first third after the warm-up to the last."""

    texts: int
    """Spoken."""
    grown: int
    """Bytes of memory."""
    leaked: int
    """Descriptors."""
    threads: int
    zombies: int


def soak(
    service: Service,
    seconds: float,
    most_texts: int = sys.maxsize,
    report: Callable[[], str] = lambda: "",
) -> Soaked:
    """Let a service speak that long, or that many texts; see what it has more of than after the
    warm-up, a tenth of that. It runs with `FRUGAL` in its environment."""
    begun, before_it = time.monotonic(), int(service.ask("status")["spoken"])
    next_report = 0.0
    first, last = [], []
    done = 0.0
    while done < 1:
        texts = int(service.ask("status")["spoken"]) - before_it
        done = max((time.monotonic() - begun) / seconds, texts / most_texts)
        look = Look.at(service)
        if 0.1 <= done < 0.4:
            first.append(look)
        elif done >= 0.7:
            last.append(look)
        # The sound that went nowhere must not fill the disk.
        if service.sound.exists():
            service.sound.write_bytes(b"")
        if done >= next_report:
            next_report = done + 0.1
            print(
                f"{time.monotonic() - begun:6.0f} s  {texts:6} texts  "
                f"{look.resident / 1e6:6.2f} MB  {look.descriptors:3} descriptors  "
                f"{look.threads} threads  {report()}",
                flush=True,
            )
        time.sleep(0.2)
    before, after = Look.least(first), Look.least(last)
    return Soaked(
        texts,
        after.resident - before.resident,
        after.descriptors - before.descriptors,
        after.threads - before.threads,
        after.zombies,
    )
