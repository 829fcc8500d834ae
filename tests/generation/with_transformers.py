"""The warpers beside those of transformers, in a process of their own: TensorFlow takes long.

transformers has no min-p in TensorFlow. Its penalty takes logits of any sign, and so does ours.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from transformers.generation import (
    TFMinLengthLogitsProcessor,
    TFNoBadWordsLogitsProcessor,
    TFRepetitionPenaltyLogitsProcessor,
    TFTopKLogitsWarper,
    TFTopPLogitsWarper,
)

from pi_runtime.generation import warpers
from pi_runtime.generation.warpers import Logits


def theirs(processor: object, logits: Logits, ids: list[int]) -> Logits:
    """Return what a processor of transformers makes of logits behind these ids."""
    rows = tf.constant(logits[None], tf.float32)
    warped = processor(tf.constant([ids], tf.int32), rows, len(ids))  # type: ignore[operator]
    return np.asarray(warped[0], np.float64)


@pytest.fixture(params=range(20))
def logits(request: pytest.FixtureRequest) -> Logits:
    random = np.random.RandomState(request.param)
    return np.asarray(np.float32(random.normal(0, 3, 5 + 7 * request.param)), np.float64)


@pytest.mark.parametrize("k", [1, 2, 5, 1000])
def test_top_k(logits: Logits, k: int) -> None:
    np.testing.assert_array_equal(
        warpers.top_k(logits, k), theirs(TFTopKLogitsWarper(k), logits, [0])
    )


@pytest.mark.parametrize("p", [0.01, 0.3, 0.8, 0.99])
def test_top_p(logits: Logits, p: float) -> None:
    np.testing.assert_array_equal(
        warpers.top_p(logits, p), theirs(TFTopPLogitsWarper(p), logits, [0])
    )


@pytest.mark.parametrize("penalty", [0.7, 1.3, 4.0])
def test_repetition_penalty(logits: Logits, penalty: float) -> None:
    ids = [1, 3, 3, 0]
    np.testing.assert_allclose(
        warpers.penalized(logits, ids, penalty),
        theirs(TFRepetitionPenaltyLogitsProcessor(penalty), logits, ids),
        rtol=1e-6,
    )


def test_bans(logits: Logits) -> None:
    mask = np.ones(len(logits), bool)
    mask[[2, 4]] = False
    np.testing.assert_array_equal(
        warpers.kept(logits, mask),
        theirs(TFNoBadWordsLogitsProcessor([[2], [4]], eos_token_id=0), logits, [0]),
    )
    mask = np.arange(len(logits)) != 3
    np.testing.assert_array_equal(
        warpers.kept(logits, mask),
        theirs(TFMinLengthLogitsProcessor(5, eos_token_id=3), logits, [0, 1]),
    )
