"""Progress on the terminal, where one looks on; a log or a pipe gets none."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeVar

    T = TypeVar("T")

DELAY = 0.5
"""Seconds that work may take before a bar appears."""


def open_bar(total: int, *, quiet: bool = False, **options: Any) -> Any:
    """Return a tqdm bar on stderr; None with `quiet`, where stderr is no terminal, or without tqdm.

    `options` are tqdm's.
    """
    if quiet or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    tqdm.monitor_interval = 0  # no thread: rnn-generate leaves at once
    # A serial line does not know its size, and tqdm would draw nothing.
    wide = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    width = {"dynamic_ncols": True} if wide else {"ncols": 80, "nrows": 24}
    return tqdm(total=total, file=sys.stderr, **width, **options)


def counted(things: Iterable[T], bar: Any) -> Iterator[T]:
    """Yield things, and advance a bar that may be None by each."""
    for thing in things:
        yield thing
        if bar is not None:
            bar.update()
