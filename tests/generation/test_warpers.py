"""Each warper does what its formula says, for any logits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.generation import warpers
from pi_runtime.generation.warpers import Logits
from tests.helpers.commands import ROOT, needs_tensorflow

values = st.lists(st.sampled_from([-16.0, -7.5, -3.0, -2.0, -1.0, -0.25]), min_size=1, max_size=40)
"""With many equal ones."""

logits = st.one_of(values, st.lists(st.floats(-16.1, 0), min_size=1, max_size=40)).map(np.array)
shares = st.floats(0, 1)


def is_kept(warped: Logits) -> list[int]:
    return [int(at) for at in np.flatnonzero(np.isfinite(warped))]


def assert_only_cut(before: Logits, after: Logits) -> None:
    """What is kept is as likely against each other as before, and something is."""
    at = is_kept(after)
    assert at
    np.testing.assert_array_equal(after[at], before[at])


@given(logits, st.integers(1, 50))
def test_top_k_keeps_the_k_likeliest(given: Logits, k: int) -> None:
    warped = warpers.top_k(given, k)
    assert_only_cut(given, warped)
    likeliest = sorted(range(len(given)), key=lambda i: (-given[i], i))[:k]
    assert is_kept(warped) == sorted(likeliest)


@given(logits)
def test_top_k_of_1_is_argmax(given: Logits) -> None:
    assert is_kept(warpers.top_k(given, 1)) == [int(np.argmax(given))]


@given(logits, shares)
def test_top_p_keeps_the_fewest_that_reach_p(given: Logits, p: float) -> None:
    warped = warpers.top_p(given, p)
    assert_only_cut(given, warped)
    shares = np.exp(given) / np.exp(given).sum()
    kept = is_kept(warped)
    assert shares[kept].sum() >= p - 1e-9
    assert shares[kept].sum() - shares[kept].min() <= p + 1e-9, "one less would not reach it"
    assert given[kept].min() >= np.delete(given, kept).max(initial=-np.inf)


@given(logits, shares)
def test_min_p_keeps_what_is_p_times_as_likely_as_the_likeliest(given: Logits, p: float) -> None:
    warped = warpers.min_p(given, p)
    assert_only_cut(given, warped)
    ratios = np.exp(given - given.max())
    for at, ratio in enumerate(ratios):
        if abs(ratio - p) > 1e-9:
            assert np.isfinite(warped[at]) == (ratio > p)


@given(logits, st.lists(st.integers(0, 39)), st.floats(0.01, 100))
def test_a_penalty_is_paid_once(given: Logits, ids: list[int], penalty: float) -> None:
    named = [each for each in ids if each < len(given)]
    warped = warpers.penalized(given, named, penalty)
    for at, value in enumerate(given):
        assert warped[at] == (value * penalty if at in named else value)


def test_a_penalty_divides_what_is_positive() -> None:
    warped = warpers.penalized(np.array([3.0, 0.0, -3.0]), [0, 1, 2], 1.5)
    assert warped.tolist() == [2.0, 0.0, -4.5]


CHANGES: list[Callable[[Logits], Logits]] = [
    lambda x: warpers.penalized(x, [0], 2.0),
    lambda x: warpers.kept(x, np.zeros(len(x), bool)),
    lambda x: warpers.top_k(x, 1),
    lambda x: warpers.top_p(x, 0.5),
    lambda x: warpers.min_p(x, 0.5),
]


@given(logits)
def test_nothing_is_changed_in_place(given: Logits) -> None:
    before = given.copy()
    for change in CHANGES:
        change(given)
        np.testing.assert_array_equal(given, before)


@needs_tensorflow
@pytest.mark.skipif(not find_spec("transformers"), reason="transformers is not installed")
def test_they_are_those_of_transformers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/generation/with_transformers.py"],
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "USE_TORCH": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)
