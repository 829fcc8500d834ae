"""Texts that are drawn again until they are accepted.

Draw k of a text has a random stream of its own, so that a rejected text moves no other one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pi_runtime.errors import RejectedError, UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary

Accept = Callable[[str], bool]
"""Says of a text whether it is good."""


def acceptance(
    params: SamplingParams,
    vocabulary: Vocabulary,
    ngrams: NgramSet | None,
    prefix: str | None,
    accept: Accept | None,
) -> Accept | None:
    """Return what accepts a text, or None if every text is good.

    Raises:
        UsageError: originality is asked for, and the model does not know it.
    """
    tests: list[Accept] = []
    if params.original:
        tests.append(_originality(params, vocabulary, ngrams, prefix))
    if params.reject:
        patterns = [re.compile(each) for each in params.reject]
        tests.append(lambda text: not any(pattern.search(text) for pattern in patterns))
    if accept:
        tests.append(accept)
    return (lambda text: all(test(text) for test in tests)) if tests else None


def known_ngrams(ngrams: NgramSet | None, run: int) -> NgramSet:
    """Return the set of a model that has one, and knows runs of that length (0: any).

    Raises:
        UsageError: it has none, or does not.
    """
    if ngrams is None:
        raise UsageError(
            "this model does not know its training text",
            "convert it again with rnn-convert --corpus TEXT",
        )
    if 0 < run < ngrams.gram_size:
        raise UsageError(
            f"original is {run}",
            f"give at least {ngrams.gram_size} {ngrams.unit}: shorter runs are not known",
        )
    return ngrams


def _originality(
    params: SamplingParams, vocabulary: Vocabulary, ngrams: NgramSet | None, prefix: str | None
) -> Accept:
    known = known_ngrams(ngrams, params.original)
    escaped = params.unescape and vocabulary.escaped_line_breaks

    def trained(text: str) -> str:
        """Return a text as its like stood in the training text."""
        return text.replace("\n", "\\n") if escaped else text

    given = known.length(trained(prefix or ""))

    def is_original(text: str) -> bool:
        text = trained(text)
        return not (known.is_training_text(text) or known.has_run(text, params.original, given))

    return is_original


class RedrawnSequence:
    """A text that begins anew when it is rejected: nothing of it is settled before."""

    def __init__(self, draw: Callable[[int], SampledSequence], accept: Accept, tries: int) -> None:
        """`draw` begins draw k of the text."""
        self.draws = 1
        """How often it was drawn."""
        self.done = False
        self.rejected = False
        """Whether it is done, and no draw was accepted."""
        self.sequence = draw(0)
        """The last draw."""
        self._draw = draw
        self._accept = accept
        self._tries = tries
        if self.sequence.done:  # its prefix alone reaches the limit: nothing is drawn
            self.done = True

    @property
    def ids_read(self) -> int:
        """See `Sequence`."""
        return self.sequence.ids_read

    @property
    def text(self) -> str:
        """The text, once it is done."""
        return self.sequence.text if self.done else ""

    def settled(self) -> str:
        """Return what has been settled since the last call: all of it, once it is done."""
        return self.sequence.settled() if self.done else ""

    def next_id(self) -> int:
        """See `Sequence`."""
        return self.sequence.next_id()

    def take(self, probabilities: npt.NDArray[np.float32]) -> None:
        """See `Sequence`; judge the text when its last token is drawn."""
        self.sequence.take(probabilities)
        if not self.sequence.done:
            return
        if self._accept(self.sequence.text):
            self.done = True
        elif self.draws < self._tries:
            self.sequence = self._draw(self.draws)
            self.draws += 1
        else:
            self.done = self.rejected = True


def rejection(index: int, draws: int) -> RejectedError:
    """Return the error of a text whose draws were all rejected."""
    times = "once, and rejected" if draws == 1 else f"{draws} times, and rejected each time"
    return RejectedError(f"text {index} was drawn {times}", "allow more tries, or reject less")
