"""Texts that are not copied from what the network was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator, UsageError
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.model.ngrams import NgramSet
from tests.helpers.checkpoints import write_sidecars, write_weights
from tests.helpers.commands import needs_tensorflow, run_command
from tests.helpers.texts import LENGTH, NETWORK, reference_generator


def copying(*, word_level: bool = False, n: int = 40) -> tuple[TextGenerator, list[str]]:
    """Return a generator, and texts that it is known to write: as if it had learned them."""
    texts = reference_generator(word_level=word_level)
    plain = TextGenerator(numpy_backend(NETWORK, LENGTH), texts.vocabulary, texts.config)
    corpus = plain.generate(n, seed=7, params=params(60))
    ngrams = NgramSet.of(corpus, texts.vocabulary)
    return TextGenerator(plain.backend, plain.vocabulary, plain.config, ngrams=ngrams), corpus


def params(length: int = 60, **options: object) -> SamplingParams:
    return SamplingParams(**{"temperature": 0.7, "max_gen_length": length, **options})  # type: ignore[arg-type]


def share_a_run(text: str, corpus: list[str], run: int) -> bool:
    """Return whether a text shares a run of characters with the corpus itself."""
    runs = (text[at : at + run] for at in range(len(text) - run + 1))
    return any(each in line for each in runs for line in corpus)


def test_no_text_shares_a_run_with_the_corpus() -> None:
    generator, corpus = copying()
    plain = generator.generate(40, seed=7, params=params())
    assert plain == corpus, "without the option it copies"
    found = generator.generate(40, seed=7, params=params(original=20, tries=1000))
    assert not any(share_a_run(text, corpus, 20) for text in found)
    assert not any(text in corpus for text in found)


def test_a_text_that_is_original_stays() -> None:
    generator, corpus = copying()
    plain = generator.generate(60, seed=8, params=params())
    found = generator.generate(60, seed=8, params=params(original=20, tries=1000))
    kept = [text for text, before in zip(found, plain, strict=True) if text == before]
    fresh = [text for text in plain if not share_a_run(text, corpus, 20) and text not in corpus]
    assert kept == fresh != []


def test_a_whole_training_text_is_a_copy_however_short() -> None:
    generator, _ = copying()
    short = params(9, original=20, tries=1000)
    corpus = [text for text in generator.generate(30, seed=1, params=params(9)) if text.strip()]
    generator.ngrams = NgramSet.of(corpus, generator.vocabulary)
    assert not set(generator.generate(30, seed=1, params=short)) & set(corpus)


def test_runs_are_of_words_at_word_level() -> None:
    generator, corpus = copying(word_level=True)
    found = generator.generate(20, seed=7, params=params(original=6, tries=1000))
    lines = [line.split() for line in corpus]
    for words in (text.split() for text in found):
        for at in range(len(words) - 5):
            run = words[at : at + 6]
            assert not any(
                run == line[start : start + 6] for line in lines for start in range(len(line))
            )


def test_a_prefix_that_somebody_chose_is_no_copy() -> None:
    generator, corpus = copying()
    prefix = max(corpus, key=len)[:30]
    hot = params(original=20, tries=1000, temperature=1.5)
    (text,) = generator.generate(prefix=prefix, seed=1, params=hot)
    assert text.startswith(prefix)
    assert not share_a_run(text[len(prefix) :], corpus, 20)


def test_line_breaks_that_were_unescaped_are_compared_as_they_were_learned() -> None:
    vocab = {
        "<s>": 19,
        "\\": 1,
        "n": 2,
        **{letter: at for at, letter in enumerate("abcdefghijklmopq", 3)},
    }
    texts = reference_generator(vocab=vocab)
    plain = TextGenerator(numpy_backend(NETWORK, LENGTH), texts.vocabulary, texts.config)
    hot = {"temperature": 1.0, "max_gen_length": 60}
    escaped = plain.generate(100, seed=3, params=SamplingParams(**hot))  # type: ignore[arg-type]
    broken = [index for index, text in enumerate(escaped) if "\\n" in text[:30] and len(text) > 40]
    assert broken
    plain.ngrams = NgramSet.of(escaped, texts.vocabulary)
    new = list(plain.drawn(100, seed=3, params=SamplingParams(**hot, unescape=True, original=14)))  # type: ignore[arg-type]
    assert all(new[index].draws > 1 for index in broken)


@pytest.mark.parametrize(("word_level", "least"), [(False, "14 characters"), (True, "3 words")])
def test_runs_too_short_to_be_known_are_refused(word_level: bool, least: str) -> None:
    generator, _ = copying(word_level=word_level)
    with pytest.raises(UsageError, match=f"^original is 2 – give at least {least}"):
        generator.generate(params=SamplingParams(original=2))


@needs_tensorflow
def test_a_converted_checkpoint_with_its_corpus(tmp_path: Path) -> None:
    generator, corpus = copying()
    write_weights(tmp_path / "m_weights.hdf5", NETWORK)
    write_sidecars(tmp_path, "m", generator.vocabulary.ids, generator.config)
    (tmp_path / "texts.txt").write_text("\n".join(corpus), "utf-8")
    done = run_command("rnn-convert", "m_weights.hdf5", "--corpus", "texts.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    options = ("-n", 40, "--seed", 7, "--temperature", 0.7, "--max-gen-length", 60, "-0")
    done = run_command("rnn-generate", "m.tflite", *options, "--original", 20, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    texts = done.stdout.split("\0")[:-1]
    assert texts
    lines = "\n".join(corpus).split("\n")
    assert not any(share_a_run(text, lines, 20) for text in texts)
