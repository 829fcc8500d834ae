"""Hostile clients on a service's socket, while somebody keeps asking for its status.

    python -m tests.manual.hostile_clients
    python -m tests.manual.hostile_clients --requests 10000 --leave 1000 --stay 64

All at once: requests that are mutants of valid ones, clients that ask for 100,000 tokens and leave,
others that ask for as much, stay, and ask again, and three hundred that connect and say nothing.
Printed are how many statuses came meanwhile, the slowest, and the service's memory; exits 1 if one
took more than a second or the memory grew.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from selectors import EVENT_READ, DefaultSelector

from pi_runtime.service.limits import TOKENS
from tests.fuzz.protocol import hostile_line
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import Service, running

SILENT = 300
LONG = {"max_gen_length": TOKENS, "temperature": 1.0}
GROWTH = 32_000_000
"""Bytes that the memory may grow by from the first quarter of the attack to its end."""


@dataclass
class Found:
    """What came of it."""

    statuses: int = 0
    slowest: float = 0.0
    """Seconds."""
    sizes: list[int] = field(default_factory=list)
    """The service's memory in bytes, after each status."""
    replies: int = 0
    """To the mutants."""

    @property
    def growth(self) -> int:
        """How much more memory it held in the last quarter than in the second, at its most."""
        quarter = len(self.sizes) // 4
        return max(self.sizes[3 * quarter :]) - max(self.sizes[quarter : 2 * quarter])


def attack(service: Service, requests: int, leave: int, stay: int) -> Found:
    """Let them all loose; return what came of it."""
    found, over = Found(), threading.Event()
    watch = threading.Thread(target=_watch, args=(service, found, over))
    with ExitStack() as stack:
        stay_on = threading.Thread(target=_stay, args=(service, stay, over))
        stay_on.start()
        for _ in range(SILENT):
            stack.enter_context(service.connect())
        watch.start()
        attackers = [
            threading.Thread(target=_send, args=(service, range(first, requests, 4), found))
            for first in range(4)
        ]
        attackers.append(threading.Thread(target=_leave, args=(service, leave)))
        for each in attackers:
            each.start()
        for each in attackers:
            each.join()
        over.set()
        watch.join()
        stay_on.join()
    return found


def _send(service: Service, numbers: range, found: Found) -> None:
    """Send mutants, each on a connection of its own, and take what comes for a moment."""
    for number in numbers:
        with service.connect() as link, suppress(OSError):
            link.settimeout(0.02)
            link.sendall(hostile_line(Random(number)) + b"\n")
            found.replies += bool(link.recv(4096))


def _leave(service: Service, count: int) -> None:
    for number in range(count):
        with suppress(OSError):
            service.begin(("generate", "speak")[number % 2], **LONG).close()
        time.sleep(0.005)


def _stay(service: Service, count: int, over: threading.Event) -> None:
    """Ask for long texts; once one is there, or refused or stopped, ask for another."""
    line = json.dumps({"v": 1, "do": "generate", **LONG}).encode() + b"\n"
    with ExitStack() as stack, DefaultSelector() as selector:
        for _ in range(count):
            link = stack.enter_context(service.connect())
            link.sendall(line)
            selector.register(link, EVENT_READ)
        while not over.wait(0.02):
            for key, _ in selector.select(0.1):
                link = key.fileobj  # type: ignore[assignment]
                try:
                    piece = link.recv(1 << 20)
                    if piece.endswith(b"\n"):
                        link.sendall(line)
                except ConnectionError:
                    piece = b""
                if not piece:
                    selector.unregister(link)  # hung up on


def _watch(service: Service, found: Found, over: threading.Event) -> None:
    while not over.is_set():
        begun = time.monotonic()
        with service.connect() as link:
            link.sendall(b'{"v": 1, "do": "status"}\n')
            reply = json.loads(link.makefile("rb").readline())
        assert reply["ok"]
        found.slowest = max(found.slowest, time.monotonic() - begun)
        found.statuses += 1
        found.sizes.append(service.resident())
        time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--leave", type=int, default=1000)
    parser.add_argument("--stay", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.tflite"
        model.write_bytes(
            packed_model(small_network(classes=20), small_vocab(20, single_text=True))
        )
        quiet = ("--on-demand", "--engine", "none", "--backend", "numpy")
        with running(Path(folder), model, *quiet) as service:
            begun = time.monotonic()
            found = attack(service, args.requests, args.leave, args.stay)
            seconds = time.monotonic() - begun
            traces = service.log.count("Traceback")
            log = len(service.log)
    print(
        f"{args.requests} hostile requests ({found.replies} answered within 20 ms), "
        f"{args.leave} clients that left, {args.stay} that stayed, {SILENT} silent, "
        f"in {seconds:.0f} s: {found.statuses} statuses, the slowest after "
        f"{1000 * found.slowest:.0f} ms; memory {found.sizes[0] / 1e6:.1f} MB at first, at most "
        f"{max(found.sizes) / 1e6:.1f} MB, {found.growth / 1e6:+.1f} MB in the second half; "
        f"{traces} tracebacks, {log} bytes of log"
    )
    return int(found.slowest > 1 or found.growth > GROWTH or traces > 0)


if __name__ == "__main__":
    sys.exit(main())
