"""Peers that take turns, so that a busy neighbour disturbs all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
ENVIRONMENTS = {
    "litert": "Python 3.13, LiteRT",
    "desktop": "Python 3.11, tflite-runtime",
    "textgenrnn": "Python 3.7",
}


@dataclass
class Peer:
    """A worker process that waits for its turn."""

    name: str
    environment: str
    process: subprocess.Popen[str]
    seconds: list[float] = field(default_factory=list)
    """A token, of each turn."""

    @classmethod
    def start(cls, bench: Path, environment: str, name: str, folder: Path) -> Peer | None:
        """Return a worker that is ready, or None if it does not run here."""
        python = bench / environment / "bin" / "python"
        if not python.exists():
            return None
        process = subprocess.Popen(
            [str(python), str(WORKER), name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        for line in process.stdout:
            if line == "ready\n":
                return cls(name, environment, process)
        print(f"  {name} ({environment}) does not run here", file=sys.stderr)
        return None

    def turn(self, tokens: int) -> None:
        """Let it make so many tokens, and note the seconds a token."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{tokens}\n")
        self.process.stdin.flush()
        self.seconds.append(float(self.process.stdout.readline()))

    @property
    def milliseconds(self) -> float:
        """The median of its turns, a token."""
        return 1000 * statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """The least of its turns in milliseconds: the least disturbed one."""
        return 1000 * min(self.seconds)

    def times_as_fast_as(self, other: Peer) -> float:
        """Return the median of the rounds' ratios: both of a ratio had the same neighbours."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)


def rounds(
    bench: Path, folder: Path, wanted: Sequence[tuple[str, str, int]], count: int
) -> list[Peer]:
    """Return the peers that run here after so many rounds.

    `wanted` has an environment, a peer and the tokens of its turn.
    """
    started = [
        (Peer.start(bench, environment, name, folder), tokens)
        for environment, name, tokens in wanted
    ]
    playing = [(peer, tokens) for peer, tokens in started if peer]
    for _ in range(count):
        for peer, tokens in playing:
            peer.turn(tokens)
    for peer, _ in playing:
        peer.process.terminate()
        peer.process.wait()
    return [peer for peer, _ in playing]
