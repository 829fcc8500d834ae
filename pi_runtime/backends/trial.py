"""Run a model that nobody has proved yet, in a process that may crash, hang or run out of memory.

    python -P -m pi_runtime.backends.trial <model.tflite

reads the very bytes that its parent will use, lets NumPy and then the TFLite interpreter compute
the golden windows, and prints one line of JSON: {"numpy": [|Δp|…], "tflite": [|Δp|…]}, or
{"numpy": …, "refused": why} if this interpreter does not take the file. While the interpreter is at
work its memory is bounded, and so is its time: by a multiple of what NumPy took for the same
numbers. It exits with 1 only before that: whatever the interpreter raises is a refusal.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from pi_runtime.backends import tflite
from pi_runtime.backends.reference import window_probabilities
from pi_runtime.backends.selfcheck import deviations, distances
from pi_runtime.backends.tflite.interpreter import installed_interpreter
from pi_runtime.model.file import ModelFile

SECONDS = 3.0
"""Processor time that an interpreter may always take."""

TIMES_NUMPY = 4
"""As many times as long as NumPy took for the golden windows it may take as well: for each step of
a window, if the windows in flight are computed anew with each."""

ROOM = 192 << 20
"""Bytes of address space that it may take, besides multiples of the file and of a text's state."""


def main() -> int:
    """Try the model that comes in on stdin."""
    model = ModelFile.from_bytes(sys.stdin.buffer.read())
    golden = model.golden()
    interpreter = installed_interpreter()
    begun = time.process_time()
    expected = window_probabilities(model.network(), golden.windows)
    took = time.process_time() - begun
    steps = 1 if model.config.rnn_bidirectional else model.config.max_length
    found: dict[str, object] = {"numpy": distances(expected, golden)}
    # Descriptor 1 is the answer's: what the interpreter itself prints goes nowhere.
    answer = os.dup(1)
    os.dup2(2, 1)
    _bound_memory(ROOM + 8 * len(model.content) + 32 * model.config.state_bytes)
    if hasattr(signal, "setitimer"):  # not on Windows, where the parent's clock is the only bound
        signal.setitimer(signal.ITIMER_PROF, SECONDS + TIMES_NUMPY * steps * took)
    try:
        found["tflite"] = deviations(tflite.build(model, 1, interpreter, compiling=False), golden)
    except Exception as error:  # noqa: BLE001 - interpreters raise whatever they like
        found["refused"] = (str(error).splitlines() or [repr(error)])[0][:200]
    os.write(answer, json.dumps(found).encode())
    return 0


def _bound_memory(room: int) -> None:
    """Let this process take so many bytes more, and be the first to go where memory is short."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    # A sandbox may forbid any of this; then its own bounds hold.
    with contextlib.suppress(OSError, ValueError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        pages = Path("/proc/self/statm").read_text("ascii").split()[0]
        taken = int(pages) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + room, taken + room))


if __name__ == "__main__":
    code = main()
    # Not `sys.exit`: what a forged file left behind may crash the interpreter as it is taken down.
    os._exit(code)
