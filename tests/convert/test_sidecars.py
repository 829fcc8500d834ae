"""A vocab and a config belong to weights by proof, whatever they are called."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from convert.errors import SidecarError
from convert.sidecars import find_sidecars, stock_vocab
from tests.helpers.checkpoints import config_of, small_network, small_vocab, write_sidecars
from tests.helpers.zoo import SHARED

NETWORK = small_network()
VOCAB = small_vocab(12)
CONFIG = config_of(NETWORK, max_length=9)
STOCK = small_network(classes=465)


def write_vocab(path: Path, vocab: object) -> None:
    path.write_text(json.dumps(vocab), "utf-8")


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("colab_weights.hdf5", "colab"),
        ("colab.hdf5", "colab_model"),
        ("colab.hdf5", "colab"),
        ("colab_weights_epoch_7.hdf5", "colab"),
        ("my.backup.hdf5", "textgenrnn"),
    ],
)
def test_names_tell_where_to_look_first(tmp_path: Path, weights: str, name: str) -> None:
    write_sidecars(tmp_path, name, VOCAB, CONFIG)
    other = {f"{i}": i for i in range(1, 12)}
    write_vocab(tmp_path / "a_vocab.json", other)
    found = find_sidecars(tmp_path / weights, NETWORK)
    assert found.vocab == VOCAB
    assert found.config.max_length == 9


def test_a_vocab_of_any_name_that_is_the_only_one_to_fit(tmp_path: Path) -> None:
    write_vocab(tmp_path / "tokens.json", VOCAB)
    write_vocab(tmp_path / "w_vocab.json", {"a": 1})
    found = find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert found.vocab == VOCAB
    assert "the only one here whose ids fit" in found.notes[0]


def test_two_that_fit_and_no_name_to_choose_by(tmp_path: Path) -> None:
    write_vocab(tmp_path / "a.json", VOCAB)
    write_vocab(tmp_path / "b.json", {f"{i}": i for i in range(1, 12)})
    with pytest.raises(SidecarError, match=r"a\.json, b\.json all fit – choose one with --vocab"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[1, 2]", "it is not a table"),
        ('{"a": "b"}', "it is not a table"),
        ('{"a": 1, "b": 1}', "it gives one id to two tokens"),
        ('{"a": 1}', "it has 1 tokens, the weights have 12 classes"),
        (json.dumps({str(i): i for i in range(2, 13)}), "its ids are not 1 to 11"),
    ],
)
def test_a_vocab_that_does_not_fit_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "w_vocab.json"
    path.write_text(text, "utf-8")
    with pytest.raises(SidecarError) as beside:
        find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert "12 classes and no vocab beside it fits" in str(beside.value)
    assert f"w_vocab.json does not fit: {reason}" in str(beside.value)
    with pytest.raises(SidecarError, match=reason):
        find_sidecars(tmp_path / "w_weights.hdf5", NETWORK, vocab_path=path)


def test_a_repeated_key_leaves_a_gap(tmp_path: Path) -> None:
    pairs = [(f"t{i}", i) for i in range(1, 11)] + [("t1", 11)]
    text = "{" + ", ".join(f'"{token}": {number}' for token, number in pairs) + "}"
    (tmp_path / "w_vocab.json").write_text(text, "utf-8")
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.vocab["t1"] == 11
    assert 1 not in found.vocab.values()


def test_another_models_config_is_left_alone(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, replace(CONFIG, rnn_layers=4))
    found = find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert found.config.rnn_layers == 2
    assert found.config.max_length == 40
    assert any("another model's (rnn_layers 4, the weights have 2)" in n for n in found.notes)
    assert any("max_length 40 and character level are assumed" in n for n in found.notes)
    with pytest.raises(SidecarError, match="rnn_layers 4, the weights have 2"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, config_path=tmp_path / "w_config.json")


def test_max_length_as_asked(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, CONFIG)
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK, max_length=17).config.max_length == 17


@pytest.mark.parametrize("length", [0, -1, 10_001, "40", True])
def test_a_window_out_of_bounds(tmp_path: Path, length: object) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    write_vocab(tmp_path / "w_config.json", {"max_length": length})
    with pytest.raises(SidecarError, match="max_length is"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)


def test_465_classes_and_nothing_that_fits_are_the_stock_model(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, replace(CONFIG, max_length=99))
    found = find_sidecars(tmp_path / "w_weights.hdf5", STOCK)
    assert found.vocab == stock_vocab()
    assert found.config.max_length == 40, "the config beside it is another model's"
    assert any("textgenrnn's stock one" in note for note in found.notes)
    assert found.sources == ()


def test_465_classes_with_a_vocab_of_their_own(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", small_vocab(465), config_of(STOCK, max_length=21))
    found = find_sidecars(tmp_path / "w_weights.hdf5", STOCK)
    assert found.vocab != stock_vocab()
    assert found.config.max_length == 21


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared beside the checkout")
def test_the_stock_vocab_is_textgenrnns() -> None:
    assert stock_vocab() == json.loads((SHARED / "stock_vocab.json").read_text("utf-8"))
