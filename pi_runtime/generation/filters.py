"""What is done to a text once its tokens are drawn: line breaks, and whole sentences at its ends.

A filter takes a text in pieces, as a joiner settles them, and holds back what it may still change.
Which tokens are drawn does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pi_runtime.model.vocabulary import CharacterJoiner, WordJoiner
from pi_runtime.sentences import OpenSentence


class TextFilter(Protocol):
    """Changes a text that comes in pieces."""

    def push(self, piece: str) -> str:
        """Take a piece; return what is certain by now."""

    def finish(self) -> str:
        """Return what is left."""


class FilteredJoiner:
    """A vocabulary's joiner with filters behind it."""

    def __init__(self, joiner: CharacterJoiner | WordJoiner, filters: Sequence[TextFilter]) -> None:
        self._joiner = joiner
        self._filters = filters

    def push(self, token: str) -> str:
        """Take a token; return the text that is settled by it."""
        piece = self._joiner.push(token)
        for each in self._filters:
            piece = each.push(piece)
        return piece

    def finish(self) -> str:
        """Return what is left."""
        piece = self._joiner.finish()
        for each in self._filters:
            piece = each.push(piece) + each.finish()
        return piece


class LineBreakFilter:
    r"""Makes a line break of each backslash with an n behind it."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> str:
        """See `TextFilter`."""
        text = (self._held + piece).replace("\\n", "\n")
        self._held = "\\" if text.endswith("\\") else ""
        return text.removesuffix("\\")

    def finish(self) -> str:
        """See `TextFilter`."""
        return self._held


class FragmentFilter:
    """Leaves out the rest of the sentence in whose middle a text begins.

    If no sentence of the text ends, only the rest of the word is left out.
    """

    def __init__(self, context: Callable[[], str]) -> None:
        """`context` returns what is before the text, once the text begins."""
        self._context = context
        self._sentence: OpenSentence | None = None
        self._before = 0
        self._skipping = True
        self._begun = False

    def push(self, piece: str) -> str:
        """See `TextFilter`. The space in front is left out too."""
        if not piece:
            return ""
        if self._skipping:
            piece = self._behind_the_fragment(piece)
        if not self._begun:
            piece = piece.lstrip()
            self._begun = bool(piece)
        return piece

    def _behind_the_fragment(self, piece: str) -> str:
        if self._sentence is None:
            self._sentence = OpenSentence()
            self._sentence.push(self._context())
            self._before = len(self._sentence.text)
            self._skipping = bool(self._sentence.text.strip())
            if not self._skipping:
                return piece
        ended = self._sentence.push(piece)
        if not ended:
            return ""
        self._skipping = False
        return "".join([*ended[1:], self._sentence.text])

    def finish(self) -> str:
        """See `TextFilter`."""
        if not self._skipping or self._sentence is None:
            return ""
        before, held = self._sentence.text[: self._before], self._sentence.text[self._before :]
        if before[-1:].isspace():
            return held.lstrip()
        return held.partition(" ")[2].lstrip()


class SentenceFilter:
    """Leaves out the sentence that is open if the text is cut.

    If no sentence of the text has ended, only the last word is left out, which may be cut too.
    """

    def __init__(self) -> None:
        self.ends_here = False
        """Whether a text that is cut after the last piece is whole."""
        self.cut = False
        """Whether the text is cut, and does not end by itself."""
        self._sentence = OpenSentence()
        self._some = False

    def push(self, piece: str) -> str:
        """See `TextFilter`."""
        ended = "".join(self._sentence.push(piece))
        self._some = self._some or bool(ended.strip())
        text = self._sentence.text
        self.ends_here = bool(ended) or not text or text.isspace()
        return ended

    def finish(self) -> str:
        """See `TextFilter`."""
        text = self._sentence.text
        if not self.cut:
            return text
        if self._sentence.has_ended:
            return text.rstrip()
        return "" if self._some else text.rpartition(" ")[0]
