"""What a network copies from its training texts: counted exactly, and said in a line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import TextGenerator
from pi_runtime.backends.reference import ReferenceBackend
from pi_runtime.model.ngrams import RUNS
from pi_runtime.model.vocabulary import Vocabulary, words_of
from tests.helpers.checkpoints import config_of, small_network, small_vocab
from train import TrainSettings, copies
from train.cli import _tell_copies
from train.copies import Copies, describe, find_copies

NETWORK = small_network(classes=20)


def generator(*, single_text: bool, word_level: bool = False) -> TextGenerator:
    ids = small_vocab(20, single_text=single_text)
    return TextGenerator(
        ReferenceBackend(NETWORK, 8),
        Vocabulary(ids, 20, word_level=word_level),
        config_of(NETWORK, 8, word_level=word_level),
    )


def by_hand(text: str, corpus: str, unit: str) -> int:
    """Return how many units of a text lie in runs that the corpus has, one by one."""
    units, known = (words_of(each) if unit == "words" else list(each) for each in (text, corpus))
    size = RUNS[unit]
    grams = {tuple(known[at : at + size]) for at in range(len(known) - size + 1)}
    covered = set()
    for at in range(len(units) - size + 1):
        if tuple(units[at : at + size]) in grams:
            covered |= {*range(at, at + size)}
    return len(covered)


@pytest.mark.parametrize("unit", ["characters", "words"])
@settings(deadline=None)
@given(data=st.data())
def test_units_in_runs_of_a_running_text_are_counted_exactly(
    unit: str, data: st.DataObject
) -> None:
    letters = "ab \n" if unit == "words" else "ab"
    corpus = data.draw(st.text(letters, min_size=40, max_size=200), "corpus")
    start = data.draw(st.integers(0, 30), "start")
    copied = corpus[start : start + data.draw(st.integers(10, 60), "size")]
    text = data.draw(st.text(letters, max_size=30), "before") + copied + "abba"
    (share,) = copies._shares_of_runs([[text, "b"]], [corpus], unit)
    units = len(words_of(text)) if unit == "words" else len(text)
    assert share == by_hand(text, corpus, unit) / (units + 1)


def test_texts_of_a_line_each_are_counted_if_they_are_training_texts() -> None:
    found = generator(single_text=False).generate(n=copies.TEXTS, temperature=0.5, seed=3)
    known = [f"  {text}\n" for text in found[:30]]
    shares = {
        each.temperature: each for each in find_copies(generator(single_text=False), known, seed=3)
    }
    expected = sum(text.strip() in {k.strip() for k in known if k.strip()} for text in found)
    assert shares[0.5].texts == copies.TEXTS
    assert shares[0.5].share == expected / copies.TEXTS
    assert shares[0.5].units == sum(map(len, found))
    assert shares[0.5].share > shares[1.0].share


@pytest.mark.parametrize("word_level", [False, True])
def test_a_running_text_that_is_all_its_own(word_level: bool) -> None:
    own = generator(single_text=True, word_level=word_level)
    texts = own.generate(n=copies.TEXTS, temperature=0.5, seed=3, max_gen_length=30)
    found = find_copies(own, ["\n".join(texts)], seed=3, max_gen_length=30)
    assert [each.temperature for each in found] == [0.2, 0.5, 1.0]
    assert found[1].share > 0.9
    assert found[2].share < 0.2


@pytest.mark.parametrize("single_text", [False, True])
def test_no_more_time_is_taken_than_given(
    single_text: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_copies(generator(single_text=single_text), ["a"], seconds=0) is not None
    monkeypatch.setattr(copies, "_generated", lambda *arguments: [])
    assert find_copies(generator(single_text=single_text), ["a"]) == []


def test_of_a_running_text_what_there_is_in_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(10**6))
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr(copies, "time", clock)
    found = find_copies(generator(single_text=True), ["a" * 30], seconds=60.0)
    assert [each.temperature for each in found] == [0.2, 0.5, 1.0]
    assert all(0 < each.units < 64 * 30 for each in found)


def test_a_text_that_is_done_in_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second a token."""
    seconds = iter(range(10**6))
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr(copies, "time", clock)
    found = find_copies(generator(single_text=False), ["a"], seconds=30.0)
    assert found
    assert all(0 < each.texts < copies.TEXTS for each in found)


def test_it_is_said_in_a_line_for_each_temperature() -> None:
    lines = Vocabulary(small_vocab(20), 20, word_level=False)
    found = [Copies(0.2, 100, 900, 0.97), Copies(0.5, 100, 900, 0.3), Copies(1.0, 64, 900, 0.0)]
    assert [*describe(found, lines)] == [
        "of 100 texts at temperature 0.2, 97 are training texts",
        "of 100 texts at temperature 0.5, 30 are training texts",
        "of 64 texts at temperature 1.0, 0 are training texts",
    ]
    words = Vocabulary(small_vocab(20, single_text=True), 20, word_level=True)
    assert [*describe([Copies(0.5, 100, 12_345, 0.75)], words)] == [
        "of 12,345 words at temperature 0.5, 75% lie in runs of 6 or more that the training text "
        "has",
        "that is much copied: train for fewer epochs or on more texts; rnn-generate --original 6 "
        "redraws such texts",
    ]
    assert [*describe([], lines)] == []


def test_a_complete_training_does_not_fail_because_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("h5py")
    _tell_copies(tmp_path / "none_weights.hdf5", ["a"], TrainSettings())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("how much it copies is not known: ")


def test_texts_of_nothing_are_no_copies() -> None:
    assert [*copies._shares_of_texts([["", " "]], ["", " "], "characters")] == [0.0]
    assert np.isfinite([*copies._shares_of_runs([["a", ""]], [""], "characters")]).all()
