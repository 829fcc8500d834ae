"""Everything this package raises on purpose.

    Error
    ├── UsageError       the call itself is wrong (exit code 2)
    ├── ModelFileError   the .tflite file is missing, damaged or not ours
    ├── BackendError     no interpreter here can run the model
    └── SpeechError      no engine, no voice, no sound

`convert.errors` adds the desktop side's branches.
"""

from __future__ import annotations


class Error(Exception):
    """A failure its reader can act on: one line, what happened – what to do."""

    exit_code = 1

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(f"{what} – {todo}" if todo else what)
        self.what = what
        self.todo = todo


class UsageError(Error):
    """An argument that cannot be right."""

    exit_code = 2


class ModelFileError(Error):
    """The artefact cannot be opened, or is not what its manifest says."""


class BackendError(Error):
    """The interpreter is missing, or refuses this model."""


class SpeechError(Error):
    """An engine, a voice or a sound card is missing or failed."""


def shown(text: object, most: int = 80) -> str:
    """Return a stranger's text as a terminal may show it: on one line, of `most` characters."""
    whole = str(text)
    cut = whole if len(whole) <= most else f"{whole[: most - 1]}…"
    return "".join(c if c.isprintable() else _escaped(c) for c in cut)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
