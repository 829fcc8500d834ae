"""A text in progress: which token the network reads next, and what text the tokens make.

Source: `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py). One thing differs: with single_text
and a prefix, textgenrnn cuts the first T tokens off the result, and the prefix with them. Here the
text keeps them, and ends with what textgenrnn returns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pi_runtime.generation.filters import (
    FilteredJoiner,
    FragmentFilter,
    LineBreakFilter,
    SentenceFilter,
    StopFilter,
    TextFilter,
    WordFilter,
)
from pi_runtime.generation.random_stream import RandomStream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.model.vocabulary import START, Vocabulary

Probabilities = npt.NDArray[np.float32]


class Sequence:
    """The tokens of a text from its start token on; a subclass decides which one follows.

    The network reads the last T of the tokens given, which is all that it can see, then each one
    that is added. `decode` calls `next_id` and `take` in turns.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        max_length: int,
        tokens: list[str],
        hidden: int,
        filters: list[TextFilter] | None = None,
    ) -> None:
        """Begin with these tokens, of which the first `hidden` are not part of the text."""
        self.vocabulary = vocabulary
        self.token_ids = [vocabulary.id(token) for token in tokens][-max_length:] or [0]
        """What the network reads: the given window, then what was added."""
        self.ids_read = 0
        """How many of them it has read."""
        self.length = 0
        """Tokens so far, the hidden ones counted."""
        self.done = False
        self._hidden = hidden
        joiner = vocabulary.joiner()
        self._joiner = FilteredJoiner(joiner, filters) if filters else joiner
        self._pieces: list[str] = []
        self._pieces_taken = 0
        for token in tokens:
            self._append(token)

    @property
    def text(self) -> str:
        """The text so far: whole once it is done, else what is settled of it."""
        return "".join(self._pieces)

    def settled(self) -> str:
        """Return what has been settled since the last call."""
        news = "".join(self._pieces[self._pieces_taken :])
        self._pieces_taken = len(self._pieces)
        return news

    @property
    def waiting(self) -> bool:
        """Whether there are tokens that the network has not read."""
        return self.ids_read < len(self.token_ids)

    def next_id(self) -> int:
        """Return the token id that the network reads next."""
        token_id = self.token_ids[self.ids_read]
        self.ids_read += 1
        return token_id

    def take(self, probabilities: Probabilities) -> None:
        """Take the probabilities of the token after the one that was read, [V]."""
        raise NotImplementedError

    def add(self, token: str, token_id: int) -> None:
        """Continue with a token; the start mark ends the text."""
        self.token_ids.append(token_id)
        if token == START:
            self.finish()
        else:
            self._append(token)

    def _append(self, token: str) -> None:
        self.length += 1
        if self.length > self._hidden:
            self._pieces.append(self._joiner.push(token))

    def finish(self) -> None:
        """End the text."""
        self.done = True
        self._pieces.append(self._joiner.finish())


class SampledSequence(Sequence):
    """A text whose tokens are drawn at random."""

    draws = 1
    """How often it was drawn until it was accepted."""
    rejected = False
    """Whether it never was."""

    def __init__(
        self,
        sampler: Sampler,
        max_length: int,
        prefix: str | None,
        random: RandomStream,
    ) -> None:
        self._sampler = sampler
        self._random = random
        params, vocabulary = sampler.params, sampler.vocabulary
        given = vocabulary.split(prefix) if prefix else None
        hidden, limit = 1, params.max_gen_length
        if not vocabulary.single_text:
            tokens = [START, *(given or [])]
        elif given is not None:
            tokens, hidden = given, 0
        else:
            tokens, hidden = [""], max_length
        self._limit = limit + (max_length if vocabulary.single_text else 0)
        self._end = SentenceFilter() if params.finish_sentence else None
        self._last = self._limit + limit // 2 if self._end else self._limit
        """The length at which an open sentence is given up."""
        self._unescape = params.unescape and vocabulary.escaped_line_breaks
        filters: list[TextFilter] = []
        if self._unescape:
            filters.append(LineBreakFilter())
        if params.skip_fragment and vocabulary.single_text and given is None:
            filters.append(FragmentFilter(self._context))
        self._enders: list[StopFilter | WordFilter] = []
        """What may end the text at any token."""
        if params.stop_at or params.max_words:
            before = len(self._text_of(vocabulary, given or []))
            if params.stop_at:
                self._enders.append(StopFilter(params.stop_at, before, keep=params.keep_stop))
            if params.max_words:
                self._enders.append(WordFilter(params.max_words, before))
        filters += self._enders
        if self._end:
            filters.append(self._end)
        super().__init__(vocabulary, max_length, tokens, hidden, filters)
        if self.length >= self._limit:
            self.finish()

    def _text_of(self, vocabulary: Vocabulary, tokens: list[str]) -> str:
        """Return tokens as text."""
        joiner = vocabulary.joiner()
        text = "".join(map(joiner.push, tokens)) + joiner.finish()
        return text.replace("\\n", "\n") if self._unescape else text

    def _context(self) -> str:
        """Return the hidden tokens as text: all that is before the token that was added last."""
        known = self.vocabulary
        tokens = [known.token(each) for each in self.token_ids[:-1] if each in known]
        return self._text_of(known, tokens)

    def take(self, probabilities: Probabilities) -> None:
        """Draw the next token, once the whole prefix has been read."""
        if self.ids_read < len(self.token_ids):  # `waiting`, without a call per token
            return
        token_id = self._sampler.draw(
            probabilities, self.token_ids, self.length, self._limit, self._random
        )
        self.add(self.vocabulary.token(token_id), token_id)
        if self.done:
            return
        if self._enders and any(ender.ended for ender in self._enders):
            self.finish()
        elif self.length >= self._limit:
            self._cut()

    def _cut(self) -> None:
        """End the text at its limit; to finish a sentence, behind it."""
        if self._end:
            if not self._end.ends_here and self.length < self._last:
                return
            self._end.cut = True
        self.finish()


class ChosenSequence(Sequence):
    """A text whose tokens a person chooses; it keeps the last probabilities."""

    probabilities: Probabilities

    def take(self, probabilities: Probabilities) -> None:
        """Keep them until a token is chosen."""
        self.probabilities = probabilities.copy()

    def add(self, token: str, token_id: int) -> None:
        """Continue with a token; a person may choose the start mark and go on."""
        self.token_ids.append(token_id)
        self._append(token)
