"""A text in progress, without a network: what it reads next, and when it ends."""

from __future__ import annotations

import numpy as np
import pytest

from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import ChosenSequence, Probabilities, SampledSequence
from pi_runtime.model.vocabulary import Vocabulary

LENGTH = 4
TOKENS = {"a": 1, "b": 2, "c": 3, "<s>": 4}
ENDED = Vocabulary(TOKENS, 5, word_level=False)
SINGLE = Vocabulary({"a": 1, "b": 2, "c": 3}, 5, word_level=False)
"""A single text. Id 4 is a gap."""
WORDS = Vocabulary({"a": 1, "b": 2, ",": 3, "<s>": 4}, 5, word_level=True)


def sampled(
    vocabulary: Vocabulary, prefix: str | None = None, limit: int = 10, temperature: float = 0
) -> SampledSequence:
    params = SamplingParams(temperature, limit)
    return SampledSequence(Sampler(params, vocabulary), LENGTH, prefix, random_stream(0))


def surely(token_id: int) -> Probabilities:
    """Return probabilities that leave no choice."""
    return np.array([at == token_id for at in range(5)], np.float32)


def read_all(sequence: SampledSequence) -> list[int]:
    """Return the ids that the network reads before the first token is drawn."""
    ids = [sequence.next_id()]
    while sequence.waiting:
        sequence.take(surely(1))
        ids.append(sequence.next_id())
    return ids


def draw(sequence: SampledSequence, *token_ids: int) -> None:
    """Let a sequence draw these tokens, and the network read each."""
    for token_id in token_ids:
        assert not sequence.done
        sequence.take(surely(token_id))
        if sequence.waiting:
            assert sequence.next_id() == token_id


@pytest.mark.parametrize(
    ("vocabulary", "prefix", "ids"),
    [
        (ENDED, None, [4]),
        (ENDED, "", [4]),
        (ENDED, "ab", [4, 1, 2]),
        (ENDED, "abcab", [2, 3, 1, 2]),
        (ENDED, "axb", [4, 1, 0, 2]),
        (SINGLE, None, [0]),
        (SINGLE, "", [0]),
        (SINGLE, "ab", [1, 2]),
        (SINGLE, "abcabc", [3, 1, 2, 3]),
        (WORDS, "A, b", [4, 1, 3, 2]),
    ],
)
def test_the_network_reads_the_start_mark_and_the_end_of_the_prefix(
    vocabulary: Vocabulary, prefix: str | None, ids: list[int]
) -> None:
    assert read_all(sampled(vocabulary, prefix)) == ids


def test_the_prefix_is_the_beginning_of_the_text() -> None:
    sequence = sampled(ENDED, "ab")
    assert (sequence.text, sequence.length, sequence.done) == ("ab", 3, False)
    read_all(sequence)
    draw(sequence, 3, 1)
    assert (sequence.text, sequence.length, sequence.done) == ("abca", 5, False)


def test_nothing_is_drawn_while_the_prefix_is_read() -> None:
    random = random_stream(0)
    sequence = SampledSequence(Sampler(SamplingParams(1.0), ENDED), LENGTH, "abc", random)
    read_all(sequence)
    assert sequence.length == 4
    even = np.full(1000, 1 / 1000)
    assert random.choose(even) == random_stream(0).choose(even)


def test_the_end_mark_ends_it_and_is_not_part_of_it() -> None:
    sequence = sampled(ENDED, "a")
    read_all(sequence)
    draw(sequence, 2, 4)
    assert (sequence.text, sequence.done) == ("ab", True)


@pytest.mark.parametrize(("limit", "text"), [(2, "c"), (3, "cc"), (10, "c" * 9)])
def test_the_limit_counts_the_start_mark(limit: int, text: str) -> None:
    sequence = sampled(ENDED, limit=limit)
    read_all(sequence)
    draw(sequence, *[3] * len(text))
    assert (sequence.text, sequence.done) == (text, True)


@pytest.mark.parametrize("prefix", ["abc", "abcab"])
def test_a_prefix_that_reaches_the_limit_is_the_whole_text(prefix: str) -> None:
    sequence = sampled(ENDED, prefix, limit=4)
    assert (sequence.text, sequence.done) == (prefix, True)


def test_a_single_text_is_longer_by_a_window_which_is_not_kept() -> None:
    """The window: an empty start token and the first three tokens drawn."""
    sequence = sampled(SINGLE, limit=3)
    read_all(sequence)
    draw(sequence, 1, 1, 1, 1, 2, 3)
    assert (sequence.text, sequence.done) == ("abc", True)


def test_a_single_text_keeps_its_prefix() -> None:
    sequence = sampled(SINGLE, "ab", limit=3)
    read_all(sequence)
    draw(sequence, *[3] * 5)
    assert (sequence.text, sequence.done) == ("abccccc", True)


def test_the_likeliest_token_that_exists_takes_the_place_of_a_gap() -> None:
    sequence = sampled(SINGLE)
    read_all(sequence)
    sequence.take(np.array([0.1, 0.05, 0.2, 0.15, 0.5], np.float32))
    assert sequence.next_id() == 2


def test_what_is_settled_comes_out_once() -> None:
    """A comma would take the space before it away, so a word waits for what follows it."""
    sequence = sampled(WORDS, "a b")
    assert sequence.settled() == "a"
    assert sequence.settled() == ""
    read_all(sequence)
    draw(sequence, 3)
    assert sequence.settled() == ""
    draw(sequence, 1)
    assert sequence.settled() == " b,"
    draw(sequence, 4)
    assert sequence.settled() == " a"
    assert sequence.text == "a b, a"


def test_a_chosen_sequence_keeps_what_the_network_said() -> None:
    sequence = ChosenSequence(ENDED, LENGTH, ["<s>", "a"], hidden=1)
    assert [sequence.next_id(), sequence.next_id()] == [4, 1]
    probabilities = surely(2)
    sequence.take(probabilities)
    probabilities[:] = 0  # the next step's, in the same memory
    assert sequence.probabilities.argmax() == 2
    sequence.add("b", 2)
    assert sequence.next_id() == 2
    assert sequence.text == "ab"
