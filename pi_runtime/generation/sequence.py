"""One text in the making: what the network reads next, and what its answer adds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.generation.sampling import sample, temperature_at
from pi_runtime.model.vocabulary import START, Vocabulary


class Draft:
    """A text, from its start token to its end.

    Source: `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py). One thing differs: with
    single_text and a prefix, textgenrnn cuts the first T tokens off the result, and the prefix
    with them. Here the text keeps them, and ends with what textgenrnn returns.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        max_length: int,
        prefix: str | None,
        schedule: Sequence[float],
        max_gen_length: int,
        random: np.random.RandomState,
    ) -> None:
        self._vocabulary = vocabulary
        self._schedule = schedule
        self._random = random
        self._joiner = vocabulary.joiner()
        given = vocabulary.split(prefix) if prefix else None
        self._hidden = 1
        """How many of the first tokens are not part of the text."""
        if not vocabulary.single_text:
            tokens = [START, *(given or [])]
        elif given is not None:
            tokens, self._hidden = given, 0
        else:
            tokens, self._hidden = [""], max_length
        self._limit = max_gen_length + (max_length if vocabulary.single_text else 0)
        self._waiting = deque([vocabulary.id(token) for token in tokens][-max_length:] or [0])
        self._length = 0
        self._pieces: list[str] = []
        self._unread = 0
        self.done = False
        for token in tokens:
            self._add(token)

    @property
    def text(self) -> str:
        """The text so far: whole once it is done, else what is settled of it."""
        return "".join(self._pieces)

    def settled(self) -> str:
        """Return what has been settled since the last call."""
        news = "".join(self._pieces[self._unread :])
        self._unread = len(self._pieces)
        return news

    def next_id(self) -> int:
        """Return the token id that the network reads next."""
        return self._waiting.popleft()

    def take(self, probabilities: npt.NDArray[np.float32]) -> None:
        """Take the network's answer, [V], to the last `next_id()`: draw a token from it.

        While the prefix is still being read, the answer is of no use and is let go.
        """
        if self._waiting:
            return
        temperature = temperature_at(self._schedule, self._length)
        number = sample(probabilities, temperature, self._random)
        if number not in self._vocabulary:
            # A gap in the vocabulary: textgenrnn fails with a KeyError here.
            number = int(np.argmax(np.where(self._vocabulary.drawable, probabilities, -1)))
        self._waiting.append(number)
        self._add(self._vocabulary.token(number))

    def _add(self, token: str) -> None:
        self._length += 1
        ended = token == START and self._length > 1
        if self._length > self._hidden and not ended:
            self._pieces.append(self._joiner.push(token))
        if ended or self._length >= self._limit:
            self._finish()

    def _finish(self) -> None:
        if not self.done:
            self.done = True
            self._pieces.append(self._joiner.finish())
