"""A text written by a person and the network together: it proposes tokens, the person chooses."""

from __future__ import annotations

import numpy as np

from pi_runtime import checks
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.sequence import ChosenSequence
from pi_runtime.model.vocabulary import START


class InteractiveText:
    """A text in the making. It begins with a prefix, which cannot be taken back.

    Source: the interactive mode of `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py).
    """

    def __init__(self, generator: TextGenerator, prefix: str | None = None) -> None:
        """Begin.

        Raises:
            UsageError: the prefix is no string.
        """
        prefix = checks.prefix(prefix)
        self._backend = generator.backend
        self._vocabulary = generator.vocabulary
        self._max_length = generator.config.max_length
        self._tokens = self._vocabulary.split(prefix) if prefix else []
        self._given = len(self._tokens)
        self._begin()

    def _begin(self) -> None:
        """Let the network read the last T tokens, from an empty window."""
        start = [] if self._vocabulary.single_text else [START]
        self._sequence = ChosenSequence(
            self._vocabulary, self._max_length, [*start, *self._tokens], hidden=len(start)
        )
        self._steps = decode(self._backend, [self._sequence])
        self._read()

    def _read(self) -> None:
        while self._sequence.waiting:
            next(self._steps)

    @property
    def text(self) -> str:
        """What is written so far."""
        joiner = self._vocabulary.joiner()
        return "".join(joiner.push(token) for token in self._tokens) + joiner.finish()

    def options(self, count: int) -> list[str]:
        """Return the likeliest next tokens, likeliest first; `<s>` among them ends the text."""
        order = np.argsort(-self._sequence.probabilities, kind="stable").tolist()
        known = (token_id for token_id in order if token_id in self._vocabulary)
        return [self._vocabulary.token(token_id) for token_id in known][:count]

    def add(self, token: str) -> None:
        """Continue with a token, such as one of the options."""
        self._tokens.append(token)
        self._sequence.add(token, self._vocabulary.id(token))
        self._read()

    def write(self, text: str) -> None:
        """Continue with the person's own words."""
        for token in self._vocabulary.split(text):
            self.add(token)

    def undo(self) -> bool:
        """Take the last token back; return whether there was one."""
        if len(self._tokens) == self._given:
            return False
        self._tokens.pop()
        self._begin()
        return True
