"""Texts as one array of token ids, and the windows of it that are the samples.

Source: `generate_sequences_from_texts` and `train_on_texts` of textgenrnn, and Keras's Tokenizer,
whose order of tokens is kept: commonest first, and of equals the one met first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.model.vocabulary import START, space_punctuation
from train.errors import TextError

CODE_POINTS = 0x110000
PIECE = 1 << 20

Encoder = Callable[[str], Iterator[npt.NDArray[Any]]]
"""From a text to its ids, piece by piece."""


def words_of(text: str) -> list[str]:
    """Return a text's words and punctuation marks, in lower case."""
    return [word for word in space_punctuation(text).lower().split(" ") if word]


def make_vocabulary(
    texts: Iterable[str], *, word_level: bool, max_words: int, single_text: bool
) -> dict[str, int]:
    """Return the ids of tokens, from 1 on; `<s>` is last, and missing in a single_text one."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text) if word_level else text)
    tokens = [token for token, _ in counts.most_common(max_words)]
    return {
        token: number
        for number, token in enumerate([*tokens, *([] if single_text else [START])], 1)
    }


@dataclass(frozen=True)
class Corpus:
    """All texts. N tokens in all, start and end marks among them.

    A sample is a window and the token after it, which is known. Where each one's window ends is
    computed from its number, and kept in an array only where unknown tokens leave gaps.
    """

    tokens: npt.NDArray[Any]
    """[N] ids, 0 for a token that is not in the vocabulary; as narrow a type as fits."""
    starts: npt.NDArray[np.int64]
    """Where each text begins."""
    before: npt.NDArray[np.int64]
    """[texts + 1]: how many samples the texts before each hold, were every token known."""
    first: int
    """How far into a text its first window ends."""
    ends: npt.NDArray[Any] | None
    """Where each sample's window ends; None: every token is known."""

    @classmethod
    def encode(
        cls,
        texts: Sequence[str],
        vocabulary: dict[str, int],
        max_length: int,
        *,
        word_level: bool,
        single_text: bool,
    ) -> Corpus:
        """Encode texts.

        A token takes a byte or two, and four more where the vocabulary does not know every one.

        Raises:
            TextError: there is not a single sample in them.
        """
        kind = np.min_scalar_type(len(vocabulary))
        mark = [] if single_text else [vocabulary.get(START, 0)]
        encode = (_word_encoder if word_level else _character_encoder)(vocabulary, kind)
        pieces: list[npt.NDArray[Any]] = [np.zeros(0, kind)]
        sizes = []
        for text in texts:
            encoded = [np.array(mark, kind), *encode(text), np.array(mark, kind)]
            sizes.append(sum(map(len, encoded)))
            pieces += encoded
        tokens = np.concatenate(pieces)
        del pieces
        starts = np.cumsum([0, *sizes], dtype=np.int64)
        # textgenrnn leaves out the windows that a running text does not fill.
        first = max_length if single_text else 0
        before = np.cumsum([0, *(max(0, size - 1 - first) for size in sizes)], dtype=np.int64)
        corpus = cls(tokens, starts[:-1], before, first, None)
        if not tokens.all():
            every = corpus.ends_of(np.arange(before[-1]))
            known = every[tokens[every + 1] != 0]
            position = np.int32 if len(tokens) < 2**31 else np.int64
            corpus = replace(corpus, ends=known.astype(position))
        if not corpus.samples:
            raise TextError(
                f"{len(tokens)} tokens are too few for a window of {max_length}",
                "give more text, a smaller --max-length, or --line-delimited",
            )
        return corpus

    @property
    def samples(self) -> int:
        """How many there are."""
        return int(self.before[-1]) if self.ends is None else len(self.ends)

    def ends_of(self, samples: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return where the windows of samples end, by their numbers."""
        if self.ends is not None:
            return np.asarray(self.ends[samples], np.int64)
        texts = np.searchsorted(self.before, samples, side="right") - 1
        ends: npt.NDArray[np.int64] = self.starts[texts] + self.first + samples - self.before[texts]
        return ends

    def texts_of(self, ends: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the number of the text that each position lies in."""
        return np.searchsorted(self.starts, ends, side="right") - 1

    def windows(self, ends: npt.NDArray[Any], max_length: int) -> npt.NDArray[np.int32]:
        """Return [len(ends), T] windows, left-padded: the plain definition of `Batches`'s.

        A window spans T + 1 tokens; unknown ones are left out, then the last T remain.
        """
        columns = np.arange(-max_length, 1)
        at = np.asarray(ends, np.int64)[:, None] + columns
        begun = at >= self.starts[self.texts_of(ends)][:, None]
        ids = np.where(begun, self.tokens[np.maximum(at, 0)], 0).astype(np.int32)
        order = np.argsort(ids != 0, axis=1, kind="stable")
        return np.take_along_axis(ids, order, axis=1)[:, 1:]


def _character_encoder(vocabulary: dict[str, int], kind: np.dtype[Any]) -> Encoder:
    table = np.zeros(CODE_POINTS, kind)
    for token, number in vocabulary.items():
        if len(token) == 1:
            table[ord(token)] = number

    def encode(text: str) -> Iterator[npt.NDArray[Any]]:
        # In pieces: four bytes a character, if only for a moment, are many for a large text.
        for at in range(0, len(text), PIECE):
            piece = text[at : at + PIECE].encode("utf-32-le", "surrogatepass")
            yield table[np.frombuffer(piece, np.uint32)]

    return encode


def _word_encoder(vocabulary: dict[str, int], kind: np.dtype[Any]) -> Encoder:
    return lambda text: iter([np.array([vocabulary.get(w, 0) for w in words_of(text)], kind)])
