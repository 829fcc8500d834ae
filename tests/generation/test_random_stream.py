"""A text's random numbers: what NumPy's `multinomial` draws, however many weights there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pi_runtime.generation.random_stream import CHUNK, MANY, RandomStream, random_stream

Weights = npt.NDArray[np.float64]


def drawn_by_numpy(state: np.random.RandomState, weights: Weights) -> int:
    return int(state.multinomial(1, weights).argmax())


def searching(seed: int) -> RandomStream:
    """Return a stream that searches few weights too."""
    return RandomStream(np.random.RandomState(seed), many=0)


@st.composite
def distributions(draw: st.DrawFn) -> Weights:
    """Of few and many weights, even and peaked, of which none is 0."""
    count = draw(st.integers(2, 40) | st.sampled_from([CHUNK, CHUNK + 1, CHUNK + 2, 3 * CHUNK]))
    power = draw(st.sampled_from([0.0, 1.0, 8.0, 60.0]))
    weights = np.random.RandomState(draw(st.integers(0, 99))).random_sample(count) ** power
    weights = np.maximum(weights, 1e-300)
    if draw(st.booleans()):
        weights = -np.sort(-weights)
    normalized: Weights = weights / weights.sum()
    return normalized


@given(st.lists(distributions(), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_a_search_draws_what_numpy_draws_and_uses_as_many_numbers(
    several: list[Weights], seed: int
) -> None:
    state, stream = np.random.RandomState(seed), searching(seed)
    for weights in several:
        assert stream.choose(weights) == drawn_by_numpy(state, weights)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_few_weights_and_many_may_take_turns(counts: list[int], seed: int) -> None:
    """As where models with vocabularies of different sizes write a text in turn."""
    state = np.random.RandomState(seed)
    stream = RandomStream(np.random.RandomState(seed), many=30)
    for count in counts:
        weights = np.full(count, 1 / count)
        assert stream.choose(weights) == drawn_by_numpy(state, weights)


def state_that_gives(numbers: list[float]) -> np.random.RandomState:
    """Return a state whose next random numbers are these, multiples of 2**-53 in [0, 1)."""
    words = []
    for number in numbers:
        high, low = divmod(int(number * 2**53), 2**26)
        words += [high << 5, low << 6]
    key = np.random.RandomState(0).randint(0, 2**32, 624, dtype=np.uint32)
    key[: len(words)] = [untempered(word) for word in words]
    state = np.random.RandomState()
    state.set_state(("MT19937", key, 0, 0, 0.0))
    return state


def untempered(word: int) -> int:
    """Return what MT19937 keeps where it gives `word`.

    Source: Matsumoto and Nishimura, Mersenne Twister, ACM TOMACS 8 (1998), whose steps are undone.
    """
    word ^= word >> 18
    word ^= word << 15 & 0xEFC60000
    low = word
    for _ in range(4):
        low = word ^ (low << 7 & 0x9D2C5680)
    high = low
    for _ in range(2):
        high = low ^ high >> 11
    return high


@given(
    st.floats(1e-12, 1) | st.sampled_from([0.25, 0.5, 0.75]),
    st.sampled_from(["taken", "left", "one"]),
    st.integers(-12, 12),
    st.floats(0, 1, exclude_max=True),
)
def test_numbers_beside_a_probability(first: float, side: str, steps: int, then: float) -> None:
    """Where rounding decides, and where `binomial` rejects a number and takes another."""
    weights = np.array([first, (1 - first) / 2, (1 - first) / 2])
    assume(weights.all())
    number = {"taken": first, "left": 1 - first, "one": 1.0}[side] + steps * 2**-53
    numbers = [min(max(number, 0.0), 1 - 2**-53), then, 0.4, 0.6]
    state, same = state_that_gives(numbers), state_that_gives(numbers)
    assert state_that_gives(numbers).random_sample() == pytest.approx(numbers[0], abs=2**-53)
    stream = RandomStream(same, many=0)
    for _ in range(3):
        assert stream.choose(weights) == drawn_by_numpy(state, weights)


def test_rounding_that_leaves_nothing_for_the_last_weights() -> None:
    """NumPy then divides by what is left: by 0, or by less."""
    weights = np.array([0.7, 0.1, 0.2, 1e-17, 1e-17, 1e-17])
    for seed in range(200):
        state, stream = np.random.RandomState(seed), searching(seed)
        for _ in range(5):
            assert stream.choose(weights) == drawn_by_numpy(state, weights)


def test_a_text_without_seed_is_searched_from_so_many_weights_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []
    monkeypatch.setattr(RandomStream, "_search", lambda _, weights: searched.append(len(weights)))
    for count in (MANY - 1, MANY):
        random_stream(1).choose(np.full(count, 1 / count))
    assert searched == [MANY]


def test_every_text_has_a_stream_of_its_own() -> None:
    even = np.full(1000, 1 / 1000)
    streams = [random_stream(7, index) for index in range(100)]
    assert len({tuple(stream.choose(even) for _ in range(4)) for stream in streams}) == 100
    assert random_stream(7).choose(even) == drawn_by_numpy(np.random.RandomState(7), even)
