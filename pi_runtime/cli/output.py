"""What commands print: text and JSON on stdout, everything else on stderr."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from typing import IO

_quiet = False


def be_quiet(quiet: bool) -> None:
    """Choose whether `note` says nothing from now on."""
    global _quiet
    _quiet = quiet


def note(message: str) -> None:
    """Write one line to stderr, unless --quiet was given."""
    if not _quiet:
        complain(message)


def complain(message: str) -> None:
    """Write one line to stderr in any case."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def emit(text: str, file: IO[str] | None = None) -> None:
    """Write text to stdout (or `file`) at once."""
    out = sys.stdout if file is None else file
    out.write(text)
    out.flush()


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says: `ssh host rnn-generate` may run under any."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(encoding="utf-8", errors="replace")
