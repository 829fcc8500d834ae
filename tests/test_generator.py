"""`TextGenerator`: textgenrnn's texts, streamed or many at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime import TextGenerator, UsageError
from pi_runtime.backends.reference import ReferenceBackend
from pi_runtime.generation.interactive import Composer
from pi_runtime.generation.sampling import random_stream, sample
from pi_runtime.model.file import ModelFile
from pi_runtime.model.vocabulary import Vocabulary
from tests.checkpoints import config_of, packed_model, small_network, small_vocab

NETWORK = small_network(classes=20)
LENGTH = 8


def generator(*, single_text: bool = False, word_level: bool = False) -> TextGenerator:
    vocab = small_vocab(20, single_text=single_text)
    return TextGenerator(
        ReferenceBackend(NETWORK, LENGTH),
        Vocabulary(vocab, 20, word_level=word_level),
        config_of(NETWORK, LENGTH, word_level=word_level),
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(NETWORK, small_vocab(20)))
    return path


def by_hand(
    texts: TextGenerator, prefix: list[str], limit: int, schedule: list[float], seed: int
) -> list[str]:
    """textgenrnn's loop, spelled out: the whole window for every token."""
    vocabulary, random, tokens = texts.vocabulary, random_stream(seed), list(prefix)
    while len(tokens) < limit:
        ids = [vocabulary.id(token) for token in tokens[-LENGTH:]]
        backend = ReferenceBackend(NETWORK, LENGTH)
        for number in ids or [0]:
            answer = backend.advance([number])[0]
        temperature = schedule[(len(tokens) - 1) % len(schedule)]
        tokens.append(vocabulary.token(sample(answer, temperature, random)))
        if tokens[-1] == "<s>":
            break
    return tokens


SCHEDULE = [1.0, 0.5, 0.2, 0.2]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prefix", [None, "", "eat", "eatonisrhl" * 2])
def test_a_text_is_textgenrnns_loop(prefix: str | None, seed: int) -> None:
    texts = generator()
    tokens = by_hand(texts, ["<s>", *(prefix or "")], 40, SCHEDULE, seed)
    expected = "".join(token for token in tokens[1:] if token != "<s>")
    assert texts.generate(prefix=prefix, max_gen_length=40, seed=seed) == [expected]


@pytest.mark.parametrize("seed", range(3))
def test_single_text_without_a_prefix_cuts_the_first_window(seed: int) -> None:
    texts = generator(single_text=True)
    tokens = by_hand(texts, [""], 30 + LENGTH, SCHEDULE, seed)
    assert texts.generate(max_gen_length=30, seed=seed) == ["".join(tokens[LENGTH:])]


@pytest.mark.parametrize("seed", range(3))
def test_single_text_with_a_prefix_keeps_it(seed: int) -> None:
    texts = generator(single_text=True)
    tokens = by_hand(texts, list("eat"), 30 + LENGTH, SCHEDULE, seed)
    (text,) = texts.generate(prefix="eat", max_gen_length=30, seed=seed)
    assert text == "".join(tokens)
    assert text.endswith("".join(tokens[LENGTH:])), "what textgenrnn returns"


@pytest.mark.parametrize("word_level", [False, True])
@pytest.mark.parametrize("single_text", [False, True])
@pytest.mark.parametrize("prefix", [None, "e a"])
def test_pieces_joined_are_the_text(
    word_level: bool, single_text: bool, prefix: str | None
) -> None:
    texts = generator(single_text=single_text, word_level=word_level)
    for seed in range(5):
        pieces = list(texts.stream(prefix=prefix, temperature=0.9, seed=seed))
        assert all(pieces)
        assert ["".join(pieces)] == texts.generate(prefix=prefix, temperature=0.9, seed=seed)


def test_characters_stream_one_by_one() -> None:
    pieces = list(generator().stream(temperature=[0.7], seed=1, max_gen_length=20))
    assert pieces
    assert all(len(piece) == 1 for piece in pieces)


@pytest.mark.parametrize("n", [2, 5, 70, 131])
def test_a_text_depends_on_its_number_not_on_how_many_there_are(n: int) -> None:
    texts = generator()
    many = texts.generate(n, temperature=1.0, max_gen_length=15, seed=3)
    alone = [
        "".join(texts.stream(temperature=1.0, max_gen_length=15, seed=3, index=index))
        for index in range(n)
    ]
    assert many == alone
    assert len(set(many)) > 1


def test_texts_come_in_order_as_they_are_done() -> None:
    texts = generator()
    stream = texts.texts(100, temperature=1.0, max_gen_length=15, seed=3)
    first = next(stream)
    assert first == texts.generate(temperature=1.0, max_gen_length=15, seed=3)[0]


def test_a_prefix_longer_than_the_limit_is_the_text() -> None:
    assert generator().generate(3, prefix="eaton", max_gen_length=4, seed=0) == ["eaton"] * 3


def test_a_gap_in_the_vocabulary_is_never_drawn() -> None:
    vocab = small_vocab(20)
    del vocab["e"], vocab["a"]
    backend = ReferenceBackend(NETWORK, LENGTH)
    texts = TextGenerator(backend, Vocabulary(vocab, 20, word_level=False), config_of(NETWORK))
    drawn = "".join(texts.generate(50, temperature=2.0, seed=0))
    assert drawn
    assert not set("ea") & set(drawn)


def test_samples_and_files(model: Path, tmp_path: Path) -> None:
    texts = TextGenerator.load(model, backend="numpy")
    samples = texts.generate_samples(2, [0.2, 1.0], max_gen_length=12, seed=5)
    assert {t: len(found) for t, found in samples.items()} == {0.2: 2, 1.0: 2}
    assert samples[1.0] == texts.generate(2, temperature=1.0, max_gen_length=12, seed=5)
    path = tmp_path / "texts.txt"
    texts.generate_to_file(path, 4, max_gen_length=12, seed=5)
    expected = texts.generate(4, max_gen_length=12, seed=5)
    assert path.read_text("utf-8") == "".join(f"{text}\n" for text in expected)


def test_auto_says_why_it_fell_back(model: Path) -> None:
    """The model's FlatBuffer is no TFLite graph, so that every interpreter refuses it."""
    texts = TextGenerator.load(model)
    assert texts.backend.name == "numpy"
    assert "TFLite interpreter" in texts.fallback


def test_without_a_seed_texts_differ() -> None:
    texts = generator()
    assert len({texts.generate(temperature=1.0)[0] for _ in range(8)}) > 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"n": 0},
        {"temperature": -0.1},
        {"temperature": []},
        {"temperature": float("nan")},
        {"temperature": [0.5, float("inf")]},
        {"max_gen_length": 0},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_arguments_that_cannot_be_right(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="give"):
        generator().generate(**arguments)  # type: ignore[arg-type]


def test_the_network_in_the_file_is_the_one_that_was_packed(model: Path) -> None:
    network = ModelFile(model).network()
    np.testing.assert_array_equal(network.output_kernel, NETWORK.output_kernel)


@given(
    st.lists(st.one_of(st.sampled_from([*small_vocab(20)][:-1]), st.none()), max_size=30),
    st.sampled_from([None, "eat", "eatonisrhl" * 2]),
    st.booleans(),
)
def test_a_token_taken_back_leaves_no_trace(
    steps: list[str | None], prefix: str | None, single_text: bool
) -> None:
    texts = generator(single_text=single_text)
    composer = Composer(texts, prefix)
    written: list[str] = []
    for step in steps:
        if step is None:
            assert composer.back() == bool(written)
            del written[-1:]
        else:
            composer.add(step)
            written.append(step)
    fresh = Composer(texts, prefix)
    for token in written:
        fresh.add(token)
    assert composer.text == fresh.text == (prefix or "") + "".join(written)
    assert composer.options(20) == fresh.options(20)
