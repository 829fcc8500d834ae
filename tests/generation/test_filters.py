"""What is done to a text whose tokens are drawn: whole sentences at its ends, line breaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.generation.filters import LineBreakFilter
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
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
    sequence = SampledSequence(Sampler(params, vocabulary), WINDOW, prefix, random_stream(0))
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
    sequence = SampledSequence(Sampler(params, vocabulary), WINDOW, None, random_stream(0))
    for token_id in (1, 2, 3, 1):
        sequence.next_id()
        sequence.take(np.eye(10, dtype=np.float32)[token_id])
    assert (sequence.text, sequence.done) == (text, True)


# --- strings and words that end a text -----------------------------------------------------------


def ended(
    drawn: str, vocabulary: Vocabulary = ENDED, prefix: str | None = None, **options: Any
) -> str:
    """Return the text that these draws make, if they suffice."""
    params = SamplingParams(0, options.pop("limit", 40), **options)
    sequence = SampledSequence(Sampler(params, vocabulary), WINDOW, prefix, random_stream(0))
    tokens = iter(drawn.split("|") if vocabulary.word_level else drawn)
    streamed = sequence.settled()
    while not sequence.done:
        sequence.next_id()
        token_id = 1 if sequence.waiting else vocabulary.id(next(tokens, "<s>"))
        sequence.take(np.eye(10, dtype=np.float32)[token_id])
        streamed += sequence.settled()
    assert streamed == sequence.text
    return sequence.text


@pytest.mark.parametrize(
    ("stops", "cut", "kept"),
    [
        (["B"], "aab ", "aab B"),
        (["b B"], "aa", "aab B"),
        (["b B", "ab B"], "a", "aab B"),  # complete at the same time: the longest
        (["b b", "ab"], "a", "aab"),  # the one that is complete first
        (["a!", "xyz"], "aab Ba. ab", "aab Ba. ab"),  # none
        (["aab"], "", "aab"),
        (["ab Ba. ab b"], "aab Ba. ab", "aab Ba. ab"),  # begun, and the text ends
    ],
)
def test_a_text_ends_at_a_string(stops: list[str], cut: str, kept: str) -> None:
    assert ended("aab Ba. ab", stop_at=stops) == cut
    assert ended("aab Ba. ab", stop_at=stops, keep_stop=True) == kept


def test_nothing_is_drawn_behind_the_string() -> None:
    params = SamplingParams(0, stop_at=["b"])
    sequence = SampledSequence(Sampler(params, ENDED), WINDOW, None, random_stream(0))
    for token in "ab":
        sequence.next_id()
        sequence.take(np.eye(10, dtype=np.float32)[ENDED.id(token)])
    assert sequence.done


def test_a_string_in_the_prefix_ends_nothing() -> None:
    assert ended("a.ab b", prefix="ab", stop_at=["ab"]) == "aba."
    assert ended("b ab", prefix="a", stop_at=["ab"]) == "ab ", "nor one that begins in it"


@given(st.text("ab .", max_size=30), st.lists(st.text("ab .", min_size=1, max_size=4), max_size=4))
def test_a_text_ends_where_any_string_is_first_complete(drawn: str, stops: list[str]) -> None:
    for end in range(len(drawn) + 1):
        found = [stop for stop in stops if drawn[:end].endswith(stop)]
        if found:
            longest = max(map(len, found))
            assert ended(drawn, stop_at=stops) == drawn[: end - longest]
            assert ended(drawn, stop_at=stops, keep_stop=True) == drawn[:end]
            return
    assert ended(drawn, stop_at=stops) == drawn


@pytest.mark.parametrize(
    ("drawn", "count", "text"),
    [
        ("aa b ab a", 2, "aa b"),
        ("aa b ab a", 4, "aa b ab a"),
        ("aa b ab a", 9, "aa b ab a"),
        ("  aa\n b ab", 2, "  aa\n b"),
        ("aa. b! ab", 2, "aa. b!"),
    ],
)
def test_a_text_ends_after_a_number_of_words(drawn: str, count: int, text: str) -> None:
    assert ended(drawn, max_words=count) == text


@pytest.mark.parametrize(
    ("prefix", "text"),
    [("a b", "a bb"), ("a b ", "a b "), ("a b a", "a b a"), ("a ", "a bb"), ("a", "ab a")],
)
def test_the_words_of_a_prefix_count_and_stay(prefix: str, text: str) -> None:
    drawn = {"a b": "b a", "a b ": "b a", "a b a": "b a", "a ": "bb a", "a": "b a b"}[prefix]
    assert ended(drawn, prefix=prefix, max_words=2) == text


@given(st.lists(st.sampled_from(["a", "b ", " ", ". ", "B\n"]), max_size=20), st.integers(1, 6))
def test_no_text_has_more_words_than_asked_for(pieces: list[str], count: int) -> None:
    drawn = "".join(pieces)
    text = ended(drawn, max_words=count)
    assert drawn.startswith(text)
    assert len(text.split()) == min(count, len(drawn.split()))


def test_words_and_strings_at_word_level() -> None:
    assert ended("to|be|,|to|be|.|to", WORDS, max_words=3) == "to be, to"
    assert ended("to|be|,|to|be|.|to", WORDS, stop_at=[", to"]) == "to be"
    assert ended("to|be|,|to|be|.|to", WORDS, stop_at=["."], keep_stop=True) == "to be, to be."


def test_a_string_and_a_whole_sentence() -> None:
    """A text that ends at a string is not cut: its last sentence stays, finished or not."""
    options: dict[str, Any] = {"finish_sentence": True, "limit": 12}
    assert ended("aa. ab ab ab! b", stop_at=["b!"], **options) == "aa. ab ab a"
    assert ended("aa. ab ab ab! b", stop_at=["x"], **options) == "aa. ab ab ab!"
