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


class StopFilter:
    """Ends a text at a string: the one that is complete first, and of several the longest."""

    def __init__(self, stops: Sequence[str], before: int, *, keep: bool) -> None:
        """The first `before` characters, the prefix, are not searched."""
        self.ended = False
        """Whether it was found."""
        self._stops = sorted(stops, key=len, reverse=True)
        self._before = before
        self._keep = keep
        self._held = ""

    def push(self, piece: str) -> str:
        """See `TextFilter`."""
        if self.ended:
            return ""
        given, piece = piece[: self._before], piece[self._before :]
        self._before -= len(given)
        text = self._held + piece
        found = [(text.find(stop) + len(stop), len(stop)) for stop in self._stops if stop in text]
        if found:
            end, length = min(found, key=lambda each: (each[0], -each[1]))
            self.ended, self._held = True, ""
            return given + text[: end if self._keep else end - length]
        settled = len(text) - self._begun(text)
        self._held = text[settled:]
        return given + text[:settled]

    def _begun(self, text: str) -> int:
        """Return the length of the longest end of a text that a string begins with."""
        longest = min(len(text), len(self._stops[0]) - 1)
        for length in range(longest, 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                return length
        return 0

    def finish(self) -> str:
        """See `TextFilter`."""
        return self._held


class WordFilter:
    """Ends a text after a number of words: behind the last one, before the space that follows."""

    def __init__(self, count: int, before: int) -> None:
        """Words in the first `before` characters, the prefix, are counted and never left out."""
        self.ended = False
        """Whether there are that many."""
        self._left = count
        self._before = before
        self._in_word = False

    def push(self, piece: str) -> str:
        """See `TextFilter`."""
        if self.ended:
            return ""
        for at, character in enumerate(piece):
            is_space = character.isspace()
            enough = self._left < 0 or (self._left == 0 and (is_space or not self._in_word))
            if enough and at >= self._before:
                self.ended = True
                return piece[:at]
            if not is_space and not self._in_word:
                self._left -= 1
            self._in_word = not is_space
        self._before -= len(piece)
        return piece

    def finish(self) -> str:
        """See `TextFilter`."""
        return ""


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
