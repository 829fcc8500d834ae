"""Each fault at each point of a writer, and what was there afterwards."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults import shim
from tests.faults.writers import STATES, Writer

MOMENTS = 20
"""How many times a writer is killed at a moment that chance chooses."""


@dataclass(frozen=True)
class Result:
    """What a fault left."""

    point: str
    state: str
    stray: frozenset[str]
    """Files that nobody asked for, after the next run."""
    wrong: str
    """What else was not right, or nothing."""


class Trial:
    """A writer in a folder of its own."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        self.writer = writer
        self._given, self._folder, self._old = (folder / name for name in ("given", "out", "old"))
        for each in (self._given, self._old):
            each.mkdir(parents=True)
        writer.prepare(self._given, self._old)
        self._argv = writer.argv(self._given)
        self._library = shim.build(folder)
        self.points = self._run().points
        assert writer.state(self._folder) == "new"

    def _run(self, at: int = 0, kind: str = "eio") -> shim.Run:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._old, self._folder)
        return shim.run(self._library, self._argv, self._folder, at, kind)

    def fault(self, at: int, kind: str) -> Result:
        """Let an operation go wrong; look at what is there, then run it again."""
        run = self._run(at, kind)
        state = self.writer.state(self._folder)
        wrong = ""
        if "Traceback" in run.stderr:
            wrong = "traceback"
        elif run.returncode == 0 and state != "new":
            wrong = "it said that all was well"
        elif run.returncode > 0 and "error: " not in run.stderr:
            wrong = "no word of why"
        elif state == "half" and kind != "torn":
            wrong = "half a text"
        return self._again(f"{kind} at {at}", state, wrong)

    def kill(self, seconds: float) -> Result:
        """Kill it after that time."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._old, self._folder)
        shim.run_for(self._argv, self._folder, seconds)
        return self._again(f"killed after {seconds:.2f} s", self.writer.state(self._folder), "")

    def _again(self, point: str, state: str, wrong: str) -> Result:
        argv = [*self._argv, *(self.writer.mends if state == "refused" else ())]
        again = shim.run(self._library, argv, self._folder)
        if not wrong and (again.returncode or self.writer.state(self._folder) != "new"):
            wrong = f"the next run failed: {again.stderr[-200:]}"
        there = {path.name for path in self._folder.iterdir()}
        return Result(point, state, frozenset(there - self.writer.files), wrong)

    def points_and_kinds(self) -> list[tuple[int, str]]:
        """Return each point with each kind of fault."""
        return [(at, kind) for at in range(1, self.points + 1) for kind in shim.KINDS]

    def moments(self, number: int, seed: int = 0) -> Iterator[float]:
        """Yield seconds after which to kill it."""
        begun = time.monotonic()
        self._run()
        whole = time.monotonic() - begun
        chance = random.Random(seed)
        for _ in range(number):
            yield chance.uniform(0.3, 1.05) * whole


def row(writer: Writer, results: list[Result]) -> str:
    """Return a line of the table."""
    states = Counter(result.state for result in results)
    counts = " | ".join(str(states[state]) for state in STATES)
    stray = sum(bool(result.stray) for result in results)
    wrong = sum(bool(result.wrong) for result in results)
    return f"| {writer.name} | {len(results)} | {counts} | {stray} | {wrong} |"


HEAD = f"| writer | faults | {' | '.join(STATES)} | stray files | wrong |\n" + "|---" * 9 + "|"
