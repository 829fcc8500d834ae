"""A text and what is known of it."""

from __future__ import annotations


class DrawnText:
    """A text of a seed. It imports nothing: the reply of the service is made into these too."""

    __slots__ = ("draws", "index", "text")

    def __init__(self, index: int, text: str | None, draws: int = 1) -> None:
        self.index = index
        """Its number under the seed, from 0."""
        self.text = text
        """None: it was rejected each time."""
        self.draws = draws
        """How often it was drawn."""
