"""A file of words and phrases, one a line, as a regular expression that finds any of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pi_runtime.errors import UsageError, shown_path
from pi_runtime.model.file import without_waiting

MAX_BYTES = 1_000_000


def is_word_list(text: str) -> bool:
    """Return whether an argument names a file, and is not a regular expression.

    Raises:
        UsageError: it would name one that is missing; as an expression it would reject nothing.
    """
    try:
        if os.path.exists(text) and not os.path.isdir(text):  # noqa: PTH110, PTH112 - maybe no path
            return True
    except ValueError:
        return False
    if text.endswith(".txt"):
        raise UsageError(f"--reject {text}: no such file", "name one, or a regular expression")
    return False


def any_line_of(name: str) -> str:
    """Return an expression that matches each line of a file as whole words, in any case.

    Raises:
        UsageError: the file cannot be read, is no text, too large, or empty.
    """
    path = Path(name)
    try:
        with open(path, "rb", opener=without_waiting) as file:
            if not path.is_file():
                raise UsageError(f"--reject {shown_path(path)}: not a file", "name a text file")
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--reject {shown_path(path)}: {reason}", "name a text file") from None
    except UnicodeDecodeError:
        raise UsageError(f"--reject {shown_path(path)}: not UTF-8", "save it as UTF-8") from None
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"--reject {shown_path(path)}: more than {MAX_BYTES} bytes", "give a shorter list"
        )
    lines = {" ".join(line.split()) for line in text.splitlines()} - {""}
    if not lines:
        raise UsageError(f"--reject {shown_path(path)}: is empty", "write words there, one a line")
    # A phrase may be broken over lines.
    phrases = (re.escape(line).replace(r"\ ", r"\s+") for line in sorted(lines))
    return rf"(?i)(?<!\w)(?:{'|'.join(phrases)})(?!\w)"
