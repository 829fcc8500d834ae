"""`TextGenerator`: textgenrnn's texts, streamed or many at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pi_runtime import BackendError, ModelFileError, TextGenerator
from pi_runtime.model.file import ModelFile
from tests.helpers.backends import HAS_ONNX
from tests.helpers.checkpoints import packed_model, small_vocab
from tests.helpers.texts import LENGTH, NETWORK, reference_generator, tokens_by_hand


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(NETWORK, small_vocab(20)))
    return path


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prefix", [None, "", "eat", "eatonisrhl" * 2])
def test_a_text_is_textgenrnns_loop(prefix: str | None, seed: int) -> None:
    texts = reference_generator()
    tokens = tokens_by_hand(texts.vocabulary, ["<s>", *(prefix or "")], 40, seed)
    expected = "".join(token for token in tokens[1:] if token != "<s>")
    assert texts.generate(prefix=prefix, max_gen_length=40, seed=seed) == [expected]


@pytest.mark.parametrize("seed", range(3))
def test_single_text_without_a_prefix_cuts_the_first_window(seed: int) -> None:
    texts = reference_generator(single_text=True)
    tokens = tokens_by_hand(texts.vocabulary, [""], 30 + LENGTH, seed)
    assert texts.generate(max_gen_length=30, seed=seed) == ["".join(tokens[LENGTH:])]


@pytest.mark.parametrize("seed", range(3))
def test_single_text_with_a_prefix_keeps_it(seed: int) -> None:
    texts = reference_generator(single_text=True)
    tokens = tokens_by_hand(texts.vocabulary, list("eat"), 30 + LENGTH, seed)
    (text,) = texts.generate(prefix="eat", max_gen_length=30, seed=seed)
    assert text == "".join(tokens)
    assert text.endswith("".join(tokens[LENGTH:])), "what textgenrnn returns"


@pytest.mark.parametrize("word_level", [False, True])
@pytest.mark.parametrize("single_text", [False, True])
@pytest.mark.parametrize("prefix", [None, "e a"])
def test_pieces_joined_are_the_text(
    word_level: bool, single_text: bool, prefix: str | None
) -> None:
    texts = reference_generator(single_text=single_text, word_level=word_level)
    for seed in range(5):
        pieces = list(texts.stream(prefix=prefix, temperature=0.9, seed=seed))
        assert all(pieces)
        assert ["".join(pieces)] == texts.generate(prefix=prefix, temperature=0.9, seed=seed)


def test_characters_stream_one_by_one() -> None:
    pieces = list(reference_generator().stream(temperature=[0.7], seed=1, max_gen_length=20))
    assert pieces
    assert all(len(piece) == 1 for piece in pieces)


@pytest.mark.parametrize("n", [2, 5, 70, 131])
def test_a_text_depends_on_its_number_not_on_how_many_there_are(n: int) -> None:
    texts = reference_generator()
    many = texts.generate(n, temperature=1.0, max_gen_length=15, seed=3)
    alone = [
        "".join(texts.stream(temperature=1.0, max_gen_length=15, seed=3, index=index))
        for index in range(n)
    ]
    assert many == alone
    assert len(set(many)) > 1


def test_texts_come_in_order_as_they_are_done() -> None:
    texts = reference_generator()
    stream = texts.texts(100, temperature=1.0, max_gen_length=15, seed=3)
    first = next(stream)
    assert first == texts.generate(temperature=1.0, max_gen_length=15, seed=3)[0]


def test_texts_without_an_end_are_not_collected() -> None:
    """As many as the upper bound allows: what is not asked for is not made."""
    stream = reference_generator().texts(10**9, max_gen_length=15, seed=3)
    assert [next(stream) for _ in range(3)] == reference_generator().generate(
        3, max_gen_length=15, seed=3
    )


def test_a_prefix_longer_than_the_limit_is_the_text() -> None:
    texts = reference_generator()
    assert texts.generate(3, prefix="eaton", max_gen_length=4, seed=0) == ["eaton"] * 3


def test_a_gap_in_the_vocabulary_is_never_drawn() -> None:
    vocab = small_vocab(20)
    del vocab["e"], vocab["a"]
    texts = reference_generator(vocab=vocab)
    drawn = "".join(texts.generate(50, temperature=2.0, seed=0))
    assert drawn
    assert not set("ea") & set(drawn)


def test_without_a_seed_texts_differ() -> None:
    texts = reference_generator()
    assert len({texts.generate(temperature=1.0)[0] for _ in range(8)}) > 1
    many = texts.generate(8, temperature=1.0)
    assert len(set(many)) > 1


def test_samples_and_files(model: Path, tmp_path: Path) -> None:
    texts = TextGenerator.load(model, backend="numpy")
    samples = texts.generate_samples(2, [0.2, 1.0], max_gen_length=12, seed=5)
    assert {t: len(found) for t, found in samples.items()} == {0.2: 2, 1.0: 2}
    assert samples[1.0] == texts.generate(2, temperature=1.0, max_gen_length=12, seed=5)
    path = tmp_path / "texts.txt"
    texts.generate_to_file(path, 4, max_gen_length=12, seed=5)
    expected = texts.generate(4, max_gen_length=12, seed=5)
    assert path.read_text("utf-8") == "".join(f"{text}\n" for text in expected)


def test_the_network_in_the_file_is_the_one_that_was_packed(model: Path) -> None:
    network = ModelFile(model).network()
    np.testing.assert_array_equal(network.output_kernel, NETWORK.output_kernel)
    assert TextGenerator.load(model, "numpy").generate(9, seed=1) == reference_generator().generate(
        9, seed=1
    )


def test_auto_says_why_it_fell_back(model: Path) -> None:
    """The model's FlatBuffer is no TFLite graph, so that every interpreter refuses it."""
    texts = TextGenerator.load(model)
    assert texts.backend.name == ("onnx" if HAS_ONNX else "numpy")
    assert texts.fallback_reason is not None
    assert "TFLite interpreter" in texts.fallback_reason
    assert TextGenerator.load(model, backend="numpy").fallback_reason is None


def test_what_cannot_be_loaded(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        TextGenerator.load(tmp_path / "none.tflite")
    with pytest.raises(BackendError, match="no backend is called 'gpu' – take auto, tflite, onnx"):
        TextGenerator.load(model, backend="gpu")
    with pytest.raises(BackendError):
        TextGenerator.load(model, backend="tflite")
