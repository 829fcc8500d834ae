"""Tokens and text: textgenrnn's vocabulary, its prefix tokeniser and its word-level clean-up.

Source: `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

START = "<s>"
"""Marks the start and the end of a text. A vocabulary without it is a single_text one."""

_PUNCTUATION = re.compile(r"""([!"#$%&()*+,\-./:;<=>?@\[\]^_`{|}~\n\t'‘’“”’–—])""")
_SPACES = re.compile(" {2,}")


def space_punctuation(text: str) -> str:
    """Set spaces round every punctuation mark, as word level does; one space where several were."""
    return _SPACES.sub(" ", _PUNCTUATION.sub(r" \1 ", text))


def words_of(text: str) -> list[str]:
    """Return a text's words and punctuation marks, in lower case."""
    return [word for word in space_punctuation(text).lower().split(" ") if word]


class Vocabulary:
    """The tokens a network knows and their ids, 1 … V - 1. Id 0 is padding, and the unknown.

    Where a file repeated a key, two tokens may have one id. Both are read as that id; what is
    written for it is the later token, as by textgenrnn's `dict((vocab[c], c) for c in vocab)`.
    """

    def __init__(self, ids: Mapping[str, int], classes: int, *, word_level: bool) -> None:
        self.ids = dict(ids)
        self.classes = classes
        self.word_level = word_level
        self._tokens = {token_id: token for token, token_id in self.ids.items()}
        self.drawable = np.zeros(classes, bool)
        """[V]: which ids have a token. Padding has none, nor does a gap between the ids."""
        self.drawable[list(self._tokens)] = True

    def __contains__(self, token_id: int) -> bool:
        return token_id in self._tokens

    @property
    def single_text(self) -> bool:
        """Whether the network was trained on one running text, without start and end marks."""
        return START not in self.ids

    @property
    def escaped_line_breaks(self) -> bool:
        """Whether the texts trained on had a backslash and an n for each line break.

        So do those of a program that wrote them escaped, such as a table's or JSON's.
        """
        if any("\n" in token for token in self.ids):
            return False
        return ("\\" in self.ids and "n" in self.ids) or any("\\n" in token for token in self.ids)

    def tokens(self) -> Iterable[str]:
        """Return all tokens but the start mark, in the order of their ids: most common first."""
        return (token for token in sorted(self.ids, key=self.ids.__getitem__) if token != START)

    def id(self, token: str) -> int:
        """Return a token's id, or 0 if it has none."""
        return self.ids.get(token, 0)

    def token(self, token_id: int) -> str:
        """Return the token of an id.

        Raises:
            KeyError: the id has none.
        """
        return self._tokens[token_id]

    def split(self, prefix: str) -> list[str]:
        """Cut a prefix into tokens as textgenrnn does, known or not."""
        if not self.word_level:
            return list(prefix)
        # On single spaces: a prefix that begins or ends with punctuation has an empty token
        # there, which the network reads as unknown.
        return space_punctuation(prefix).lower().split(" ")

    def known(self, text: str) -> list[int]:
        """Return the ids of the tokens of a text that the network knows, the start mark not."""
        tokens = self.split(text) if text else []
        return sorted({self.ids[each] for each in tokens if each in self.ids and each != START})

    def unknown(self, prefix: str) -> list[str]:
        """Return the tokens of a prefix that the network has never seen, each once."""
        return [token for token in dict.fromkeys(self.split(prefix)) if token not in self.ids]

    def joiner(self) -> CharacterJoiner | WordJoiner:
        """Return a fresh joiner, which turns tokens back into text piece by piece."""
        return WordJoiner() if self.word_level else CharacterJoiner()


class CharacterJoiner:
    """Character-level text: every token is its own text."""

    def push(self, token: str) -> str:
        """Take a token; return the text that is settled by it."""
        return token

    def finish(self) -> str:
        """Return what is left."""
        return ""


# textgenrnn 2.0's clean-up, in its order: no spaces round line breaks and tabs, none before
# closing punctuation, none after opening punctuation, none inside a pair of double quotes.
_CLEAN_UP = (
    (re.compile(r" ([\n\t]) "), r"\1"),
    (re.compile(r" ([!%),.:;?@\]_}\n\t'])"), r"\1"),
    (re.compile(r"([$(\[_\n\t']) "), r"\1"),
)


def clean_up(text: str) -> str:
    """Clean up space-joined word-level tokens by textgenrnn 2.0's rules."""
    text, at = _spaced(text), 0
    pieces = []
    for start, end in _quotations(text):
        pieces += [text[at:start], f'"{text[start + 2 : end - 2]}"']
        at = end
    return "".join([*pieces, text[at:]])


def _quotations(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the matches of `" (.+?) "` are, in time proportional to the text.

    The expression itself looks for the end of a line again from each quote that is not closed.
    """
    line_end = at = 0
    while (start := text.find('" ', at)) >= 0:
        if start >= line_end:
            line_end = text.find("\n", start) % (len(text) + 1)
        close = text.find(' "', start + 3, line_end)
        at = line_end if close < 0 else close + 2
        if close >= 0:
            yield start, at


def _spaced(text: str) -> str:
    for pattern, replacement in _CLEAN_UP:
        text = pattern.sub(replacement, text)
    return text


class WordJoiner:
    """Word-level text: tokens joined by spaces and cleaned up, as far as it is settled.

    The clean-up looks ahead: one token beyond a punctuation mark, from an opening quote to its
    closing one or the end of the line. `push` returns only what no later token can change, so the
    pieces joined equal `clean_up(" ".join(tokens))`.
    """

    # A space is settled when neither neighbour is a character the rules look at.
    _ENDS_OPEN = tuple("$([_\n\t'\"")
    _STARTS_CLOSED = tuple("!%),.:;?@]_}\n\t'\"")

    def __init__(self) -> None:
        self._held: list[str] = []
        self._first = True
        self._look_at = 1
        """How many tokens must be held before it is looked whether they are settled."""

    def push(self, token: str) -> str:
        """Take a token; return the text that is settled by it, often that before it."""
        settled = ""
        if (
            len(self._held) >= self._look_at
            and self._neutral(self._held[-1], token)
            and not self._keeps_holding()
        ):
            settled = self._release()
        self._held.append(token)
        return settled

    def finish(self) -> str:
        """Return what is left."""
        return self._release() if self._held else ""

    def _neutral(self, before: str, after: str) -> bool:
        return bool(
            before
            and after
            and not before.endswith(self._ENDS_OPEN)
            and not after.startswith(self._STARTS_CLOSED)
        )

    def _keeps_holding(self) -> bool:
        """Return whether a quote is open; if so, look again once there is a 64th more.

        Looking takes time in proportion to all that is held.
        """
        if not self._inside_quotes():
            return False
        self._look_at = len(self._held) + len(self._held) // 64
        return True

    def _inside_quotes(self) -> bool:
        spaced = _spaced(" ".join(self._held)) + " "
        end = max((end for _, end in _quotations(spaced)), default=0)
        return spaced.find('" ', max(end, spaced.rfind("\n") + 1)) >= 0

    def _release(self) -> str:
        text = clean_up(" ".join(self._held))
        self._held.clear()
        self._look_at = 1
        if not self._first:
            text = " " + text
        self._first = False
        return text
