"""The TFLite interpreter: which one is installed, and several of it shared among sessions."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from pi_runtime.errors import BackendError

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


def installed_runtime() -> str | None:
    """Return the name of the module that holds the interpreter, or None if there is none."""
    return next((name for name in RUNTIMES if _importable(name)), None)


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def installed_interpreter() -> Callable[..., Any]:
    """Return the interpreter's class.

    Raises:
        BackendError: none is installed.
    """
    runtime = installed_runtime()
    if not runtime:
        raise BackendError(
            "no TFLite interpreter is installed",
            "take --backend numpy, or pip install ai-edge-litert (tflite-runtime on Python 3.11)",
        )
    interpreter: Callable[..., Any] = importlib.import_module(runtime).Interpreter
    return interpreter


_stderr = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep the interpreter's messages about loading off stderr."""
    with _stderr:  # descriptor 2 belongs to the whole process
        saved = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def ordered_indices(details: Sequence[dict[str, Any]]) -> list[int]:
    """Return tensor indices in the graph's order: x, x_0, x_1, … (see `convert.graph`)."""

    def number(detail: dict[str, Any]) -> int:
        match = re.search(r"_(\d+)\Z", detail["name"])
        return int(match[1]) if match else -1

    return [detail["index"] for detail in sorted(details, key=number)]


class Locked:
    """What one thread at a time may use, the one that holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


L = TypeVar("L", bound=Locked)


class Pool(Generic[L]):
    """Interpreters, of which there are more only if several threads want one at the same time."""

    def __init__(self, make: Callable[[], L], threads: int) -> None:
        """Begin with one. `threads` is how many each of them uses."""
        self._make = make
        self._limit = max(2, (os.cpu_count() or 1) // threads)
        self._growing = threading.Lock()
        self.members = [make()]
        self._turns = itertools.count()

    def acquire(self, suits: Callable[[L], bool] = lambda member: True) -> L:
        """Return a member whose lock the caller then holds: a free one that suits, if possible."""
        for member in self.members:
            if member.lock.acquire(blocking=False):
                if suits(member):
                    return member
                member.lock.release()
        with self._growing:
            if len(self.members) < self._limit:
                member = self._make()
                member.lock.acquire()
                self.members.append(member)
                return member
        member = self.members[next(self._turns) % len(self.members)]
        member.lock.acquire()
        return member
