"""Texts that are rejected and drawn again."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import RejectedError, SamplingParams, TextGenerator, UsageError
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.random_stream import random_stream
from tests.helpers.texts import LENGTH, NETWORK, reference_generator

HOT = SamplingParams(1.0, 15)


def generator() -> TextGenerator:
    texts = reference_generator()
    return TextGenerator(numpy_backend(NETWORK, LENGTH), texts.vocabulary, texts.config)


TEXTS = generator()


def hot(**options: object) -> SamplingParams:
    return SamplingParams(**{"temperature": 1.0, "max_gen_length": 15, **options})  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rejected=st.sets(st.integers(0, 19)),
    batch=st.sampled_from([1, 7, 64]),
)
def test_a_rejected_text_does_not_move_the_others(
    seed: int, rejected: set[int], batch: int
) -> None:
    plain = TEXTS.generate(20, seed=seed, params=HOT)
    unwanted = {plain[index] for index in rejected}
    begin = TEXTS.beginning(HOT, None, seed, lambda text: text not in unwanted)
    sequences = [begin(index) for index in range(20)]
    deque(decode(TEXTS.backend, sequences, batch), maxlen=0)
    for text, sequence in zip(plain, sequences, strict=True):
        if text in unwanted:
            assert sequence.draws > 1
            assert sequence.rejected or sequence.text not in unwanted
        else:
            assert (sequence.draws, sequence.text) == (1, text)


def test_each_draw_of_each_text_has_a_random_stream_of_its_own() -> None:
    even = np.full(100, 1 / 100)
    streams = [
        random_stream(seed, index, redraw)
        for seed in range(5)
        for index in range(20)
        for redraw in range(20)
    ]
    firsts = {tuple(stream.choose(even) for _ in range(10)) for stream in streams}
    assert len(firsts) == 5 * 20 * 20


def test_the_draws_of_a_text_do_not_depend_on_what_is_rejected() -> None:
    drawn: list[str] = []

    def write_down(text: str) -> bool:
        drawn.append(text)
        return len(drawn) == 5

    (fifth,) = TEXTS.generate(seed=3, params=HOT, accept=write_down)
    assert fifth == drawn[4]
    assert drawn[0] == TEXTS.generate(seed=3, params=HOT)[0]
    third = drawn[2]
    assert TEXTS.generate(seed=3, params=HOT, accept=lambda text: text == third) == [third]


def test_texts_in_which_an_expression_matches_are_drawn_again() -> None:
    plain = TEXTS.generate(40, seed=1, params=HOT)
    assert any("e" in text for text in plain)
    found = TEXTS.generate(40, seed=1, params=hot(reject=["e"], tries=1000))
    assert not any("e" in text for text in found)
    assert [text for text in plain if "e" not in text] == [
        text for text, before in zip(found, plain, strict=True) if text == before
    ]


def test_all_of_several_expressions_count() -> None:
    found = TEXTS.generate(20, seed=1, params=hot(reject=["a", "^.?$"], tries=1000))
    assert not any("a" in text or len(text) < 2 for text in found)


def test_a_text_that_is_never_accepted_is_an_error_in_its_turn() -> None:
    bad = TEXTS.generate(5, seed=2, params=HOT)[3]
    texts = TEXTS.texts(5, seed=2, params=hot(tries=1), accept=lambda text: text != bad)
    assert [next(texts) for _ in range(3)] == TEXTS.generate(3, seed=2, params=HOT)
    with pytest.raises(RejectedError) as error:
        next(texts)
    assert str(error.value) == (
        "text 3 was drawn once, and rejected – allow more tries, or reject less"
    )


def test_drawn_texts_go_on_after_one_that_is_never_accepted() -> None:
    bad = TEXTS.generate(5, seed=2, params=HOT)[3]
    drawn = list(TEXTS.drawn(5, seed=2, params=hot(tries=1), accept=lambda text: text != bad))
    assert [each.index for each in drawn] == [0, 1, 2, 3, 4]
    assert [each.text is None for each in drawn] == [False, False, False, True, False]


def test_a_stream_that_may_be_rejected_comes_whole() -> None:
    params = hot(reject=["e"], tries=1000)
    pieces = list(TEXTS.stream(seed=1, params=params))
    assert pieces == TEXTS.generate(seed=1, params=params)
    with pytest.raises(
        RejectedError, match=r"^text 0 was drawn 3 times, and rejected each time – "
    ):
        list(TEXTS.stream(seed=1, params=hot(tries=3), accept=lambda text: False))


def test_what_is_given_and_not_drawn_is_not_judged() -> None:
    never = {"accept": lambda text: False, "params": SamplingParams(1.0, 4)}
    assert TEXTS.generate(2, prefix="eaton", **never) == ["eaton"] * 2  # type: ignore[arg-type]


def test_an_error_of_the_callers_own_test_reaches_the_caller() -> None:
    def fail(text: str) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        TEXTS.generate(accept=fail)


def test_originality_needs_a_model_that_knows_its_training_text() -> None:
    with pytest.raises(UsageError, match="does not know its training text"):
        TEXTS.generate(params=SamplingParams(original=20))
