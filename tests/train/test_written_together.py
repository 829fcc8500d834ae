"""Weights of rnn-train tell which vocab and config they were written with: no others are theirs.

A vocab of the same size fits by its ids, whatever they stand for, and the text would be nonsense.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convert import convert_checkpoint
from convert.converter import read_source
from convert.errors import SidecarError
from tests.helpers.checkpoints import small_network, small_vocab
from train.settings import ModelSettings

pytest.importorskip("h5py")
from train.checkpoint import Sidecars, weights_file


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    network = small_network()
    settings = ModelSettings(
        rnn_layers=len(network.layers),
        rnn_size=network.units,
        rnn_bidirectional=network.bidirectional,
        dim_embeddings=network.embedding.shape[1],
        max_length=8,
    )
    sidecars = Sidecars.of("poems", small_vocab(network.classes), settings, single=False)
    (tmp_path / "poems_vocab.json").write_bytes(sidecars.vocab)
    (tmp_path / "poems_config.json").write_bytes(sidecars.config)
    weights = tmp_path / "poems_weights.hdf5"
    weights.write_bytes(weights_file(network, sidecars))
    return weights


def _turned(vocab: Path) -> bytes:
    """Return the vocab with the tokens of the first two ids exchanged."""
    ids = json.loads(vocab.read_bytes())
    first, second = list(ids)[:2]
    return json.dumps({**ids, first: ids[second], second: ids[first]}).encode()


def test_a_set_as_it_was_written_is_taken(weights: Path) -> None:
    notes = read_source(weights).notes
    assert "vocab poems_vocab.json: written with these weights" in notes


def test_renamed_files_are_still_found(weights: Path) -> None:
    vocab = weights.with_name("poems_vocab.json")
    vocab.rename(weights.with_name("letters.json"))
    assert read_source(weights).sha256.keys() >= {"letters.json"}


def test_a_vocab_of_the_same_size_is_refused(weights: Path, tmp_path: Path) -> None:
    vocab = weights.with_name("poems_vocab.json")
    vocab.write_bytes(_turned(vocab))
    with pytest.raises(SidecarError, match=r"poems_vocab\.json .*other weights"):
        read_source(weights)
    with pytest.raises(SidecarError, match="other weights"):
        convert_checkpoint(weights, tmp_path / "x.tflite", vocab=vocab)
    assert not (tmp_path / "x.tflite").exists()


def test_another_config_is_refused_unless_it_is_named(weights: Path) -> None:
    config = weights.with_name("poems_config.json")
    members = json.loads(config.read_bytes())
    config.write_text(json.dumps({**members, "max_length": 5}))
    with pytest.raises(SidecarError, match=r"poems_config\.json was not written with"):
        read_source(weights)
    assert read_source(weights, config=config).config.max_length == 5


def test_a_lost_config_is_missed(weights: Path) -> None:
    weights.with_name("poems_config.json").unlink()
    with pytest.raises(SidecarError, match=r"put its _config\.json there"):
        read_source(weights)
    assert read_source(weights, max_length=8).config.max_length == 8
