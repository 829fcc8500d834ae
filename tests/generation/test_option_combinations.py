"""Every combination of options gives the same text alone and among others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import RejectedError, SamplingParams, TextGenerator
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.generation.decoding import decode
from tests.helpers.texts import LENGTH, NETWORK, reference_generator

OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from([0.5, 1.5, (1.0, 0.2), "0.2..1.5"]),
    "top_k": st.integers(1, 20),
    "top_p": st.floats(0, 1),
    "min_p": st.floats(0, 1),
    "repetition_penalty": st.floats(0.5, 3),
    "repetition_window": st.integers(0, 10),
    "forbid": st.text("etao", max_size=2),
    "allow": st.just("e t a o i n s"),
    "min_length": st.integers(0, 50),
    "max_words": st.integers(0, 4),
    "stop_at": st.lists(st.text("etaoin ", min_size=1, max_size=3), max_size=3),
    "keep_stop": st.booleans(),
    "finish_sentence": st.booleans(),
    "skip_fragment": st.booleans(),
    "unescape": st.booleans(),
}

REDRAWS: dict[str, st.SearchStrategy[Any]] = {
    "reject": st.lists(st.sampled_from(["e", "tt", "^.{12}", "[aeiou]{3}"]), max_size=2),
    "tries": st.integers(1, 4),
}

combinations = st.fixed_dictionaries({}, optional=OPTIONS)
with_redraws = st.fixed_dictionaries({}, optional={**OPTIONS, **REDRAWS})


def generator(*, single_text: bool, word_level: bool) -> TextGenerator:
    texts = reference_generator(single_text=single_text, word_level=word_level)
    return TextGenerator(numpy_backend(NETWORK, LENGTH), texts.vocabulary, texts.config)


@pytest.mark.parametrize("word_level", [False, True])
@pytest.mark.parametrize("single_text", [False, True])
@settings(max_examples=8, deadline=None)
@given(options=with_redraws, seed=st.integers(0, 2**32 - 1), prefix=st.sampled_from([None, "e a"]))
def test_alone_and_in_batches(
    single_text: bool, word_level: bool, options: dict[str, Any], seed: int, prefix: str | None
) -> None:
    texts = generator(single_text=single_text, word_level=word_level)
    params = SamplingParams(**{"max_gen_length": 30, **options})

    def batched(size: int) -> list[str | None]:
        begin = texts.beginning(params, prefix, seed)
        sequences = [begin(index) for index in range(10)]
        for _ in decode(texts.backend, sequences, size):
            pass
        return [None if sequence.rejected else sequence.text for sequence in sequences]

    def alone(index: int) -> str | None:
        try:
            return "".join(texts.stream(prefix=prefix, seed=seed, index=index, params=params))
        except RejectedError:
            return None

    expected = [alone(index) for index in range(10)]
    assert batched(1) == expected
    assert batched(7) == expected
    assert batched(64) == expected
    assert [each.text for each in texts.drawn(10, prefix, seed, params=params)] == expected
    assert [each.text for each in texts.drawn(3, prefix, seed, params=params, first=5)] == (
        expected[5:8]
    )


@given(st.sampled_from([True, False]), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_options_that_change_nothing_leave_textgenrnns_text(single_text: bool, seed: int) -> None:
    texts = generator(single_text=single_text, word_level=False)
    off = SamplingParams(
        top_k=0, top_p=1, min_p=0, repetition_penalty=1, repetition_window=9, forbid="", allow="",
        stop_at=[], keep_stop=True, min_length=0, max_words=0,
    )  # fmt: skip
    assert texts.generate(3, seed=seed, params=off) == texts.generate(3, seed=seed)
