"""A file is replaced as a whole, and nothing lies beside it, wherever a signal ends the run."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pi_runtime import replacement as module
from pi_runtime.replacement import replacement

OLD, NEW = b"old", b"new"
SOURCES = {module.__file__, contextmanager.__code__.co_filename}


class Interrupted(BaseException):
    """What a signal's handler raises."""


def raising_at(point: int) -> Callable[..., Any]:
    """Return a trace function that raises before the instruction of that number, once.

    A handler runs between two instructions. Those of what cleans up then are not counted: a second
    signal there leaves a file, which the next run removes.
    """
    passed = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal passed
        if frame.f_code.co_filename not in SOURCES:
            return None
        frame.f_trace_opcodes = True
        passed += event == "opcode"
        if passed == point:
            sys.settrace(None)
            raise Interrupted
        return trace

    return trace


def was_interrupted(path: Path, point: int, *, new: bool) -> bool:
    """Replace a file, ended before an instruction; return whether there were so many."""
    before = sys.gettrace()
    sys.settrace(raising_at(point))
    try:
        with replacement(path, new=new) as file:
            file.write(NEW)
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


# Files that are left open end with the process, which a signal ends.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("new", [False, True])
def test_ended_between_any_two_instructions_nothing_is_half_written(
    tmp_path: Path, new: bool
) -> None:
    path = tmp_path / "model.tflite"
    for point in count(1):
        path.unlink(missing_ok=True)
        if not new:
            path.write_bytes(OLD)
        interrupted = was_interrupted(path, point, new=new)
        gc.collect()  # a generator that nobody holds any more ends, and cleans up
        names = [each.name for each in tmp_path.iterdir()]
        assert names == [path.name] or (new and not names), f"instruction {point}"
        assert not names or path.read_bytes() in ((NEW,) if new else (OLD, NEW))
        if not interrupted:
            break
    assert point > 200
    assert path.read_bytes() == NEW
