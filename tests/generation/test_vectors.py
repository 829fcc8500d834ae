"""Texts as vectors, and which are alike: what textgenrnn computes, held to Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pi_runtime import TextGenerator, UsageError
from pi_runtime.backends.reference import window_vectors
from pi_runtime.generation import vectors
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import Network
from tests.helpers.checkpoints import (
    config_of,
    packed_model,
    small_network,
    small_vocab,
    write_weights,
)
from tests.helpers.commands import ROOT, needs_tensorflow
from tests.helpers.conversion import Converter
from tests.helpers.texts import reference_generator
from tests.helpers.zoo import catalog, golden_texts, weights_of

LENGTH = 8
TEXTS = ["eat a stone", "tea", "", "Eat, tea  and ж", "a" * 50, "eatonisr", "eatonisrh"]
MANY = [f"{first}{second} tea {first}" for first in "eatonisr" for second in "hldueatn"]


def generator(tmp_path: Path, **options: Any) -> TextGenerator:
    """Return a generator of a small network's model file."""
    word_level, single_text = options.pop("word_level", False), options.pop("single_text", False)
    path = tmp_path / "m.tflite"
    network = small_network(classes=20, **options)
    vocab = small_vocab(20, single_text=single_text)
    if word_level:
        vocab = {"tea": 1, "eat": 2, "eat,": 3, "a": 4, ",": 5, "<s>": 19}
    path.write_bytes(packed_model(network, vocab, LENGTH, word_level=word_level))
    return TextGenerator.load(path, backend="numpy")


def with_keras(jobs: list[dict[str, Any]]) -> list[np.ndarray[Any, Any]]:
    """Return the vectors that Keras computes for each job of `with_keras.py`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.generation.with_keras"],
        input="".join(json.dumps(job) + "\n" for job in jobs),
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [np.load(job["output"]) for job in jobs]


SMALL: dict[str, dict[str, Any]] = {
    "characters": {},
    "words": {"word_level": True},
    "single text": {"single_text": True},
    "one layer": {"layers": 1, "units": 7},
    "both ways": {"bidirectional": True, "layers": 3},
}


@needs_tensorflow
def test_vectors_are_those_of_keras(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    jobs, ours = [], []
    for name, options in SMALL.items():
        folder = tmp_path / name
        folder.mkdir()
        texts = generator(folder, **options)
        network = texts.network()
        write_weights(folder / "weights.hdf5", network)
        config = config_of(network, LENGTH, word_level=texts.config.word_level)
        jobs.append(
            {
                "weights": str(folder / "weights.hdf5"),
                "vocab": texts.vocabulary.ids,
                "config": asdict(config),
                "texts": TEXTS,
                "output": str(folder / "vectors.npy"),
            }
        )
        ours.append(texts.encode_text_vectors(TEXTS, pca_dims=None))
    for name, found, expected in zip(SMALL, ours, with_keras(jobs), strict=True):
        assert found.dtype == expected.dtype == np.float32
        assert found.shape == expected.shape, name
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6, err_msg=name)


TEN = (
    *("stock", "hp-names-8x16-bidir", "tolkien-names-4x128", "abba-words-cudnn"),
    *("lyrics-single-bidir", "quotes-keras1", "beer-words-single", "griffin-4x64-bidir-cudnn"),
    *("speech-russian-words", "tama-single-window10-cudnn"),
)
"""Checkpoints of every layout, level and direction."""


def in_float64(network: Network) -> Network:
    arrays = {name: array.astype(np.float64) for name, array in network.arrays().items()}
    return Network.from_arrays(arrays, len(network.layers), network.bidirectional)


@needs_tensorflow
def test_vectors_of_real_checkpoints_are_those_of_keras(
    converted: Converter, tmp_path: Path
) -> None:
    found = [entry for entry in catalog("convert") if entry["name"] in TEN]
    if not found:
        pytest.skip("no ../shared/zoo beside the checkout")
    jobs, paths = [], []
    for entry in found:
        paths.append(converted(entry["name"], weights_of(entry)))
        model = ModelFile(paths[-1])
        texts = [case["text"] for case in golden_texts()[entry["name"]]["texts"] if "text" in case]
        jobs.append(
            {
                "weights": str(weights_of(entry)),
                "vocab": model.vocabulary.ids,
                "config": asdict(model.config),
                "texts": [*texts, *(text[5:30] for text in texts), "Hello, World!", ""],
                "output": str(tmp_path / f"{entry['name']}.npy"),
            }
        )
    for path, job, expected in zip(paths, jobs, with_keras(jobs), strict=True):
        model = ModelFile(path)
        ours = TextGenerator.load(path).encode_text_vectors(job["texts"], pca_dims=None)
        windows = [vectors._window(text, model.vocabulary, model.config) for text in job["texts"]]
        exact = window_vectors(in_float64(model.network()), np.array(windows))
        rounding = np.abs(exact - ours).max()
        assert np.abs(ours - expected).max() <= max(1e-5, 4 * rounding), path


def test_a_single_text_is_a_list_of_one(tmp_path: Path) -> None:
    texts = generator(tmp_path)
    one = texts.encode_text_vectors("tea", pca_dims=None)
    assert one.shape == (1, 16)
    np.testing.assert_array_equal(one, texts.encode_text_vectors(["tea"], pca_dims=None))


def test_the_first_window_counts_and_its_start_mark_only_if_there_is_room(tmp_path: Path) -> None:
    texts = generator(tmp_path)

    def vector(text: str) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = texts.encode_text_vectors(text, pca_dims=None)
        return found

    network, ids = texts.network(), texts.vocabulary.ids
    for text in ("eat", "eatonis", "eatonisr", "eatonisrhl"):
        window = [ids["<s>"], *(ids[letter] for letter in text[:LENGTH])][-LENGTH:]
        window = [0] * (LENGTH - len(window)) + window
        np.testing.assert_array_equal(vector(text), window_vectors(network, np.array([window])))


def test_words_are_cut_at_spaces_alone(tmp_path: Path) -> None:
    texts = generator(tmp_path, word_level=True)

    def ids(text: str) -> list[int]:
        return vectors._window(text, texts.vocabulary, texts.config)[-3:]

    assert ids("Eat, tea") == [19, 3, 1]
    assert ids("eat,tea") == [0, 19, 0]
    assert ids("  tea  A") == [19, 1, 4]


def test_many_texts_are_computed_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = generator(tmp_path)
    at_once = texts.encode_text_vectors(MANY, pca_dims=None)
    sizes: list[int] = []

    def counted(network: Network, windows: np.ndarray[Any, Any]) -> Any:
        sizes.append(len(windows))
        return window_vectors(network, windows)

    monkeypatch.setattr(vectors, "window_vectors", counted)
    monkeypatch.setattr(vectors, "MAX_STATE_BYTES", 5 * texts.config.state_bytes)
    few = texts.encode_text_vectors(MANY, pca_dims=None)
    assert sizes == [5] * 12 + [4]
    np.testing.assert_allclose(few, at_once, rtol=0, atol=1e-6)


def test_similar_texts_come_first(tmp_path: Path) -> None:
    texts = generator(tmp_path)
    others = ["stone", "tea", "teas", "tea"]
    found = texts.similarity("tea", others, use_pca=False)
    encoded = texts.encode_text_vectors(["tea", *others], pca_dims=None).astype(np.float64)
    lengths = np.linalg.norm(encoded, axis=1)
    cosines = encoded[1:] @ encoded[0] / lengths[1:] / lengths[0]
    assert [text for text, _ in found] == [others[at] for at in np.argsort(-cosines, kind="stable")]
    assert [value for _, value in found] == pytest.approx(np.sort(cosines)[::-1].tolist())
    assert [text for text, _ in found[:2]] == ["tea", "tea"]
    assert all(type(value) is float for _, value in found)


def test_vectors_of_length_zero_are_like_nothing() -> None:
    encoded = np.array([[0, 0], [1, 0]], np.float32)
    assert vectors.ranked(["a"], encoded, use_pca=False) == [("a", 0.0)]


# PCA and t-SNE


def test_pca_and_tsne_are_scikit_learns(tmp_path: Path) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    texts = generator(tmp_path)
    encoded = texts.encode_text_vectors(MANY, pca_dims=None)
    expected = decomposition.PCA(3).fit_transform(encoded)
    found, pca, tsne = texts.encode_text_vectors(
        MANY, pca_dims=3, tsne_dims=2, tsne_seed=1, return_pca=True, return_tsne=True
    )
    assert found.shape == (len(MANY), 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(pca.transform(encoded)), np.abs(expected), atol=1e-4)
    assert tsne.embedding_ is found
    plain = texts.encode_text_vectors(MANY, pca_dims=3)
    np.testing.assert_allclose(np.abs(plain), np.abs(expected), atol=1e-4)


def test_the_default_is_fifty_dimensions(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    texts = generator(tmp_path, units=30)
    assert texts.encode_text_vectors(MANY).shape == (len(MANY), 50)
    found, pca = texts.encode_text_vectors(MANY, return_pca=True)
    first = pca.transform(texts.encode_text_vectors("tea", pca_dims=None))[0].astype(np.float64)
    cosines = found @ first / np.linalg.norm(found, axis=1) / np.linalg.norm(first)
    ranked = texts.similarity("tea", MANY)
    assert dict(ranked) == pytest.approx(dict(zip(MANY, cosines.tolist(), strict=True)), abs=1e-4)


def test_texts_that_are_all_the_same_have_no_components(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    found = generator(tmp_path).encode_text_vectors(["tea"] * 4, pca_dims=2)
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"texts": []}, "texts is empty – give at least one"),
        ({"texts": ["a", 5]}, r"texts\[1\] is 5 – give a string"),
        ({"texts": 5}, "texts is 5 – give a list of strings"),
        ({"texts": ["a"] * 9}, "PCA to 50 dimensions takes 50 texts .* here are 9 texts"),
        ({"texts": ["a"], "pca_dims": 1}, "PCA to 1 dimensions takes 2 texts"),
        ({"texts": ["a"] * 60, "pca_dims": 17}, ".* and vectors of 16 – give .* or pca_dims=None"),
        ({"texts": ["a"], "pca_dims": 0}, "pca_dims is 0 – "),
        ({"texts": ["a"], "pca_dims": None, "tsne_dims": 4}, "tsne_dims is 4 – "),
        ({"texts": ["a"], "pca_dims": None, "tsne_dims": 2}, "t-SNE takes more than 30 texts"),
        ({"texts": MANY, "pca_dims": 2, "tsne_dims": 2, "tsne_seed": -1}, "tsne_seed is -1 – "),
        ({"texts": ["a"], "pca_dims": None, "return_pca": True}, "return_pca without pca_dims – "),
        ({"texts": ["a"], "pca_dims": None, "return_tsne": True}, "return_tsne without tsne_dims"),
        ({"texts": ["a"], "pca_dims": None, "return_pca": 1}, "return_pca is 1 – "),
    ],
)
def test_arguments_that_cannot_be_right(
    arguments: dict[str, Any], says: str, tmp_path: Path
) -> None:
    if arguments.get("tsne_seed"):
        pytest.importorskip("sklearn")
    with pytest.raises(UsageError, match=f"^{says}"):
        generator(tmp_path).encode_text_vectors(**arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((5, ["a"]), "text is 5 – give a string"),
        (("a", "tea"), "texts is 'tea' – give a list of strings"),
        (("a", [], False), "texts is empty – give at least one"),
        (("a", ["b"], 1), "use_pca is 1 – "),
        (("a", ["b"]), "PCA to 50 dimensions takes 50 texts .*, or use_pca=False"),
    ],
)
def test_comparisons_that_cannot_be_right(
    arguments: tuple[Any, ...], says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"^{says}"):
        generator(tmp_path).similarity(*arguments)


def test_without_scikit_learn_an_error_says_what_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sklearn.decomposition", "sklearn.manifold"):
        monkeypatch.setitem(sys.modules, module, None)  # so importing it fails
    texts = generator(tmp_path, units=30)
    install = 'pip install "textgenrnn-pi\\[vectors\\]"'
    with pytest.raises(UsageError, match=f"pca_dims needs scikit-.*{install}, or .*pca_dims=None"):
        texts.encode_text_vectors(MANY)
    with pytest.raises(UsageError, match=r"^use_pca needs scikit-learn.*, or give use_pca=False"):
        texts.similarity("tea", MANY)
    with pytest.raises(
        UsageError, match=r"^tsne_dims needs scikit-learn.*, or give tsne_dims=None"
    ):
        texts.encode_text_vectors(MANY, pca_dims=None, tsne_dims=2)
    assert texts.similarity("tea", MANY, use_pca=False)


def test_a_generator_without_a_file_knows_no_weights() -> None:
    with pytest.raises(UsageError, match=r"knows no weights – make it with TextG"):
        reference_generator().similarity("tea", ["eat"], use_pca=False)
