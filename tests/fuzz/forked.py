"""Lets a mutant be read in a forked child: a crash, a hang or a leak is the child's alone."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable

from pi_runtime.errors import Error
from tests.fuzz.cases import HANG_SECONDS, Verdict

LEAST_MEMORY = 256 << 20


class WrongSuccess(Exception):
    """Raised by a reading that succeeded and should not have, or found something else."""


def read_forked(read: Callable[[], object], size: int = 0) -> tuple[Verdict, str]:
    """Return what became of `read()`, which reads a mutant of `size` bytes, and what it said."""
    ours, theirs = os.pipe()
    before = _resident()
    child = os.fork()
    if not child:
        os.close(ours)
        _read_and_exit(read, theirs)
    os.close(theirs)
    answer = _receive(ours, child)
    _, status, usage = os.wait4(child, 0)
    if answer is None:
        return Verdict.HANG, f"more than {HANG_SECONDS:.0f} s"
    if not answer:
        return Verdict.CRASH, f"the child ended with status {status}"
    verdict, what = json.loads(answer)
    if usage.ru_maxrss * 1024 - before > max(4 * size, LEAST_MEMORY):
        return Verdict.MEMORY, f"{(usage.ru_maxrss * 1024 - before) >> 20} MB; {what}"
    return Verdict(verdict), what


def _read_and_exit(read: Callable[[], object], pipe: int) -> None:
    answer: tuple[str, str] = Verdict.CRASH.value, ""
    try:
        sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        answer = _outcome(read)
    finally:
        os.write(pipe, json.dumps(answer).encode())
        os._exit(0)


def _outcome(read: Callable[[], object]) -> tuple[str, str]:
    try:
        return Verdict.READ.value, str(read() or "")[:200]
    except Error as error:
        lines = str(error).splitlines()
        return Verdict.REFUSED.value, ascii(" ".join(lines))[:400]
    except WrongSuccess as wrong:
        return Verdict.WRONG.value, ascii(wrong)[:400]
    except OSError as error:  # which `pi_runtime.cli.process` says in one line
        return Verdict.REFUSED.value, ascii(error)[:400]
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Verdict.TRACE.value, ascii(f"{error!r} in {where.filename}:{where.lineno}")[:400]


def _receive(pipe: int, child: int) -> bytes | None:
    """Return what the child says; None, and end it, if it says nothing in time."""
    until = time.monotonic() + HANG_SECONDS
    parts: list[bytes] = []
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while True:
            ready, _, _ = select.select([file], [], [], max(0, until - time.monotonic()))
            if not ready:
                os.kill(child, signal.SIGKILL)
                return None
            if not (part := file.read(65536)):
                return b"".join(parts)
            parts.append(part)


def _resident() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()
