"""A Bloom filter: nothing is missed, and as much is found by chance as was promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.model.bloom import BloomFilter, bits_for, splitmix64

HASHES = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=300)


def numbers(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.RandomState(seed).randint(0, 1 << 64, count, np.uint64)


def test_splitmix64_is_that_of_its_authors() -> None:
    """The first numbers of the generator with the seed 1234567, as its C code prints them."""
    golden = 0x9E3779B97F4A7C15
    states = [(1234567 + step * golden) % (1 << 64) for step in (1, 2, 3)]
    assert splitmix64(np.array(states, np.uint64)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@settings(deadline=None)
@given(HASHES, st.integers(1, 20))
def test_what_was_put_in_is_found(hashes: list[int], probes: int) -> None:
    items = np.array(hashes, np.uint64)
    assert BloomFilter.of(items, probes).has(items).all()
    assert BloomFilter.of(items[::-1], probes).packed == BloomFilter.of(items, probes).packed


@pytest.mark.parametrize("probes", [3, 6, 16])
@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_half_of_the_bits_are_set_and_no_more_of_them_there(count: int, probes: int) -> None:
    found = BloomFilter.of(numbers(count, 1), probes)
    bits = 8 * len(found.packed)
    assert bits == bits_for(count, probes)
    assert abs(bits - count * probes / math.log(2)) <= 8 + 1e-4 * bits
    share = found.false_positive_rate ** (1 / probes)
    assert abs(share - 0.5) < 4 * math.sqrt(0.25 / bits)


@pytest.mark.parametrize("probes", [3, 6, 16])
@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_what_was_not_put_in_is_found_as_often_as_promised(count: int, probes: int) -> None:
    found = BloomFilter.of(numbers(count, 2), probes)
    rate, tries = found.false_positive_rate, 2_000_000
    hits = int(found.has(numbers(tries, 3)).sum())
    assert abs(hits - rate * tries) < 5 * math.sqrt(rate * tries) + 1
    # Of few bits, some more or less than half may be set.
    assert rate < (0.5 + 2 / math.sqrt(8 * len(found.packed))) ** probes


def test_an_empty_one_holds_nothing() -> None:
    empty = BloomFilter.of(np.zeros(0, np.uint64), 3)
    assert len(empty.packed) == 1
    assert not empty.has(numbers(1000, 4)).any()
    assert empty.false_positive_rate == 0
