"""Text and tokens, by textgenrnn 2.0's rules."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.model.vocabulary import Vocabulary, WordJoiner, _spaced, clean_up


def vocabulary(*tokens: str, word_level: bool = False) -> Vocabulary:
    return Vocabulary(
        {token: token_id for token_id, token in enumerate(tokens, 1)},
        len(tokens) + 1,
        word_level=word_level,
    )


def test_unknown_tokens_read_as_padding() -> None:
    words = vocabulary("a", "b", "<s>")
    assert [words.id(token) for token in ("a", "b", "<s>", "x")] == [1, 2, 3, 0]
    assert words.unknown("abcxc") == ["c", "x"]


def test_ids_may_have_gaps() -> None:
    gaps = Vocabulary({"c": 4, "<s>": 3, "a": 1}, 6, word_level=False)
    assert [token_id in gaps for token_id in range(6)] == [False, True, False, True, True, False]
    assert gaps.drawable.tolist() == [False, True, False, True, True, False]
    assert gaps.token(4) == "c"
    with pytest.raises(KeyError):
        gaps.token(2)


def test_tokens_come_commonest_first_and_without_the_start_mark() -> None:
    assert [*Vocabulary({"c": 4, "<s>": 3, "a": 1}, 6, word_level=False).tokens()] == ["a", "c"]


def test_a_vocabulary_without_the_start_mark_is_a_single_text() -> None:
    assert vocabulary("a").single_text
    assert not vocabulary("a", "<s>").single_text


@pytest.mark.parametrize(
    ("prefix", "tokens"),
    [
        ("Hello World", ["hello", "world"]),
        ("the ветер", ["the", "ветер"]),
        ("it's", ["it", "'", "s"]),
        ("' s", ["", "'", "s"]),
        ("ветер км,", ["ветер", "км", ",", ""]),
        ("a\nb", ["a", "\n", "b"]),
        ("wait… «so»", ["wait…", "«so»"]),
    ],
)
def test_a_word_level_prefix_is_cut_as_textgenrnn_cuts_it(prefix: str, tokens: list[str]) -> None:
    assert vocabulary("a", word_level=True).split(prefix) == tokens


def test_a_character_level_prefix_keeps_its_case() -> None:
    assert vocabulary("a").split("Aб ") == ["A", "б", " "]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("hello , world !", "hello, world!"),
        ("a ( b ) c", "a (b) c"),
        ("cost $ 5", "cost $5"),
        ('he said " no way " twice', 'he said "no way" twice'),
        ("one \n two", "one\ntwo"),
        ("don ' t", "don't"),
        ('an " open quote', 'an " open quote'),
    ],
)
def test_clean_up(raw: str, clean: str) -> None:
    assert clean_up(raw) == clean


TOKENS = [
    "a",
    "bc",
    "",
    "\n",
    "\t",
    '"',
    "'",
    ".",
    ",",
    "$",
    "(",
    "[",
    "_",
    ")",
    "!",
    'x"',
    '"y',
    "don't",
]


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=14))
def test_what_is_settled_never_changes(tokens: list[str]) -> None:
    joiner = WordJoiner()
    pieces = [joiner.push(token) for token in tokens] + [joiner.finish()]
    assert "".join(pieces) == clean_up(" ".join(tokens))


def test_plain_words_come_out_one_behind() -> None:
    joiner = WordJoiner()
    assert [joiner.push(word) for word in ("one", "two", "three")] == ["", "one", " two"]
    assert joiner.finish() == " three"


def test_quotes_are_found_as_textgenrnns_pattern_finds_them() -> None:
    random = Random(0)
    quoted = re.compile(r'" (.+?) "')
    tokens = ['"', "a", 'a"b', 'a "', '" c', "x", ",", ".", "\n", "(", "", "_", " "]
    for _ in range(5000):
        text = " ".join(random.choices(tokens, k=random.randint(1, 14)))
        assert clean_up(text) == quoted.sub(r'"\1"', _spaced(text))


def test_a_quote_that_is_never_closed_takes_no_more_time_a_token() -> None:
    """A prefix of `" a a a …` took seconds: it was cleaned up from its start for every token."""
    tokens = ['"', *("a" * 100_000)]
    joiner = WordJoiner()
    assert not "".join(joiner.push(token) for token in tokens)
    assert joiner.finish() == " ".join(tokens)
