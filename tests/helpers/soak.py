"""Whether a service that speaks text after text grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from tests.helpers.service import Service

GROWTH = 1_000_000
"""Bytes that the memory may grow by after the warm-up."""

SETTLING_SECONDS = 10
"""How long what is being synthesized gets to end."""


class Soaked(NamedTuple):
    """What `soak` measured."""

    texts: int
    """Spoken."""
    grown: int
    """Bytes of resident memory: twice the smaller growth of two halves. A leak grows in both,
    a step of the allocator, which may come at any time, in one."""
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
    tenth of that."""
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
    resident, descriptors, threads = [service.resident()], service.descriptors(), service.threads()
    next_report = 0.0
    while (done := part()) < 1:
        if len(resident) == 1 and done >= 0.55:
            resident.append(service.resident())
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
        time.sleep(1)
    service.ask("pause")
    resident.append(service.resident())
    grown = 2 * min(after - before for before, after in pairwise(resident))
    # The fewest of several looks: a leak stays, an engine at work does not.
    looks = [state()]
    deadline = time.monotonic() + SETTLING_SECONDS
    while time.monotonic() < deadline and looks[-1] > (descriptors, threads, 0):
        time.sleep(0.1)
        looks.append(state())
    fewest, fewest_threads, zombies = (min(look) for look in zip(*looks, strict=True))
    return Soaked(texts, grown, fewest - descriptors, fewest_threads - threads, zombies)
