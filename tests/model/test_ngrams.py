"""The n-grams of the training texts: what was copied is found, and how seldom more."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.model import bloom, ngrams
from pi_runtime.model.ngrams import GRAM_PROBES, GRAM_SIZES, MAX_NGRAM_BYTES, NgramSet, gram_hashes
from pi_runtime.model.vocabulary import Vocabulary, clean_up, words_of

LETTERS = "abcde жñ,.!'\n🙂"
TEXTS = st.lists(st.text(LETTERS, max_size=60), max_size=6).map(lambda texts: [*texts, "an end"])
LEVELS = pytest.mark.parametrize("word_level", [False, True], ids=["characters", "words"])
KINDS = pytest.mark.parametrize("single_text", [False, True], ids=["texts", "running"])


def vocabulary(*, word_level: bool = False, single_text: bool = False) -> Vocabulary:
    ids = {"a": 1} if single_text else {"a": 1, "<s>": 2}
    return Vocabulary(ids, 3, word_level=word_level)


def verse(seed: int, lines: int = 2000) -> str:
    """Return lines of made-up words, no ten letters of which are likely in another verse."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("aeioulnrstdmk", k=rng.randint(2, 9))) for _ in range(3000)]
    return "\n".join(" ".join(rng.choices(words, k=8)) for _ in range(lines))


VERSE, OTHER = verse(1), verse(2)

PINNED = (
    "4e47524d01000e031000000018000000300000000400000002000000826a08cc760531b7ca",
    "4e47524d0101030610000000380000001800000006000000010000007371551286aa981639b7",
)


# --- what was copied is found --------------------------------------------------------------------


@LEVELS
@KINDS
@settings(deadline=None)
@given(texts=TEXTS, data=st.data())
def test_no_run_of_a_training_text_is_missed(
    word_level: bool, single_text: bool, texts: list[str], data: st.DataObject
) -> None:
    found = NgramSet.of(texts, vocabulary(word_level=word_level, single_text=single_text))
    text = data.draw(st.sampled_from(texts), "text")
    units = words_of(text) if word_level else list(text)
    start = data.draw(st.integers(0, len(units)), "start")
    end = data.draw(st.integers(start, len(units)), "end")
    run = (" " if word_level else "").join(units[start:end])
    size = found.length(run)
    assert size == end - start
    hits = found.hits(run)
    assert len(hits) == max(0, size - found.gram_size + 1)
    assert hits.all()
    if size >= found.gram_size:
        assert found.longest_run(run) == size
        assert found.copied(run, found.gram_size) == 1
        assert found.has_run(run, size)
        assert not found.has_run(run, size + 1)
        assert found.has_run(run, found.gram_size, skip=size - found.gram_size)
        assert not found.has_run(run, found.gram_size, skip=size - found.gram_size + 1)
    else:
        assert found.longest_run(run) == found.copied(run, found.gram_size) == 0
        assert not found.has_run(run, found.gram_size)


@LEVELS
@KINDS
@settings(deadline=None)
@given(texts=TEXTS)
def test_every_training_text_is_known_as_a_whole(
    word_level: bool, single_text: bool, texts: list[str]
) -> None:
    found = NgramSet.of(texts, vocabulary(word_level=word_level, single_text=single_text))
    lines = [line for text in texts for line in (text.split("\n") if single_text else [text])]
    for line in lines:
        assert found.is_training_text(f"  {line}\n") == bool(line.strip())
    assert found.lines == len(
        {" ".join(words_of(line.strip())) if word_level else line.strip() for line in lines} - {""}
    )


def test_words_are_known_however_they_are_spaced_and_written() -> None:
    found = NgramSet.of(['He said: "Don\'t go!"'], vocabulary(word_level=True))
    written = clean_up(" ".join(words_of('He said: "Don\'t go!"')))
    assert written == 'he said: "don\'t go!"'
    assert found.is_training_text(written)
    assert found.hits(written).all()
    assert found.unit == "words"
    assert found.longest_run(written) == 10 == found.length(written)


# --- and how seldom more -------------------------------------------------------------------------


@LEVELS
def test_of_other_grams_as_many_are_found_as_promised(word_level: bool) -> None:
    found = NgramSet.of([VERSE], vocabulary(word_level=word_level, single_text=True))
    promised = 2.0 ** -GRAM_PROBES[found.unit]
    rate = found.false_positive_rate(found.gram_size)
    assert abs(rate - promised) < 0.05 * promised
    hits = found.hits(OTHER)
    # Neighbours share no probe, so each gram is a try of its own; some letters are there by chance.
    assert abs(hits.mean() - rate) < 5 * math.sqrt(rate / len(hits)) + 0.02 * rate
    assert found.false_positive_rate(found.gram_size + 4) == pytest.approx(rate**5)


@LEVELS
def test_a_text_of_ones_own_has_no_long_run(word_level: bool) -> None:
    found = NgramSet.of([VERSE], vocabulary(word_level=word_level, single_text=True))
    run = 2 * found.gram_size
    assert found.copied(OTHER, run) < 2 * len(OTHER) * run * found.false_positive_rate(run)
    half = VERSE[1000:1500].partition(" ")[2] + "\n" + OTHER[:500]
    assert 0.4 < found.copied(half, run) < 0.6
    assert not any(found.is_training_text(line) for line in OTHER.split("\n")[:100])


def test_a_chimera_counts_as_copied() -> None:
    """Pieces that overlap by one character less than a gram: see the module."""
    found = NgramSet.of(["0123456789abcdefghij", "789abcdefghijklmnop"], vocabulary())
    assert found.longest_run("0123456789abcdefghijklmnop") == 26
    assert found.longest_run("0123456789abcdefghij" + "lmnop") == 20


def test_units_in_two_runs_count_once() -> None:
    found = NgramSet.of(["0123456789abcdefg", "56789abcdefgXYZpqr"], vocabulary())
    text = "0123456789abcdefgXYZpqr"
    hits = found.hits(text)
    assert not hits.all(), "the gram 456789abcdefgX is in neither, unless by chance"
    assert found.copied(text, 14) == 1
    assert found.copied(text, 18) == 18 / 23


def test_what_a_prefix_gave_does_not_count() -> None:
    found = NgramSet.of(["once upon a time there was a king"], vocabulary())
    text = "once upon a time there was a dog, a small one"
    assert found.longest_run(text) == len("once upon a time there was a ")
    assert found.has_run(text, 15)
    assert found.has_run(text, 15, skip=len("once upon a"))
    assert not found.has_run(text, 15, skip=len("once upon a time"))


def test_grams_of_one_text_do_not_reach_into_the_next() -> None:
    texts = ["abcdefgh" * 2, "stuvwxyz" * 2]
    found = NgramSet.of(texts, vocabulary())
    assert not found.hits("".join(texts))[3:16].all()
    assert found.grams == 6


@pytest.mark.parametrize("run", [-1, 0, 9])
def test_a_run_shorter_than_a_gram_cannot_be_asked_for(run: int) -> None:
    found = NgramSet.of([VERSE], vocabulary())
    for ask in (found.has_run, found.copied):
        with pytest.raises(ValueError, match=f"a run of {run} characters is shorter than 14"):
            ask("text", run)
    with pytest.raises(ValueError, match="shorter than 14"):
        found.false_positive_rate(run)


# --- what it takes -------------------------------------------------------------------------------


@LEVELS
def test_it_takes_as_many_bits_as_promised(word_level: bool) -> None:
    found = NgramSet.of([VERSE], vocabulary(word_level=word_level, single_text=True))
    units = words_of(VERSE) if word_level else VERSE
    size = found.gram_size
    assert found.grams == len({tuple(units[i : i + size]) for i in range(len(units) - size + 1)})
    bits = found.grams * GRAM_PROBES[found.unit] / math.log(2) + found.lines * 16 / math.log(2)
    assert abs(8 * found.size - bits) < 1e-3 * bits + 8 * 40
    assert len(found.to_bytes()) == found.size


@LEVELS
@KINDS
def test_the_bytes_are_the_same_in_whatever_pieces_it_is_read(
    word_level: bool, single_text: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = vocabulary(word_level=word_level, single_text=single_text)
    short = VERSE[:10_000]
    texts = [short] if single_text else short.split("\n")
    expected = NgramSet.of(texts, kind).to_bytes()
    assert NgramSet.of(iter(texts[::-1]), kind).to_bytes() == expected
    assert NgramSet.of(texts * 2, kind).to_bytes() == expected
    for piece in (1, 7, 1000):
        monkeypatch.setattr(ngrams, "PIECE", piece)
        monkeypatch.setattr(bloom, "PIECE", 10 * piece)
        assert NgramSet.of(texts, kind).to_bytes() == expected


def test_the_bytes_are_the_same_everywhere() -> None:
    """Worked out here once: other platforms and programs must come to the same."""
    found = NgramSet.of(["Мороз и солнце", "день чудесный! 🙂"], vocabulary())
    assert found.to_bytes().hex() == PINNED[0]
    words = NgramSet.of(["Мороз и солнце;\nдень чудесный!"], vocabulary(word_level=True))
    assert words.to_bytes().hex() == PINNED[1]


def test_a_gram_hash_by_hand() -> None:
    """In Python's whole numbers, without NumPy."""
    mask = (1 << 64) - 1

    def mixed(number: int) -> int:
        number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & mask
        number = (number ^ (number >> 27)) * 0x94D049BB133111EB & mask
        return number ^ (number >> 31)

    expected = sum(ord(c) * (mixed(at) | 1) for at, c in enumerate("мороз", 1)) & mask
    assert [piece.tolist() for piece in gram_hashes(["мороз"], "characters", 5)] == [[expected]]
    found = NgramSet.of(["Мороз и солнце; день"], vocabulary())
    (hashes,) = gram_hashes(["Мороз и солнце; день"], "characters", 14)
    bits = int.from_bytes(found.to_bytes()[12:16], "little")
    raw = found.to_bytes()[28 : 28 + bits // 8]
    for gram in hashes.tolist():
        for probe in (1, 2, 3):
            place = (mixed((gram + probe * 0x9E3779B97F4A7C15) & mask) >> 32) * bits >> 32
            assert raw[place // 8] >> place % 8 & 1


def test_texts_shorter_than_a_gram_are_known_as_wholes() -> None:
    found = NgramSet.of(["Anna", "Boris", "Anna"], vocabulary())
    assert (found.grams, found.lines) == (0, 2)
    assert found.is_training_text("Anna")
    assert not found.is_training_text("Anno")
    assert not found.hits("Anna and Boris").any()


@pytest.mark.parametrize("texts", [[], [""], [" ", "\n\t"]])
def test_no_text(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="there is no text in it"):
        NgramSet.of(texts, vocabulary())


def test_too_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 8 * MAX_NGRAM_BYTES / bits_of_a_gram() > 60_000_000
    monkeypatch.setattr(ngrams, "MAX_NGRAM_BYTES", 1000)
    with pytest.raises(ValueError, match="its n-grams take more than 32 MB"):
        NgramSet.of([VERSE], vocabulary())
    with pytest.raises(ValueError, match="its n-grams take more than 32 MB"):
        NgramSet.of([str(n) for n in range(1000)], vocabulary())


def bits_of_a_gram() -> float:
    return bloom.bits_for(1000, GRAM_PROBES["characters"]) / 1000


# --- bytes from strangers ------------------------------------------------------------------------


@LEVELS
@KINDS
def test_what_was_written_is_read(word_level: bool, single_text: bool) -> None:
    found = NgramSet.of([VERSE], vocabulary(word_level=word_level, single_text=single_text))
    read = NgramSet.from_bytes(found.to_bytes())
    assert read.to_bytes() == found.to_bytes()
    assert (read.unit, read.gram_size) == (found.unit, GRAM_SIZES[found.unit])
    assert (read.grams, read.lines, read.size) == (found.grams, found.lines, found.size)
    assert np.array_equal(read.hits(OTHER), found.hits(OTHER))


GOOD = NgramSet.of(["to be, or not to be: that is the question"], vocabulary()).to_bytes()


@settings(deadline=None)
@given(st.data())
def test_mutants_are_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        at = data.draw(st.integers(0, 40) | st.integers(0, len(content) - 1), "at")
        content[at] = data.draw(st.sampled_from((0, 1, 2, 8, 64, 128, 255)), "byte")
    del content[data.draw(st.integers(0, len(content)) | st.just(len(content)), "end") :]
    try:
        found = NgramSet.from_bytes(bytes(content))
    except ValueError as error:
        assert str(error).isprintable()
        return
    text = "to be, or what? to be, or not"
    assert len(found.hits(text)) == max(0, found.length(text) - found.gram_size + 1)
    assert 0 <= found.longest_run(text) <= found.length(text)
    assert 0 <= found.copied(text, found.gram_size) <= 1
    assert 0 <= found.false_positive_rate(found.gram_size) <= 1
    assert found.is_training_text(text) in (True, False)
    assert found.to_bytes() == content


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="n-grams"):
        NgramSet.from_bytes(content)


def test_one_that_finds_everything_is_believed() -> None:
    """A forger's set may have all bits set: then every text seems to be copied."""
    forged = NgramSet.from_bytes(GOOD[:28] + b"\xff" * (len(GOOD) - 28))
    assert forged.hits("something else").all()
    assert forged.false_positive_rate(100) == 1
    assert forged.is_training_text("something else")
