"""A text that somebody writes together with the network: it proposes tokens, they choose."""

from __future__ import annotations

import numpy as np

from pi_runtime.generation.generator import TextGenerator
from pi_runtime.model.vocabulary import START


class Composer:
    """A text in the making. It begins with a prefix, which cannot be taken back.

    Source: the interactive mode of `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py). What the
    network reads at the start, and how tokens become text, is `Draft`'s.
    """

    def __init__(self, generator: TextGenerator, prefix: str | None = None) -> None:
        self._vocabulary = generator.vocabulary
        self._backend = generator.backend
        self._window = generator.config.max_length
        self._tokens = self._vocabulary.split(prefix) if prefix else []
        self._given = len(self._tokens)
        self._read()

    def _read(self) -> None:
        """Let the network read the last T tokens anew."""
        tokens = self._tokens if self._vocabulary.single_text else [START, *self._tokens]
        ids = [self._vocabulary.id(token) for token in tokens][-self._window :]
        self._backend.reset()
        for number in ids or [0]:
            self._answer = self._backend.advance([number])[0].copy()

    @property
    def text(self) -> str:
        """What is written so far."""
        joiner = self._vocabulary.joiner()
        return "".join(joiner.push(token) for token in self._tokens) + joiner.finish()

    def options(self, count: int) -> list[str]:
        """Return the likeliest next tokens, likeliest first; `<s>` among them ends the text."""
        order = np.argsort(-self._answer, kind="stable")
        return [self._vocabulary.token(n) for n in order.tolist() if n in self._vocabulary][:count]

    def add(self, token: str) -> None:
        """Write a token on, such as one of the options."""
        self._tokens.append(token)
        self._answer = self._backend.advance([self._vocabulary.id(token)])[0].copy()

    def write(self, text: str) -> None:
        """Write words of one's own on."""
        for token in self._vocabulary.split(text):
            self.add(token)

    def back(self) -> bool:
        """Take the last token back; return whether there was one."""
        if len(self._tokens) == self._given:
            return False
        self._tokens.pop()
        self._read()
        return True
