"""What a page tells a person to type, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass
class Block:
    """A fenced block of a page."""

    language: str
    section: str
    """The heading above it."""
    lines: list[str] = field(default_factory=list)
    """Without comments and blank lines."""
    not_run: str = ""
    """Why no test runs it, if the page says so."""


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        headings = re.findall(r"^#+ (.+)$", text[: match.start()], re.M)
        lines = [line.partition("  #")[0].strip() for line in match["text"].splitlines()]
        found.append(
            Block(
                match["language"],
                headings[-1] if headings else "",
                [line for line in lines if line and not line.startswith("#")],
                match["why"] or "",
            )
        )
    return found
