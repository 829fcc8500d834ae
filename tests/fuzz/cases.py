"""What a mutant does to the program that reads it, and which of that is an offence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

KINDS = (
    "archive", "artefact", "hdf5", "protocol", "shards", "sidecars", "ssh_command", "text",
    "text_log",
    "training",
)  # fmt: skip

HANG_SECONDS = 10.0
"""What takes longer counts as a hang."""


class Verdict(Enum):
    """What became of a mutant."""

    READ = "read"
    REFUSED = "refused"
    """With one line that says why."""
    CRASH = "crash"
    HANG = "hang"
    TRACE = "traceback"
    MEMORY = "memory"
    """More than four times the file, or 256 MB if that is more."""
    WRONG = "wrong success"
    """It was read as what it is not; each kind's docstring defines that."""


OFFENCES = frozenset(Verdict) - {Verdict.READ, Verdict.REFUSED}


@dataclass(frozen=True)
class Outcome:
    """A verdict, and what shows it."""

    verdict: Verdict
    what: str
    """The mutation, and the last line that the reader printed."""
    files: dict[str, bytes] = field(default_factory=dict)
    """The mutant, by file name, to be saved if it offends."""


class Fuzzer(Protocol):
    """Makes mutants of a kind and lets them be read."""

    def run(self, number: int) -> Outcome:
        """Make the mutant of that number; return what became of it."""


def open_fuzzer(kind: str, folder: Path) -> AbstractContextManager[Fuzzer]:
    """Return what makes mutants of a kind, in a folder of its own.

    The module of a kind has `NEEDS`, the modules it imports beyond NumPy, and `open_fuzzer`.
    """
    opened: Callable[[Path], AbstractContextManager[Fuzzer]] = _module(kind).open_fuzzer
    return opened(folder)


def needs(kind: str) -> tuple[str, ...]:
    """Return the modules that a kind needs beyond NumPy."""
    names: tuple[str, ...] = _module(kind).NEEDS
    return names


def _module(kind: str) -> Any:
    return import_module(f"tests.fuzz.{kind}")
