"""What runtimes in C++ say while they load stays off stderr."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_stderr = threading.RLock()  # what is released while another is loaded is quiet as well


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep messages off stderr, which libraries write to by themselves."""
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
