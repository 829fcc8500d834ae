"""The demo models: small, convertible, and what they write is mostly words of their texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_runtime import TextGenerator
from tests.helpers.commands import ROOT
from tests.helpers.zoo import SHARED

MODELS = sorted((ROOT / "models").glob("*_weights.hdf5"))


@pytest.mark.parametrize("weights", MODELS, ids=lambda path: path.stem)
def test_a_demo_model_is_small_and_writes_words(
    weights: Path, converted: Callable[..., Path]
) -> None:
    name = weights.stem.removesuffix("_weights")
    assert weights.stat().st_size <= 2_000_000
    model = converted(f"demo-{name}", weights)
    assert model.stat().st_size <= 2_000_000
    texts = TextGenerator.load(model, "numpy").generate(20, temperature=0.3, seed=1)
    assert sum(text.count("\n") for text in texts) > 40, "lines"
    corpus = SHARED / "corpora" / f"{name}.txt"
    if not corpus.exists():
        pytest.skip("the text is not here to compare its words with")
    known = set(re.findall(r"\w+", corpus.read_text("utf-8").lower()))
    words = re.findall(r"\w+", " ".join(texts).lower())
    assert sum(word in known for word in words) / len(words) > 0.6
