"""The documents of a model file as types: to JSON and back, and what they refuse."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from pi_runtime.model.manifest import (
    ArraySpec,
    Config,
    Golden,
    Manifest,
    vocabulary_from_json,
)
from pi_runtime.model.vocabulary import Vocabulary

CONFIG = Config("colab", 40, False, 2, 128, True, 100)
SCALE = ArraySpec("float32", 64, (3,), (4,))
FLOAT = ArraySpec("float32", 8, (2, 3), (12, 4))
INT8 = ArraySpec("int8", 4, (2, 3), (3, 1), SCALE)
MANIFEST = Manifest(
    {"numpy": "2.0"}, {"layout": "Keras 2"}, 30, "int8", ["numpy"], {"a": FLOAT, "b": INT8}
)
GOLDEN = Golden(
    np.array([[1, 2], [0, 3]], np.int32),
    np.array([[0.25, 0.5, 0.25, 0], [1, 0, 0, 0]], np.float32),
    (1e-5, 2e-5),
)


def test_a_config_comes_back() -> None:
    vocabulary = Vocabulary({"a": 1, "<s>": 2}, 3, word_level=False)
    document = CONFIG.to_json(vocabulary)
    assert document == {**asdict(CONFIG), "single_text": False}
    assert Config.from_json(document) == CONFIG
    assert CONFIG.to_json(Vocabulary({"a": 1}, 2, word_level=False))["single_text"]


@pytest.mark.parametrize("spec", [FLOAT, INT8, SCALE])
def test_an_array_spec_comes_back(spec: ArraySpec) -> None:
    assert ArraySpec.from_json(spec.to_json()) == spec


def test_a_manifest_comes_back() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_golden_windows_come_back() -> None:
    golden = Golden.from_json(GOLDEN.to_json(), max_length=2, classes=4)
    np.testing.assert_array_equal(golden.windows, GOLDEN.windows)
    np.testing.assert_array_equal(golden.probabilities, GOLDEN.probabilities)
    assert golden.tolerances == GOLDEN.tolerances
    assert golden.windows.dtype == np.int32
    assert golden.probabilities.dtype == np.float32


def test_probabilities_come_back_to_the_last_bit() -> None:
    exact = np.random.RandomState(0).rand(1, 4).astype(np.float32)
    exact /= exact.sum()
    golden = Golden(np.zeros((1, 2), np.int32), exact, (1.1920929e-07,))
    read = Golden.from_json(golden.to_json(), 2, 4)
    np.testing.assert_array_equal(read.probabilities, exact)
    assert read.tolerances == golden.tolerances


def test_an_array_is_read_in_place_or_multiplied() -> None:
    buffer = bytearray(80)
    buffer[8:32] = np.arange(6, dtype="<f4").tobytes()
    buffer[64:76] = np.array([0.5, 1, 2], "<f4").tobytes()
    array = FLOAT.read(buffer)
    np.testing.assert_array_equal(array, np.array([[0, 1, 2], [3, 4, 5]]))
    assert np.shares_memory(array, np.frombuffer(buffer, np.uint8))
    buffer[4:10] = np.array([1, -2, 3, -4, 5, -6], np.int8).tobytes()
    product = INT8.read(buffer)
    np.testing.assert_array_equal(product, np.array([[0.5, -2, 6], [-2, 5, -12]]))
    assert product.dtype == np.float32


@pytest.mark.parametrize(
    "spec",
    [
        ArraySpec("float32", 0, (3,), (4,)),
        ArraySpec("float32", 9, (1,), (4,)),
        ArraySpec("float32", 0, (2, 2), (8, 4)),
        ArraySpec("int8", 12, (1,), (1,)),
        ArraySpec("int8", 0, (200,), (1,)),
    ],
)
def test_an_array_beyond_the_buffer_is_refused(spec: ArraySpec) -> None:
    with pytest.raises(ValueError, match="reaches beyond"):
        spec.read(bytes(11))


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in document.items() if k != key}


@pytest.mark.parametrize("key", asdict(CONFIG))
def test_a_config_lacks_nothing(key: str) -> None:
    document = asdict(CONFIG)
    with pytest.raises(ValueError, match=key):
        Config.from_json(without(document, key))
    with pytest.raises(ValueError, match=key):
        Config.from_json({**document, key: None})


@pytest.mark.parametrize("key", ["producer", "source", "classes", "quantization", "arrays"])
def test_a_manifest_lacks_nothing(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        Manifest.from_json(without(MANIFEST.to_json(), key))


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": -1},
        {"offset": 1.0},
        {"offset": True},
        {"shape": [0, 3]},
        {"shape": [2, True]},
        {"shape": [2, 3.0]},
        {"shape": [1, 2, 3], "strides": [4, 4, 4]},
        {"strides": [4]},
        {"strides": [12, 0]},
        {"strides": [12, -4]},
        {"strides": [4, 4]},
        {"strides": [8, 4]},
        {"strides": [14, 4]},
        {"offset": 2},
        {"offset": 1 << 40},
        {"shape": [], "strides": []},
        {"dtype": "float64"},
        {"dtype": "int8"},
    ],
)
def test_an_array_spec_that_cannot_be_right(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ArraySpec.from_json({**FLOAT.to_json(), **wrong})


@pytest.mark.parametrize(
    "scale", [ArraySpec("float32", 0, (2,), (4,)), ArraySpec("int8", 0, (3,), (1,), SCALE), FLOAT]
)
def test_a_scale_is_one_for_all_or_one_per_column(scale: ArraySpec) -> None:
    with pytest.raises(ValueError, match="scale"):
        ArraySpec.from_json({**INT8.to_json(), "scale": scale.to_json()})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("windows", []),
        ("windows", [[1, 2, 3], [0, 3, 3]]),
        ("windows", [[1, 2], [0, 4]]),
        ("windows", [[1, 2], [0, -1]]),
        ("windows", [[1, 2], [0]]),
        ("probabilities", [[1, 0, 0, 0]]),
        ("probabilities", [[1, 0, 0], [1, 0, 0]]),
        ("tolerances", []),
        ("tolerances", [1e-5]),
        ("tolerances", ["x", "y"]),
        ("tolerances", [float("nan")] * 2),
        ("tolerances", [float("inf")] * 2),
        ("tolerances", [-1e-9] * 2),
        ("tolerances", [0.51] * 2),
        ("tolerances", [True] * 2),
        ("windows", [[1, 2.5], [0, 3]]),
        ("windows", [[1, True], [0, 3]]),
        ("windows", [[1, [2]], [0, 3]]),
        ("windows", [[1, 10**400], [0, 3]]),
        ("probabilities", [[float("nan"), 0, 0, 1], [0, 0, 0, 1]]),
        ("probabilities", [[-0.5, 0.5, 0, 1], [0, 0, 0, 1]]),
        ("probabilities", [[0.5, 0, 0, 0], [0, 0, 0, 1]]),
    ],
)
def test_golden_windows_that_cannot_be_right(key: str, value: Any) -> None:
    document = copy.deepcopy(GOLDEN.to_json())
    document[key] = value
    with pytest.raises(ValueError, match=r"\w"):
        Golden.from_json(document, 2, 4)


def test_a_vocabulary_is_tokens_with_ids() -> None:
    vocabulary = vocabulary_from_json({"a": 1, "<s>": 3}, 4, word_level=True)
    assert vocabulary.ids == {"a": 1, "<s>": 3}
    assert vocabulary.word_level


def test_an_id_of_two_tokens_is_written_as_the_later_one() -> None:
    ids = {"a": 1, "smash": 3, "b": 2, "<s>": 3}
    vocabulary = vocabulary_from_json(ids, 5, word_level=True)
    # textgenrnn's `indices_char`.
    assert {i: vocabulary.token(i) for i in (1, 2, 3)} == dict((ids[c], c) for c in ids)  # noqa: C402
    assert vocabulary.id("smash") == vocabulary.id("<s>") == 3
    assert 4 not in vocabulary
    assert not vocabulary.drawable[4]


@pytest.mark.parametrize(
    "ids", [{}, {"a": 0}, {"a": 4}, dict.fromkeys("abcd", 1), {"a": True}, {"a": "1"}, {"a": 1.0}]
)
def test_a_vocabulary_that_cannot_be_right(ids: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        vocabulary_from_json(ids, 4, word_level=False)


def config(**members: Any) -> Config:
    return Config.from_json({**asdict(CONFIG), "rnn_bidirectional": False, **members})


@pytest.mark.parametrize(
    "members",
    [
        {"rnn_size": 128, "rnn_layers": 2, "dim_embeddings": 100, "max_length": 500},
        {"rnn_size": 512, "rnn_layers": 3, "dim_embeddings": 300, "max_length": 100},
        {"rnn_size": 16, "rnn_layers": 2, "dim_embeddings": 16, "max_length": 2000},
        {"rnn_size": 500, "rnn_layers": 12, "max_length": 300, "rnn_bidirectional": True},
    ],
)
def test_work_that_a_checkpoint_may_ask_for(members: dict[str, Any]) -> None:
    config(**members).check_work(10_000)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"rnn_size": 1000, "rnn_layers": 100, "max_length": 40}, "a token takes 34 billion"),
        ({"rnn_size": 128, "rnn_layers": 2, "max_length": 2000}, "a window of 2000 tokens takes"),
        ({"rnn_size": 100, "rnn_layers": 90, "max_length": 500, "rnn_bidirectional": True}, "MB"),
    ],
)
def test_work_that_none_can_ask_for(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        config(**members).check_work(10_000)


def test_weights_are_finite_numbers() -> None:
    for value in (np.nan, np.inf, -np.inf):
        buffer = np.array([0, 0, 0, value, 0, 0, 0, 0], "<f4").tobytes()
        with pytest.raises(ValueError, match="not a finite number"):
            FLOAT.read(buffer)
