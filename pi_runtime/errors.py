"""Everything this package raises on purpose.

    Error
    ├── UsageError       the call itself is wrong (exit code 2)
    ├── ModelFileError   the .tflite file is missing, damaged or not ours
    ├── BackendError     no interpreter here can run the model
    ├── RejectedError    a text was drawn as often as it may be, and never accepted
    └── SpeechError      no engine, no voice, no sound

`convert.errors` adds the desktop side's branches.
"""

from __future__ import annotations


def shown(text: object, most: int = 80) -> str:
    r"""Return text of a file or a name as a terminal may show it.

    Control and other characters that do not print are escaped, and what is longer than `most`
    characters is cut.

    >>> print(shown("a\x1b[2Jb\u202e"))
    a\x1b[2Jb\u202e
    """
    text = str(text)
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in text)


def shown_path(path: object) -> str:
    """Return a file's path as a terminal may show it, whole: its end says which file it is."""
    return shown(path, 4096)


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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


class RejectedError(Error):
    """A text was drawn as often as it may be, and rejected each time."""


class SpeechError(Error):
    """An engine, a voice or a sound card is missing or failed."""
