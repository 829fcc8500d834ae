"""A trace tells what the network gave for each token that was drawn, and where it looked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import SamplingParams, TextGenerator
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import window_attention, window_probabilities
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.trace import TOP, Step, TracedSequence
from pi_runtime.model.vocabulary import START, Vocabulary
from tests.generation.test_option_combinations import combinations
from tests.helpers.commands import ROOT, needs_tensorflow
from tests.helpers.texts import LENGTH, NETWORK, reference_generator
from tests.helpers.traces import drawing

seeds = st.integers(0, 2**32 - 1)
prefixes = st.sampled_from([None, "", "e a", "it's, a longer one"])


def generator(*, single_text: bool = False, word_level: bool = False) -> TextGenerator:
    texts = reference_generator(single_text=single_text, word_level=word_level)
    return TextGenerator(numpy_backend(NETWORK, LENGTH), texts.vocabulary, texts.config)


def traced(
    texts: TextGenerator, prefix: str | None = None, seed: int = 0, **options: Any
) -> TracedSequence:
    """Return a text that is done."""
    params = SamplingParams(**{"max_gen_length": 30, **options})
    sequence = TracedSequence(
        Sampler(params, texts.vocabulary), LENGTH, prefix, random_stream(seed)
    )
    for _ in decode(texts.backend, [sequence]):
        pass
    return sequence


@pytest.mark.parametrize("word_level", [False, True])
@pytest.mark.parametrize("single_text", [False, True])
@settings(max_examples=30, deadline=None)
@given(options=combinations, seed=seeds, prefix=prefixes)
def test_it_is_the_text_that_is_drawn_without_a_trace(
    single_text: bool, word_level: bool, options: dict[str, Any], seed: int, prefix: str | None
) -> None:
    texts = generator(single_text=single_text, word_level=word_level)
    options = {"max_gen_length": 30, **options}
    (expected,) = texts.generate(1, prefix, seed=seed, params=SamplingParams(**options))
    sequence = traced(texts, prefix, seed, **options)
    assert sequence.text == expected


@pytest.mark.parametrize("word_level", [False, True])
@pytest.mark.parametrize("single_text", [False, True])
@settings(max_examples=30, deadline=None)
@given(options=combinations, seed=seeds, prefix=prefixes)
def test_it_tells_which_tokens_the_text_is_made_of(
    single_text: bool, word_level: bool, options: dict[str, Any], seed: int, prefix: str | None
) -> None:
    texts = generator(single_text=single_text, word_level=word_level)
    sequence = traced(texts, prefix, seed, **options)
    found = "".join(sequence.tokens[at] for at in sequence.printed)
    text = sequence.text
    if word_level:  # where words are joined with spaces and then cleaned up
        found, text = found.replace(" ", ""), text.replace(" ", "")
    assert text == found


@pytest.mark.parametrize(
    ("tokens", "word_level", "options", "text", "printed"),
    [
        (["so", "hello", "world", START], True, {"stop_at": ["lo w"]}, "so hel", range(2)),
        (["say", '"', "no", '"', ".", START], True, {"stop_at": ["."]}, 'say "no"', range(4)),
        ([*"a\\nb\\n", START], False, {"unescape": True}, "a\nb\n", range(6)),
        ([*"one two"], False, {"max_words": 1}, "one", range(3)),
        (["x", START], False, {}, "x", range(1)),
        ([START], False, {}, "", range(0)),
    ],
)
def test_what_is_cut_off_is_not_printed(
    tokens: list[str], word_level: bool, options: dict[str, Any], text: str, printed: range
) -> None:
    sequence = drawing(tokens, word_level=word_level, **options)
    assert (sequence.done, sequence.text, sequence.printed) == (True, text, printed)


@pytest.mark.parametrize(
    ("single_text", "prefix", "begins"),
    [(False, None, 0), (False, "ea", 0), (True, "ea", 0), (True, None, LENGTH - 1)],
)
def test_the_window_that_a_single_text_begins_with_is_not_printed(
    single_text: bool, prefix: str | None, begins: int
) -> None:
    sequence = traced(generator(single_text=single_text), prefix, temperature=1.0)
    tokens = [each for each in sequence.tokens if each != START]
    assert sequence.printed == range(begins, len(tokens))
    assert "".join(tokens[begins:]) == sequence.text


def windows(sequence: TracedSequence) -> list[list[int]]:
    """Return what the network read before each draw: the T tokens before it, or padding."""
    vocabulary, found = sequence.vocabulary, []
    start = [] if vocabulary.single_text else [vocabulary.id(START)]
    ids = [0] * LENGTH + start + [vocabulary.id(token) for token in sequence.given]
    for step in sequence.steps:
        found.append(ids[-LENGTH:])
        ids.append(step.token_id)
    return found


@pytest.mark.parametrize("prefix", [None, "ea", "eat on, in a house"])
@pytest.mark.parametrize("single_text", [False, True])
def test_a_step_is_what_the_network_gave_for_its_window(
    single_text: bool, prefix: str | None
) -> None:
    sequence = traced(generator(single_text=single_text), prefix, temperature=0.7, top_k=5)
    rows = window_probabilities(NETWORK, np.array(windows(sequence)))
    assert len(sequence.steps) > LENGTH
    for step, row in zip(sequence.steps, rows, strict=True):
        known = {at: p for at, p in enumerate(row.tolist()) if at in sequence.vocabulary}
        ranked = sorted(known, key=lambda at: -known[at])
        assert step.probability == pytest.approx(row[step.token_id], abs=1e-5)
        assert step.rank == ranked.index(step.token_id) + 1 <= 5
        assert [token_id for token_id, _ in step.top] == ranked[:TOP]
        assert [p for _, p in step.top] == pytest.approx([known[i] for i in ranked[:TOP]], abs=1e-5)
        assert step.entropy == pytest.approx(-sum(p * np.log2(p) for p in row if p), abs=1e-4)


@pytest.mark.parametrize("prefix", [None, "ea", "eat on, in a house"])
@pytest.mark.parametrize("single_text", [False, True])
def test_the_attention_is_that_of_the_same_windows(single_text: bool, prefix: str | None) -> None:
    sequence = traced(generator(single_text=single_text), prefix, temperature=0.7)
    weights = sequence.attention(NETWORK)
    expected = window_attention(NETWORK, np.array(windows(sequence)))
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_a_text_of_which_nothing_is_drawn() -> None:
    sequence = traced(generator(), "eat", max_gen_length=2)
    assert (sequence.tokens, sequence.steps) == (["e", "a", "t"], [])
    assert sequence.printed == range(3)
    assert sequence.attention(NETWORK).shape == (0, LENGTH)


@pytest.mark.parametrize(
    ("temperature", "first"),
    [((0.9, 0.4), [0.9, 0.4, 0.9, 0.4]), ("0.5..1.5", [0.5, 0.75, 1.0, 1.25]), (0, [0.0] * 4)],
)
def test_it_tells_the_temperature_of_each_draw(temperature: Any, first: list[float]) -> None:
    texts = generator()
    length = 6 if isinstance(temperature, str) else 30
    sequence = traced(texts, temperature=temperature, max_gen_length=length, min_length=10)
    assert [step.temperature for step in sequence.steps[:4]] == pytest.approx(first)


def test_ids_without_a_token_have_no_rank() -> None:
    vocabulary = Vocabulary({"a": 1, "b": 3}, 5, word_level=False)
    step = Step.of(np.array([0.25, 0.0, 0.25, 0.25, 0.25], np.float32), 1, 1.0, vocabulary)
    assert (step.rank, step.top) == (2, ((3, 0.25), (1, 0.0)))
    assert step.entropy == 2.0


@needs_tensorflow
def test_the_weights_are_those_of_keras() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/generation/attention_with_keras.py"],
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)
