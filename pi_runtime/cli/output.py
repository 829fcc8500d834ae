"""What commands print: text and JSON on stdout, everything else on stderr."""

from __future__ import annotations

import sys

from pi_runtime.errors import shown

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
    print(printable(message), file=sys.stderr, flush=True)  # noqa: T201


def printable(message: str) -> str:
    """Return a message of ours with no other control characters than its line breaks and tabs.

    Names and what stands in files are quoted in messages, and a terminal obeys what it is sent.
    """
    if message.isprintable():
        return message
    return "".join(c if c in "\n\t" else shown(c) for c in message)


class PrintableStderr:
    """stderr for logging, whose messages quote what engines say."""

    def write(self, text: str) -> None:
        """Write a message."""
        sys.stderr.write(printable(text))

    def flush(self) -> None:
        """Write at once."""
        sys.stderr.flush()


def as_json(value: object, indent: int | None = None) -> str:
    """Return JSON that a terminal may show: letters as they are, what does not print escaped."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=indent)
    lines = text.split("\n")
    return "\n".join(
        line if line.isprintable() else "".join(c if c.isprintable() else _json(c) for c in line)
        for line in lines
    )


def _json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


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
