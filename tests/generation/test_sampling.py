"""The sampler draws what textgenrnn's draws."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.errors import UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import RandomStream, random_seed, random_stream
from pi_runtime.generation.sampling import Sampler, sample
from pi_runtime.model.vocabulary import Vocabulary


def textgenrnn_sample(probabilities: npt.NDArray[np.float32], temperature: float) -> int:
    """textgenrnn 2.0.0's definition, on the global random state."""
    preds = np.asarray(probabilities).astype("float64")
    preds = np.log(preds + 1e-7) / temperature
    preds = np.exp(preds) / np.sum(np.exp(preds))
    index = int(np.argmax(np.random.multinomial(1, preds, 1)))
    return int(np.argsort(preds)[-2]) if index == 0 else index


weights = st.lists(st.floats(2**-10, 1, width=32), min_size=3, max_size=40)


@given(weights, st.sampled_from([0.1, 0.2, 0.5, 1.0, 1.5]), st.integers(0, 2**32 - 1))
def test_draws_what_textgenrnn_draws(raw: list[float], temperature: float, seed: int) -> None:
    probabilities = np.array(raw, np.float32) / np.float32(sum(raw))
    random = random_stream(seed)
    np.random.seed(seed)
    for _ in range(5):
        theirs = textgenrnn_sample(probabilities, temperature)
        ours = sample(probabilities, temperature, random)
        if theirs:
            assert ours == theirs
        else:  # theirs fails with a KeyError on the padding
            assert ours == 1 + int(np.argmax(probabilities[1:]))


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-4, 1e-12])
def test_cold_takes_the_likeliest_and_never_padding(temperature: float) -> None:
    random = random_stream(0)
    assert sample(np.array([0.1, 0.2, 0.7], np.float32), temperature, random) == 2
    assert sample(np.array([0.7, 0.1, 0.2], np.float32), temperature, random) == 2


def test_hot_still_draws() -> None:
    random = random_stream(0)
    drawn = {sample(np.array([0.0, 1.0, 0.0, 0.0], np.float32), 1e9, random) for _ in range(200)}
    assert drawn == {1, 2, 3}


VOCABULARY = Vocabulary({"a": 1, "b": 2, "c": 3, "d": 4, "<s>": 5}, 7, word_level=False)
"""Id 0 is padding, id 6 a gap."""

SKEWED = np.array([0.02, 0.1, 0.2, 0.3, 0.25, 0.1, 0.03], np.float32)


def drawn(
    params: SamplingParams, token_ids: tuple[int, ...] = (5,), length: int = 1, limit: int = 300
) -> set[int]:
    """Return the ids that 200 seeds draw."""
    sampler = Sampler(params, VOCABULARY)
    return {
        sampler.draw(SKEWED, token_ids, length, limit, random_stream(seed)) for seed in range(200)
    }


def test_a_token_is_drawn_at_the_temperature_of_its_place() -> None:
    params = SamplingParams([5.0, 0.0])
    assert drawn(params, length=1) == {1, 2, 3, 4, 5}
    assert drawn(params, length=2) == {3}


def test_a_ramp_goes_from_the_first_draw_to_the_last() -> None:
    params = SamplingParams("0..2.0", 12)
    temperatures = [params.temperature_at(length) for length in range(1, 12)]
    assert temperatures == pytest.approx(np.linspace(0, 2, 11))
    assert params.temperature_at(1, limit=102) == 0
    assert params.temperature_at(101, limit=102) == 2
    assert params.temperature_at(500) == 2, "where a sentence goes on"
    assert SamplingParams("2..0.5", 1).temperature_at(1) == 0.5


HOT = 100.0


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"top_k": 1}, {3}),
        ({"top_k": 2}, {3, 4}),
        ({"top_k": 99}, {1, 2, 3, 4, 5}),
        ({"top_p": 0.0}, {3}),
        ({"top_p": 0.3}, {3}),
        ({"top_p": 0.5}, {3, 4}),
        ({"min_p": 0.6}, {2, 3, 4}),
        ({"min_p": 1.0}, {3}),
        ({"forbid": "cdx"}, {1, 2, 5}),
        ({"allow": "bdx"}, {2, 4, 5}),
        ({"allow": "bd", "forbid": "b"}, {4, 5}),
        ({"min_length": 2}, {1, 2, 3, 4}),
        ({"min_length": 1}, {1, 2, 3, 4, 5}),
        ({"allow": "b", "min_length": 2, "top_k": 3}, {2}),
        ({"top_k": 3, "top_p": 0.7}, {3, 4}),
        ({"repetition_penalty": 100, "top_k": 2}, {2, 4}),
    ],
)
def test_options_say_which_tokens_may_be_drawn(options: dict[str, Any], found: set[int]) -> None:
    """Padding and gaps never are; a temperature comes last, and brings nothing back."""
    assert drawn(SamplingParams(HOT, **options), token_ids=(5, 3)) == found


def test_the_last_tokens_alone_are_repetitions() -> None:
    near: dict[str, Any] = {"repetition_penalty": 100, "repetition_window": 2, "top_k": 1}
    assert drawn(SamplingParams(1.0, **near), token_ids=(5, 3, 4, 1)) == {3}
    assert drawn(SamplingParams(1.0, **near), token_ids=(5, 4, 3, 1)) == {4}
    assert drawn(SamplingParams(1.0, **{**near, "repetition_window": 0}), token_ids=(5, 3)) == {3}


def test_the_start_mark_is_no_repetition() -> None:
    params = SamplingParams(1.0, repetition_penalty=100, allow="b")
    assert 5 in drawn(params, token_ids=(5, 2))


@pytest.mark.parametrize("options", [{"allow": "xyz"}, {"forbid": "abcd"}])
def test_nothing_left_to_draw_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="leaves no token that the model knows – "):
        Sampler(SamplingParams(**options), VOCABULARY)


def test_words_are_forbidden_at_word_level() -> None:
    words = Vocabulary({"the": 1, "cat": 2, "sat": 3, "<s>": 4}, 5, word_level=True)
    sampler = Sampler(SamplingParams(HOT, forbid="The sat"), words)
    found = {
        sampler.draw(np.full(5, 0.2, np.float32), (4,), 1, 300, random_stream(s)) for s in range(50)
    }
    assert found == {2, 4}


DRAWS = 1_000_000


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("options", [{"top_k": 3}, {"top_p": 0.8}, {"min_p": 0.3}, {"forbid": "a"}])
def test_a_million_draws_are_as_the_formulas_say(
    options: dict[str, Any], temperature: float
) -> None:
    """By Pearson's test: a sum beyond the bound comes once in a million runs."""

    class Many:
        """A random stream that draws a million at once."""

        def __init__(self) -> None:
            self.counts = np.zeros(0, np.int64)

        def choose(self, weights: npt.NDArray[np.float64]) -> int:
            self.counts = np.random.RandomState(1).multinomial(DRAWS, weights).astype(np.int64)
            return int(self.counts.argmax())

    many = Many()
    Sampler(SamplingParams(temperature, **options), VOCABULARY).draw(
        SKEWED, (5,), 1, 300, cast(RandomStream, many)
    )
    likely = {3: 0.3, 4: 0.25, 2: 0.2, 1: 0.1, 5: 0.1}
    names = {
        "top_k": (3, 4, 2), "top_p": (3, 4, 2, 1), "min_p": (3, 4, 2, 1, 5), "forbid": (2, 3, 4, 5),
    }  # fmt: skip
    kept = names[next(iter(options))]
    powers = np.array([likely[i] ** (1 / temperature) for i in kept])
    expected = DRAWS * powers / powers.sum()
    found = many.counts[[*kept]]
    assert many.counts.sum() == found.sum() == DRAWS
    error = ((found - expected) ** 2 / expected).sum()
    assert error < 33, "with four degrees of freedom, or fewer"


@pytest.mark.parametrize(
    ("weights", "temperature", "expected"),
    [
        ([0.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0], 0.01, "114114441414444114411114"),
        ([0.0, 0.4, 0.0, 0.0, 0.4, 0.2, 0.0], 0.02, "114114441414444114411114"),
    ],
)
def test_weights_of_0_take_nothing_from_the_stream(
    weights: list[float], temperature: float, expected: str
) -> None:
    """Expected is what textgenrnn's formula draws with NumPy 1; NumPy 2 by itself draws others."""
    random = random_stream(3)
    probabilities = np.array(weights, np.float32)
    drawn = [sample(probabilities, temperature, random) for _ in range(24)]
    assert "".join(map(str, drawn)) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 3}, "443333433332344343332333"),
        ({"forbid": "ad"}, "332233332333235322222333"),
        ({"top_p": 0.8}, "321334344423333333434314"),
    ],
)
def test_options_draw_the_same_under_every_numpy(options: dict[str, Any], expected: str) -> None:
    sampler, random = Sampler(SamplingParams(1.0, **options), VOCABULARY), random_stream(3)
    drawn = [sampler.draw(SKEWED, (5,), 1, 300, random) for _ in range(24)]
    assert "".join(map(str, drawn)) == expected


def test_a_fresh_seed_is_one_that_can_be_given_again() -> None:
    seeds = [random_seed() for _ in range(100)]
    assert len(set(seeds)) > 90
    assert all(0 <= seed < 2**32 for seed in seeds)
