"""Texts as one array of token ids, and the samples: its windows.

Source: `generate_sequences_from_texts` and `train_on_texts` of textgenrnn, and Keras's Tokenizer,
whose order of tokens is kept: the most frequent first, and among equals the one that occurs first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.model.vocabulary import START, words_of
from train.errors import TextError

CODE_POINTS = 0x110000
PIECE = 1 << 20

Encoder = Callable[[str], Iterator[npt.NDArray[Any]]]
"""From a text to its token ids, in pieces."""


def make_vocabulary(
    texts: Iterable[str], *, word_level: bool, max_words: int, single_text: bool
) -> dict[str, int]:
    """Return the ids of the tokens, from 1; `<s>` is the last, and absent with `single_text`.

    Raises:
        TextError: a token is no text: half of a surrogate pair is no character.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text) if word_level else text)
    tokens = [token for token, _ in counts.most_common(max_words)]
    if any("\ud800" <= letter <= "\udfff" for token in tokens for letter in token):
        raise TextError(
            "the texts have halves of surrogate pairs, which are no characters",
            "read them in their true encoding, with --encoding",
        )
    marks = [] if single_text else [START]
    return {token: token_id for token_id, token in enumerate([*tokens, *marks], 1)}


@dataclass(frozen=True)
class Corpus:
    """All texts, N tokens in total, including start and end marks.

    A sample is a window and the token after it, which is in the vocabulary. Where the window of a
    sample ends is computed from the sample's index, or looked up if unknown tokens leave gaps.
    """

    tokens: npt.NDArray[Any]
    """[N] token ids, 0 for unknown tokens; of the narrowest type that fits."""
    starts: npt.NDArray[np.int64]
    """[texts]: where each text begins."""
    before: npt.NDArray[np.int64]
    """[texts + 1]: how many samples precede each text if all tokens are known."""
    first: int
    """Where in a text its first window ends."""
    ends: npt.NDArray[Any] | None
    """[samples]: where the window of each one ends; None if all tokens are known."""

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

        It takes one or two bytes per token, and four more per sample if some tokens are unknown.

        Raises:
            TextError: the texts are too short for a single sample.
        """
        kind = np.min_scalar_type(max(vocabulary.values(), default=0))
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
        # textgenrnn leaves out the windows at the start of a running text that it does not fill.
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
        """How many samples there are."""
        return int(self.before[-1]) if self.ends is None else len(self.ends)

    def ends_of(self, samples: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return where the windows of the samples with these indices end."""
        if self.ends is not None:
            return np.asarray(self.ends[samples], np.int64)
        texts = np.searchsorted(self.before, samples, side="right") - 1
        ends: npt.NDArray[np.int64] = self.starts[texts] + self.first + samples - self.before[texts]
        return ends

    def texts_of(self, ends: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the index of the text that contains each position."""
        return np.searchsorted(self.starts, ends, side="right") - 1

    def windows(self, ends: npt.NDArray[Any], max_length: int) -> npt.NDArray[np.int32]:
        """Return the windows [len(ends), T] that end there, left-padded.

        This is the plain definition of what `Samples.batch` computes. A window spans T + 1 tokens;
        the unknown ones are removed, and the last T of the others are kept.
        """
        columns = np.arange(-max_length, 1)
        at = np.asarray(ends, np.int64)[:, None] + columns
        begun = at >= self.starts[self.texts_of(ends)][:, None]
        ids = np.where(begun, self.tokens[np.maximum(at, 0)], 0).astype(np.int32)
        order = np.argsort(ids != 0, axis=1, kind="stable")
        return np.take_along_axis(ids, order, axis=1)[:, 1:]


def _character_encoder(vocabulary: dict[str, int], kind: np.dtype[Any]) -> Encoder:
    table = np.zeros(CODE_POINTS, kind)
    for token, token_id in vocabulary.items():
        if len(token) == 1:
            table[ord(token)] = token_id

    def encode(text: str) -> Iterator[npt.NDArray[Any]]:
        # In pieces, as four bytes per character are a lot for a large text.
        for at in range(0, len(text), PIECE):
            piece = text[at : at + PIECE].encode("utf-32-le", "surrogatepass")
            yield table[np.frombuffer(piece, np.uint32)]

    return encode


def _word_encoder(vocabulary: dict[str, int], kind: np.dtype[Any]) -> Encoder:
    return lambda text: iter([np.array([vocabulary.get(w, 0) for w in words_of(text)], kind)])
