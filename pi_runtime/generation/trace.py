"""How a text came about: the distribution behind each token that was drawn, and the attention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.reference import window_attention
from pi_runtime.generation.random_stream import RandomStream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import Probabilities, SampledSequence
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START, Vocabulary

TOP = 10
"""How many of the likeliest tokens a step keeps."""

MAX_STEPS = 4096
"""Steps of a network that are computed at once, which bounds the memory for its features."""


@dataclass(frozen=True)
class Step:
    """A token that was drawn, and the distribution that the network gave for it.

    The distribution is the network's own: at temperature 1, before any option changes it. Its
    likeliest tokens and ranks leave out ids without a token.
    """

    token_id: int
    probability: float
    rank: int
    """1 for the likeliest."""
    entropy: float
    """Of the distribution, in bits."""
    top: tuple[tuple[int, float], ...]
    """The `TOP` likeliest, likeliest first: ids and probabilities."""
    temperature: float
    """At which it was drawn."""

    @classmethod
    def of(
        cls,
        probabilities: Probabilities,
        token_id: int,
        temperature: float,
        vocabulary: Vocabulary,
    ) -> Step:
        """Return the step at which a token was drawn, from the probabilities [V]."""
        order = np.argsort(-probabilities, kind="stable")
        order = order[vocabulary.drawable[order]]
        exact = np.asarray(probabilities, np.float64)
        logs = np.log2(exact, where=exact > 0, out=np.zeros_like(exact))
        return cls(
            token_id,
            float(probabilities[token_id]),
            int(np.flatnonzero(order == token_id)[0]) + 1,
            abs(float(exact @ logs)),
            tuple((int(each), float(probabilities[each])) for each in order[:TOP]),
            temperature,
        )


class TracedSequence(SampledSequence):
    """The text that a `SampledSequence` is, with a record of each draw."""

    def __init__(
        self,
        sampler: Sampler,
        max_length: int,
        prefix: str | None,
        random: RandomStream,
    ) -> None:
        self.steps: list[Step] = []
        self.given = sampler.vocabulary.split(prefix) if prefix else []
        """The tokens of the prefix."""
        self._max_length = max_length
        super().__init__(sampler, max_length, prefix, random)

    def take(self, probabilities: Probabilities) -> None:
        """Draw the next token, once the whole prefix has been read."""
        if self.waiting:
            return
        temperature = self._sampler.params.temperature_at(self.length, self._limit)
        super().take(probabilities)
        drawn = self.token_ids[-1]
        self.steps.append(Step.of(probabilities, drawn, temperature, self.vocabulary))

    @property
    def tokens(self) -> list[str]:
        """Those of the prefix and those drawn, the end mark too."""
        return [*self.given, *(self.vocabulary.token(step.token_id) for step in self.steps)]

    @property
    def printed(self) -> range:
        """Which of `tokens` the text is made of: options may cut it at both ends.

        One of which only a part is left counts as well.
        """
        tokens = self.tokens
        if tokens[-1:] == [START] and self.steps:
            tokens.pop()
        pieces = [self._plain(token) for token in tokens]
        ends = np.cumsum([0, *map(len, pieces)]).tolist()
        # Without a prefix, the start token of a single text is hidden too, and is none of these.
        hidden = self._hidden - 1 if self.vocabulary.single_text and not self.given else 0
        text = self._plain(self.text)
        start = "".join(pieces).find(text, ends[min(hidden, len(pieces))])
        stop = start + len(text)
        found = [
            at
            for at, piece in enumerate(pieces)
            if ends[at] < stop and (ends[at + 1] > start or (not piece and ends[at] >= start))
        ]
        return range(found[0], found[-1] + 1) if found else range(0)

    def _plain(self, text: str) -> str:
        """Return a text without what filters and joiners change, but to cut it."""
        if self._unescape:
            text = text.replace("\n", "\\n")
        return text.replace(" ", "") if self.vocabulary.word_level else text

    def attention(self, network: Network) -> npt.NDArray[np.float32]:
        """Return how much each token of its window weighed for each draw, [steps, T].

        The newest token is the last; where a window is not full yet, it begins with padding. The
        weights are computed by the reference, which `network` is for.
        """
        length = self._max_length
        ids = np.array([0] * length + self.token_ids, np.int32)
        first = len(self.token_ids) - len(self.steps)
        windows = np.lib.stride_tricks.sliding_window_view(ids, length)[first : len(self.token_ids)]
        size = max(1, MAX_STEPS // length)
        weights = np.zeros(windows.shape, np.float32)
        for at in range(0, len(windows), size):
            weights[at : at + size] = window_attention(network, windows[at : at + size])
        return weights
