"""Texts as one array of token ids, and the windows of it that are the samples.

Source: `generate_sequences_from_texts` and `train_on_texts` of textgenrnn, and Keras's Tokenizer,
whose order of tokens is kept: commonest first, and of equals the one met first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.vocabulary import START, space_punctuation
from train.errors import TextError

CODE_POINTS = 0x110000


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
    """All texts. N tokens in all, start and end marks among them."""

    tokens: npt.NDArray[Any]
    """[N] ids, 0 for a token that is not in the vocabulary; as narrow a type as fits."""
    starts: npt.NDArray[np.int64]
    """Where each text begins."""
    ends: npt.NDArray[Any]
    """Where each sample's window ends; the token after it is the one to predict, and is known."""

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
        """Encode texts. 5 to 8 bytes a token are needed, and the texts' own.

        Raises:
            TextError: there is not a single sample in them.
        """
        kind = np.min_scalar_type(len(vocabulary))
        mark = [] if single_text else [vocabulary.get(START, 0)]
        encode = _word_encoder(vocabulary) if word_level else _character_encoder(vocabulary, kind)
        pieces: list[npt.NDArray[Any]] = []
        for text in texts:
            ids = encode(text)
            pieces += [np.array(mark, kind), ids.astype(kind, copy=False), np.array(mark, kind)]
        tokens = np.concatenate([np.zeros(0, kind), *pieces])
        sizes = np.array([len(piece) for piece in pieces], np.int64).reshape(-1, 3).sum(axis=1)
        starts = np.cumsum(sizes) - sizes
        # textgenrnn leaves out the windows that a running text does not fill.
        first = max_length if single_text else 0
        position = np.int32 if len(tokens) < 2**31 else np.int64
        known: npt.NDArray[np.int64] = np.flatnonzero(tokens[1:])
        inside = np.ones(len(tokens), bool)
        inside[(starts + sizes - 1)[sizes > 0]] = False  # what follows belongs to the next text
        ends = known[inside[known] & (known >= first)].astype(position, copy=False)
        if not len(ends):
            raise TextError(
                f"{len(tokens)} tokens are too few for a window of {max_length}",
                "give more text, a smaller --max-length, or --line-delimited",
            )
        return cls(tokens, starts, ends)

    @property
    def complete(self) -> bool:
        """Whether the vocabulary knows every token."""
        return bool(self.tokens.all())

    def split(self, train_size: float, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the ends of training and of validation windows, drawn as textgenrnn draws them."""
        if train_size == 1.0:
            return self.ends, self.ends[:0]
        chosen = np.random.default_rng(seed).random(len(self.ends)) < train_size
        return self.ends[chosen], self.ends[~chosen]

    def texts_of(self, ends: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the number of the text that each position lies in."""
        return np.searchsorted(self.starts, ends, side="right") - 1

    def windows(self, ends: npt.NDArray[Any], max_length: int) -> npt.NDArray[np.int32]:
        """Return [len(ends), T] windows, left-padded: the plain definition of `dataset`'s.

        A window spans T + 1 tokens; unknown ones are left out, then the last T remain.
        """
        columns = np.arange(-max_length, 1)
        at = np.asarray(ends, np.int64)[:, None] + columns
        begun = at >= self.starts[self.texts_of(ends)][:, None]
        ids = np.where(begun, self.tokens[np.maximum(at, 0)], 0).astype(np.int32)
        order = np.argsort(ids != 0, axis=1, kind="stable")
        return np.take_along_axis(ids, order, axis=1)[:, 1:]


def _character_encoder(vocabulary: dict[str, int], kind: np.dtype[Any]) -> Any:
    table = np.zeros(CODE_POINTS, kind)
    for token, number in vocabulary.items():
        if len(token) == 1:
            table[ord(token)] = number
    return lambda text: table[np.frombuffer(text.encode("utf-32-le"), np.uint32)]


def _word_encoder(vocabulary: dict[str, int]) -> Any:
    return lambda text: np.array([vocabulary.get(word, 0) for word in words_of(text)], np.int64)
