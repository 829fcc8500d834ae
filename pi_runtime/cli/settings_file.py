"""The settings file of rnn-speakd: a line `OPTIONS="…"`, in the form of /etc/default.

Whatever else stands in it, or stands in it wrongly, is an error that names the line and what to
write: its reader looks into the journal, and not at a terminal.
"""

from __future__ import annotations

import io
import logging
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_runtime.errors import UsageError

VARIABLE = "OPTIONS"

QUOTES = "'\" "

_LOGGER = logging.getLogger(__name__)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error about options into one that names their file, and how to go on."""
    try:
        yield
    except UsageError as error:
        todo = "" if error.todo.startswith("see rnn-speakd") else error.todo
        joint = " " if error.what.endswith("?") else ", "
        what = f"{error.what}{joint if todo else ''}{todo}"
        raise UsageError(
            f"{path}: {what}",
            # A service that did not start with them has nothing to reload.
            f"fix it, then: sudo systemctl reload-or-restart {unit_of(path)}",
        ) from None


def unit_of(path: Path) -> str:
    """Return the unit whose settings a file holds.

    >>> unit_of(Path("/etc/default/rnn-speak-poems"))
    'rnn-speak@poems'
    """
    name = path.name.removeprefix("rnn-speak-")
    return f"rnn-speak@{name}" if name != path.name and name else "rnn-speak"


def options_in(path: Path) -> list[str]:
    """Return the options in a settings file; none if there is no such file.

    Raises:
        UsageError: it cannot be read, or does not have the form.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        _LOGGER.info("note: %s is not there; all settings are the defaults", path)
        return []
    except OSError as error:
        raise UsageError(
            (error.strerror or str(error)).lower(), "make it a readable file"
        ) from None
    except ValueError:
        raise UsageError("it is not UTF-8", "save it as UTF-8") from None
    return parse(text)


def parse(text: str) -> list[str]:
    """Return the options in the text of a settings file.

    The value may stand between quotes, as in a shell, or without.

    >>> parse("# how it speaks\\nOPTIONS=\\"--interval 5m --prefix 'Once upon'\\"")
    ['--interval', '5m', '--prefix', 'Once upon']
    >>> parse("OPTIONS=--interval 5m")
    ['--interval', '5m']

    Raises:
        UsageError: a line does not have the form; the message names it.
    """
    found: list[str] = []
    at = 0
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        value = _value(line, number)
        if at:
            raise UsageError(f"lines {at} and {number} both set {VARIABLE}", "keep one of them")
        at = number
        found = _words(value, number)
    return found


def _value(line: str, number: int) -> str:
    """Return what a line sets the variable to."""
    match = re.match(r"(export\s+)?([^\s=:]+)(\s*)(=|\+=|:)?(\s*)", line)
    name = match[2] if match else line
    value = line[match.end() :] if match and match[4] else ""
    example = f'{VARIABLE}="{value.strip(QUOTES)}"' if value else f'{VARIABLE}="--interval 5m"'
    if not match or not match[4]:
        raise UsageError(f"line {number} is no setting", f"write {example}, or begin it with #")
    if name.rstrip("+") != VARIABLE:
        raise UsageError(
            f"line {number} sets {name}, and {VARIABLE} is all that is read", f"write {example}"
        )
    if match[1] or match[4] != "=" or name != VARIABLE or match[3] or (match[5] and value):
        raise UsageError(f"line {number} does not begin with {VARIABLE}= alone", f"write {example}")
    return value


def _words(value: str, number: int) -> list[str]:
    """Split a value as a shell would, twice if it is quoted as a whole."""
    try:
        if value[:1] not in ("'", '"'):
            return shlex.split(value)
        stream = io.StringIO(value)
        lexer = shlex.shlex(stream, posix=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        whole = lexer.get_token() or ""
        rest = stream.read().strip()
        if not rest or rest.startswith("#"):
            return shlex.split(whole)
    except ValueError:
        raise UsageError(
            f"line {number} has a quote that is not closed", "close it on the same line"
        ) from None
    raise UsageError(
        f"line {number} goes on behind its closing quote: {rest[:40]}",
        f"write {VARIABLE}=\"…\" around all of it, with '…' inside",
    )
