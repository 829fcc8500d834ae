"""Texts as tokens and samples: textgenrnn's own, in little memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.model.vocabulary import words_of
from train.corpus import Corpus, make_vocabulary
from train.errors import TextError

# --- tokens --------------------------------------------------------------------------------------


def test_tokens_are_ordered_as_keras_orders_them() -> None:
    """Commonest first; of equals, the one met first; the start mark last."""
    vocabulary = make_vocabulary(
        ["bca", "ca", "d"], word_level=False, max_words=9, single_text=False
    )
    assert vocabulary == {"c": 1, "a": 2, "b": 3, "d": 4, "<s>": 5}
    words = make_vocabulary(
        ["To be, or not\nto be"], word_level=True, max_words=3, single_text=True
    )
    assert words == {"to": 1, "be": 2, ",": 3}


def test_words_are_cut_as_textgenrnn_cuts_them() -> None:
    assert words_of("Don't stop –  (ever)\n") == [
        "don", "'", "t", "stop", "–", "(", "ever", ")", "\n",
    ]  # fmt: skip


# --- samples -------------------------------------------------------------------------------------


def samples_of_textgenrnn(
    texts: list[list[str]], vocabulary: dict[str, int], max_length: int, *, single_text: bool
) -> list[tuple[list[int], int]]:
    """Return (window, target) of all samples, as textgenrnn's own loop makes them."""
    found = []
    for text in texts:
        ends = range(len(text) + 1)
        if single_text:
            ends = ends[max_length:-2]
        else:
            text = ["<s>", *text, "<s>"]
        for end in ends:
            begin = end - max_length if end > max_length else 0
            window, target = text[begin : end + 1], text[end + 1]
            if target in vocabulary:
                ids = [vocabulary[token] for token in window if token in vocabulary][-max_length:]
                found.append(([0] * (max_length - len(ids)) + ids, vocabulary[target]))
    return found


@given(
    st.lists(st.text("abcdeж \n", max_size=30), min_size=1, max_size=5),
    st.integers(1, 8),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
)
def test_the_samples_are_textgenrnn_s(
    texts: list[str], max_length: int, max_words: int, word_level: bool, single_text: bool
) -> None:
    if single_text:
        texts = ["".join(texts)]
    vocabulary = make_vocabulary(
        texts, word_level=word_level, max_words=max_words, single_text=single_text
    )
    cut = [words_of(text) if word_level else list(text) for text in texts]
    expected = samples_of_textgenrnn(cut, vocabulary, max_length, single_text=single_text)
    try:
        corpus = Corpus.encode(
            texts, vocabulary, max_length, word_level=word_level, single_text=single_text
        )
    except TextError:
        assert not expected
        return
    ends = corpus.ends_of(np.arange(corpus.samples))
    windows = corpus.windows(ends, max_length)
    targets = corpus.tokens[ends + 1]
    assert [*zip(windows.tolist(), targets.tolist(), strict=True)] == expected


@pytest.mark.parametrize(("max_words", "bytes_per_token"), [(9, 1.1), (2, 5.1)])
def test_a_large_corpus_stays_narrow(max_words: int, bytes_per_token: float) -> None:
    text = "abc " * 10_000
    vocabulary = make_vocabulary([text], word_level=False, max_words=max_words, single_text=True)
    corpus = Corpus.encode([text], vocabulary, 5, word_level=False, single_text=True)
    held = sum(a.nbytes for a in vars(corpus).values() if isinstance(a, np.ndarray))
    assert held <= bytes_per_token * len(text)


def test_a_vocabulary_with_a_gap_has_room_for_its_largest_id() -> None:
    """A real one repeats a key: it has as many ids as its largest says, but for one."""
    vocabulary = {chr(0x400 + token_id): token_id for token_id in range(1, 257) if token_id != 9}
    text = "".join(vocabulary)
    corpus = Corpus.encode([text], vocabulary, 5, word_level=False, single_text=True)
    assert corpus.tokens.tolist() == list(vocabulary.values())
