"""The model file: what is written is read, and any tool can look into it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pi_runtime import TextGenerator
from pi_runtime.errors import ModelFileError
from pi_runtime.model.file import MEMBERS, NGRAMS, ModelFile, read_network, seal
from pi_runtime.model.ngrams import NgramSet
from tests.helpers.checkpoints import config_of, packed_model, small_network, small_vocab
from tests.helpers.model_files import members, rebuilt

NETWORK = small_network()
CONTENT = packed_model(NETWORK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(CONTENT)
    return path


def assert_holds_what_was_packed(model: ModelFile) -> None:
    arrays = model.network().arrays()
    assert list(arrays) == list(NETWORK.arrays())
    for name, array in NETWORK.arrays().items():
        np.testing.assert_array_equal(arrays[name], array)
    assert model.vocabulary.ids == small_vocab(12)
    assert not model.vocabulary.word_level
    assert model.config == config_of(NETWORK, 8)
    assert model.config.max_length == 8
    assert model.manifest.classes == 12
    assert model.manifest.quantization == "float32"
    assert model.golden().windows.shape == (3, 8)
    assert model.golden().probabilities.shape == (3, 12)
    assert len(model.golden().tolerances) == 3


def test_what_was_packed_is_read(path: Path) -> None:
    model = ModelFile(path)
    assert_holds_what_was_packed(model)
    assert model.name == str(path)


def test_a_model_needs_no_file() -> None:
    model = ModelFile.from_bytes(CONTENT, "colab")
    assert_holds_what_was_packed(model)
    assert model.name == "colab"
    assert model.content == CONTENT
    with pytest.raises(ModelFileError, match=r"^colab: not a textgenrnn-pi model, or damaged"):
        ModelFile.from_bytes(CONTENT[:-1], "colab")


def test_arrays_are_mapped_not_copied(path: Path) -> None:
    embedding = ModelFile(path).network().embedding
    assert not embedding.flags.owndata
    assert not embedding.flags.writeable


def test_arrays_outlive_the_model_file(path: Path) -> None:
    network = ModelFile(path).network()
    np.testing.assert_array_equal(network.output_kernel, NETWORK.output_kernel)


def test_any_unzip_lists_it(path: Path) -> None:
    assert tuple(zipfile.ZipFile(path).namelist()) == MEMBERS


def test_the_same_input_gives_the_same_bytes() -> None:
    assert packed_model(small_network()) == CONTENT


def test_its_documents_say_what_is_in_it() -> None:
    """Version 1, word for word: other programs may read it.

    So does version 2, which differs in the number and in the n-grams alone.
    """
    flatbuffer, documents = members(CONTENT)
    embedding = NETWORK.embedding.tobytes()
    assert documents["manifest.json"].pop("arrays")["embedding"] == {
        "dtype": "float32",
        "offset": flatbuffer.index(embedding),
        "shape": [12, 6],
        "strides": [24, 4],
    }
    sha256 = documents["manifest.json"]["flatbuffer"].pop("sha256")
    assert len(sha256) == 64
    assert documents["manifest.json"] == {
        "producer": {},
        "source": {},
        "classes": 12,
        "quantization": "float32",
        "runtimes": [],
        "format_version": 1,
        "flatbuffer": {"length": len(flatbuffer)},
    }
    assert documents["config.json"] == {
        "name": "small",
        "max_length": 8,
        "word_level": False,
        "rnn_layers": 2,
        "rnn_size": 5,
        "rnn_bidirectional": False,
        "dim_embeddings": 6,
        "single_text": False,
    }
    assert documents["vocab.json"] == small_vocab(12)
    assert set(documents["golden.json"]) == {"windows", "probabilities", "tolerances"}


def test_the_zip_is_written_the_same_everywhere() -> None:
    """No dates, no order of a dictionary, no locale: sealed twice, it is the same to the byte."""
    documents = {name: {"б": [1, 2.5], "a": None} for name in MEMBERS}
    sealed = seal(b"graph", documents)
    assert sealed == seal(b"graph", dict(reversed(documents.items())))
    flatbuffer, read = members(sealed)
    assert flatbuffer == b"graph"
    assert list(read) == list(MEMBERS)
    assert read["golden.json"] == documents["golden.json"]
    assert list(read["manifest.json"]) == ["б", "a", "format_version", "flatbuffer"]


def test_the_first_files_of_version_1_still_load(path: Path) -> None:
    """They did not name what loads them."""
    flatbuffer, documents = members(CONTENT)
    del documents["manifest.json"]["runtimes"]
    del documents["config.json"]["single_text"]
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert_holds_what_was_packed(ModelFile(path))
    assert ModelFile(path).manifest.runtimes == []


def test_int8_arrays_are_read_with_their_scales(path: Path) -> None:
    """One scale per column, or one for all; arrays may lie in columns (strides)."""
    flatbuffer, documents = members(CONTENT)
    stored = np.random.RandomState(0).randint(-127, 128, (6, 12)).astype(np.int8)
    scales = np.linspace(0.01, 0.12, 6, dtype=np.float32)
    for count, expected in ((6, stored.T * scales), (1, stored.T * scales[:1])):
        entry = {
            "dtype": "int8",
            "offset": len(flatbuffer),
            "shape": [12, 6],
            "strides": [1, 12],
            "scale": {
                "dtype": "float32",
                "offset": len(flatbuffer) + stored.size,
                "shape": [count],
                "strides": [4],
            },
        }
        documents["manifest.json"]["arrays"]["embedding"] = entry
        path.write_bytes(seal(flatbuffer + stored.tobytes() + scales.tobytes(), documents))
        model = ModelFile(path)
        np.testing.assert_array_equal(model.network().embedding, expected)
        assert model.manifest.arrays["embedding"].to_json() == entry


@pytest.mark.parametrize("word_level", [False, True])
def test_it_may_hold_n_grams_of_the_training_texts(path: Path, word_level: bool) -> None:
    texts = ["to be, or not to be", "that is the question"]
    content = packed_model(NETWORK, word_level=word_level, texts=texts)
    assert content == packed_model(NETWORK, word_level=word_level, texts=texts[::-1])
    path.write_bytes(content)
    model = ModelFile(path)
    expected = NgramSet.of(texts, model.vocabulary)
    with zipfile.ZipFile(path) as archive:
        assert tuple(archive.namelist()) == (*MEMBERS, NGRAMS)
        assert archive.read(NGRAMS) == expected.to_bytes()
    found = model.ngrams()
    assert found is not None
    assert found.to_bytes() == expected.to_bytes()
    assert found.is_training_text("that is the question")
    generator = TextGenerator.load(path, "numpy")
    assert generator.ngrams is not None
    assert generator.ngrams.longest_run(texts[0]) == expected.length(texts[0])


def test_a_file_without_n_grams_is_what_it_was(path: Path) -> None:
    """The n-grams of another file change nothing but the version and their own member."""
    assert ModelFile(path).ngrams() is None
    assert TextGenerator.load(path, "numpy").ngrams is None
    flatbuffer, documents = members(packed_model(NETWORK, texts=["to be, or not to be"]))
    assert documents["manifest.json"]["format_version"] == 2
    del documents[NGRAMS]
    assert seal(flatbuffer, documents) == CONTENT


def test_a_network_is_read_from_the_bytes_of_a_graph_alone() -> None:
    """As converting does before there is a file."""
    flatbuffer, _ = members(CONTENT)
    model = ModelFile.from_bytes(CONTENT)
    network = read_network(flatbuffer, model.manifest.arrays, model.config)
    np.testing.assert_array_equal(network.output_bias, NETWORK.output_bias)


def test_a_word_level_model() -> None:
    model = ModelFile.from_bytes(packed_model(NETWORK, word_level=True))
    assert model.config.word_level
    assert model.vocabulary.word_level


def test_documents_are_utf8_and_not_escaped(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        text = archive.read("vocab.json").decode("utf-8")
    assert '"a": 2' in text
    content = packed_model(NETWORK, {"ж": 1, **{k: i for i, k in enumerate("bcdefghijk", 2)}})
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        raw = archive.read("vocab.json")
    assert "ж".encode() in raw
    assert json.loads(raw)["ж"] == 1
