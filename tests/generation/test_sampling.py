"""The sampler draws what textgenrnn's draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.sampling import draw, random_seed, random_stream, sample


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


def test_a_token_is_drawn_at_the_temperature_of_its_place() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    params = SamplingParams([5.0, 0.0])
    first = {draw(probabilities, params, 1, random_stream(seed)) for seed in range(50)}
    second = {draw(probabilities, params, 2, random_stream(seed)) for seed in range(50)}
    assert (first, second) == ({1, 2, 3}, {3})


def test_every_text_has_a_stream_of_its_own() -> None:
    firsts = {random_stream(7, index).randint(2**31) for index in range(100)}
    assert len(firsts) == 100
    assert random_stream(7).randint(2**31) == np.random.RandomState(7).randint(2**31)


def test_a_fresh_seed_is_one_that_can_be_given_again() -> None:
    seeds = [random_seed() for _ in range(100)]
    assert len(set(seeds)) > 90
    assert all(0 <= seed < 2**32 for seed in seeds)
