"""Counts of `counted`'s rows under valgrind's cachegrind, and of the functions they are made of.

Cachegrind emulates a processor with AVX2 and without AVX-512, whatever this one has, so the counts
are the same on another x86-64 machine with the same programs. It counts in no time of its own: a
busy neighbour changes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

COUNTED = Path(__file__).with_name("counted.py")
LINE = 64
"""Bytes of a line of the cache."""
CACHES = {"512 KB": 524_288, "1 MB": 1_048_576}
"""Last-level caches: of a Pi 3 and a Zero 2 W, of a Pi 4."""
FIRST_LEVEL = ("--I1=32768,2,64", "--D1=32768,4,64")
"""The Cortex-A53's."""
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class Count:
    """What was counted, of a function or of all."""

    instructions: float
    lines: float
    """Read from memory or written there, of `LINE` bytes: misses of the last level of cache."""


ALL = "all"
Functions = dict[str, Count]
"""By name, and the sum as `ALL`."""


def avx2() -> bool:
    """Return whether this processor has what cachegrind emulates for the kept counts."""
    return "avx2" in Path("/proc/cpuinfo").read_text().split()


def run(folder: Path, cache: str) -> Iterator[tuple[str, str, Functions]]:
    """Yield network, backend and counts a token of the rows that run in this environment."""
    with TemporaryDirectory() as temporary:
        argv = [
            "valgrind", "--tool=cachegrind", "--cache-sim=yes", *FIRST_LEVEL,
            f"--LL={CACHES[cache]},16,{LINE}", f"--cachegrind-out-file={temporary}/%p",
            sys.executable, str(COUNTED), str(folder),
        ]  # fmt: skip
        done = subprocess.run(
            argv,
            env={**ENVIRONMENT, "PATH": os.environ["PATH"], "HOME": temporary},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"error: the counted program failed\n{done.stderr[-3000:]}")
        for line in done.stdout.splitlines():
            row = json.loads(line)
            before, after = (read(Path(temporary, str(pid))) for pid in row["processes"])
            yield row["network"], row["backend"], difference(before, after, row["tokens"])


def read(file: Path) -> Functions:
    """Return the counts that cachegrind wrote at the end of a process.

    Its format: https://valgrind.org/docs/manual/cg-manual.html#cg-manual.outputformat
    """
    counts: dict[str, list[int]] = {}
    function = ""
    with file.open(errors="replace") as lines:
        for line in lines:
            if line.startswith("fn="):
                function = line[3:].strip()
            elif line.startswith("events:"):
                events = line.split()[1:]
                misses = [events.index(name) for name in ("ILmr", "DLmr", "DLmw")]
            elif line[0].isdigit() or line.startswith("summary:"):
                values = [int(value) for value in line.split()[1:]]
                name = ALL if line.startswith("summary:") else function
                total = counts.setdefault(name, [0, 0])
                total[0] += values[0]
                total[1] += sum(values[at] for at in misses)
    return {name: Count(*total) for name, total in counts.items()}


def difference(before: Functions, after: Functions, tokens: int) -> Functions:
    """Return the counts a token between two moments of a process."""
    none = Count(0, 0)
    return {
        name: Count(
            (count.instructions - before.get(name, none).instructions) / tokens,
            (count.lines - before.get(name, none).lines) / tokens,
        )
        for name, count in after.items()
    }
