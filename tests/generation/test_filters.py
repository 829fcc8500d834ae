"""What is done to a text whose tokens are drawn: whole sentences at its ends, line breaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.generation.filters import LineBreakFilter
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.sampling import random_stream
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.model.vocabulary import Vocabulary
from pi_runtime.sentences import split_sentences

WINDOW = 4
LATIN = ["a", "b", "B", ".", "!", " ", "\n"]
TOKENS = [*LATIN, "。", "<s>"]
IDS = {token: at for at, token in enumerate(TOKENS, 1)}
ENDED = Vocabulary(IDS, 10, word_level=False)
SINGLE = Vocabulary({t: i for t, i in IDS.items() if t != "<s>"}, 10, word_level=False)
WORDS = Vocabulary({"to": 1, "be": 2, ".": 3, ",": 4, "\n": 5, "<s>": 6}, 10, word_level=True)


def text_of(
    tokens: list[str],
    vocabulary: Vocabulary = ENDED,
    limit: int = 10,
    prefix: str | None = None,
    *,
    finish: bool = True,
    skip: bool = False,
) -> tuple[str, int]:
    """Return the text that these draws make, and how many of them it took."""
    params = SamplingParams(0, limit, finish_sentence=finish, skip_fragment=skip)
    sequence = SampledSequence(vocabulary, WINDOW, prefix, params, random_stream(0))
    sequence.next_id()
    streamed = sequence.settled()
    drawn = 0
    while not sequence.done:
        token_id = vocabulary.id(tokens[drawn]) if not sequence.waiting else 1
        drawn += not sequence.waiting
        sequence.take(np.eye(10, dtype=np.float32)[token_id])
        streamed += sequence.settled()
        if sequence.waiting:
            sequence.next_id()
    assert streamed + sequence.settled() == sequence.text
    return sequence.text, drawn


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ("aa ab. bb", "aa ab."),
        ("aa. ab bb aa", "aa."),
        ("aa. ab bb. aa", "aa. ab bb."),
        ("aa.\nab bb aa", "aa."),
        ("aa! ab\nbb aa", "aa! ab"),
        ("aa。ab。bbbbb", "aa。ab。"),
        ("aaa abb aaaab", "aaa abb"),
        ("aaaaaaaaaaaaa", ""),
        ("abbba.b bb. aaaa", "abbba.b bb."),
    ],
)
def test_a_text_ends_with_a_sentence(drawn: str, text: str) -> None:
    """Its limit is 8 tokens after the start mark, and 12 for the sentence that is open."""
    assert text_of([*drawn, *"aaaaaaaaa"], limit=9)[0] == text


def test_a_text_that_ends_by_itself_is_left_as_it_is() -> None:
    assert text_of([*"aa. ab", "<s>"])[0] == "aa. ab"
    assert text_of([*"aa. bbbbbb", "<s>"], limit=9)[0] == "aa. bbbbbb"


def test_without_the_option_a_text_is_cut_as_textgenrnn_cuts_it() -> None:
    assert text_of([*"aa. ab bb"], limit=7, finish=False) == ("aa. ab", 6)


def test_a_prefix_beyond_the_limit_is_the_text() -> None:
    assert text_of([], prefix="aa. bbb bb", limit=5)[0] == "aa. bbb bb"


def test_words_are_finished_too() -> None:
    drawn = ["to", "be", ",", "be", "to", ".", "be", "be"]
    assert text_of(drawn, WORDS, limit=6)[0] == "to be, be to."


@given(
    drawn=st.lists(st.sampled_from([*LATIN, "<s>"]), min_size=60, max_size=60),
    limit=st.integers(2, 30),
)
def test_sentences_are_those_of_the_text_that_goes_on(drawn: list[str], limit: int) -> None:
    most = limit + limit // 2
    text, taken = text_of(drawn, limit=limit)
    plain, _ = text_of(drawn, limit=limit, finish=False)
    longest, _ = text_of(drawn, limit=most, finish=False)
    assert taken < most
    assert longest.startswith(text)
    if "<s>" in drawn[: limit - 1]:
        assert text == plain
    sentences = list(split_sentences([text]))
    following = list(split_sentences([longest]))
    if "<s>" in drawn[: most - 1] or len(following) > len(list(split_sentences([plain]))):
        assert sentences == following[: len(sentences)]
        assert len(sentences) >= len(list(split_sentences([plain])))
    elif len(following) > 1 and sentences != following:
        assert sentences == following[:-1]


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ("aab bb. ab bb", "ab bb"),  # the first three are hidden
        ("aab bb.\n\nab bb", "ab bb"),
        ("aabbb. ab. bb", "ab. bb"),
        ("aa. ab bb. aa", "ab bb. aa"),
        ("ab.ab bb. aaa", "aaa"),
        ("a.\nab bb. aa b", "ab bb. aa b"),
        ("aabbb ab bb ab", "ab bb ab"),
        ("ab ab bb ab ab", "ab bb ab ab"),
        ("aabbbbbbbbbbbb", ""),
    ],
)
def test_a_single_text_begins_with_a_sentence(drawn: str, text: str) -> None:
    limit = len(drawn) - WINDOW + 1
    assert text_of([*drawn], SINGLE, limit, finish=False, skip=True)[0] == text


def test_a_text_that_begins_by_itself_is_left_as_it_is() -> None:
    assert text_of([*"ab. bb. ab"], limit=11, finish=False, skip=True)[0] == "ab. bb. ab"
    assert text_of([*"b bb. ab"], SINGLE, 6, "ab", finish=False, skip=True)[0] == "abb bb. ab"


@given(
    drawn=st.lists(st.sampled_from(LATIN), min_size=60, max_size=60),
    limit=st.integers(1, 30),
)
def test_what_is_skipped_is_only_at_the_beginning(drawn: list[str], limit: int) -> None:
    plain, _ = text_of(drawn, SINGLE, limit, finish=False)
    text, _ = text_of(drawn, SINGLE, limit, finish=False, skip=True)
    assert plain.endswith(text)
    hidden = "".join(drawn[: WINDOW - 1])
    whole = list(split_sentences([hidden + plain]))
    assert list(split_sentences([text])) in [whole[at:] for at in range(len(whole) + 1)] or (
        " " not in text or len(whole) == 1
    )


@given(pieces=st.lists(st.text("n\\\n a", max_size=3)))
def test_line_breaks_are_found_wherever_the_pieces_are_cut(pieces: list[str]) -> None:
    breaks = LineBreakFilter()
    text = "".join(map(breaks.push, pieces)) + breaks.finish()
    assert text == "".join(pieces).replace("\\n", "\n")


@pytest.mark.parametrize(
    ("tokens", "word_level", "escaped"),
    [
        (["\\", "n", "a"], False, True),
        (["\\", "n", "\n"], False, False),
        (["\\", "a"], False, False),
        (["n", "a"], False, False),
        (["to", "to\\nbe"], True, True),
        (["to", "to\\nbe", "\n"], True, False),
        (["to", "n"], True, False),
    ],
)
def test_line_breaks_are_escaped_if_there_are_no_others(
    tokens: list[str], word_level: bool, escaped: bool
) -> None:
    ids = {token: at for at, token in enumerate(tokens, 1)}
    assert Vocabulary(ids, 9, word_level=word_level).escaped_line_breaks == escaped


@pytest.mark.parametrize(("more", "text"), [([], "a\na"), (["\n"], "a\\na")])
def test_only_a_model_without_line_breaks_is_unescaped(more: list[str], text: str) -> None:
    ids = {token: at for at, token in enumerate(["a", "\\", "n", "<s>", *more], 1)}
    params = SamplingParams(0, 5, unescape=True)
    vocabulary = Vocabulary(ids, 10, word_level=False)
    sequence = SampledSequence(vocabulary, WINDOW, None, params, random_stream(0))
    for token_id in (1, 2, 3, 1):
        sequence.next_id()
        sequence.take(np.eye(10, dtype=np.float32)[token_id])
    assert (sequence.text, sequence.done) == (text, True)
