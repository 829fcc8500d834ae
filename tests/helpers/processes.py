"""Processes that the code under test starts: found by their environment, noted when they start."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

GUARD_SECONDS = 300.0
"""After which a test that waits for an event gives up. No measure of anything."""


def wait_for(found: Callable[[], T], what: str, seconds: float = GUARD_SECONDS) -> T:
    """Return the first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
    return answer


@contextmanager
def once(found: Callable[[], object], what: str, do: Callable[[], object]) -> Iterator[None]:
    """Do something from another thread as soon as something is so."""

    def watch() -> None:
        try:
            wait_for(found, what)
        finally:
            do()  # else the test would wait for it

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()


def marked(variable: str) -> list[int]:
    """Return the processes that were started with this variable in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{variable}=".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def cpu_ticks(process: int) -> int:
    """Return how long a process has computed, in the kernel's ticks: 100 per second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class NotedProgram:
    """A program in a folder that notes its process and arguments, and then is the real one."""

    def __init__(self, folder: Path, name: str) -> None:
        real = shutil.which(name)
        assert real, f"{name} is not installed"
        self._log = folder / f"{name}.starts"
        self.path = folder / name
        self.path.write_text(
            "#!/bin/sh\n"
            # One line and one write for each start, whatever the arguments hold.
            """line=$(printf '%s ' "$$" "$@" | tr '\\n' ' ')\n"""
            f"""printf '%s\\n' "$line" >>'{self._log}'\n"""
            f"""exec '{real}' "$@"\n"""
        )
        self.path.chmod(0o755)

    @property
    def starts(self) -> list[tuple[int, str]]:
        """Each start's process id and arguments."""
        if not self._log.exists():
            return []
        lines = self._log.read_text("utf-8").split("\n")[:-1]
        parts = (line.partition(" ") for line in lines)
        return [(int(process), arguments) for process, _, arguments in parts]
