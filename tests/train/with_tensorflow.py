"""What of `train` needs TensorFlow in the process; `test_training.py` runs this.

(TensorFlow and tflite-runtime do not live in one process.)
"""

from __future__ import annotations

import doctest
import hashlib
import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from convert.weights.checkpoint import read_checkpoint
from pi_runtime.backends.reference import window_probabilities
from tests.helpers.checkpoints import small_network, small_vocab
from train import Epoch, ModelSettings, Start, TrainSettings, train, training
from train.batches import Samples
from train.checkpoint import Sidecars, weights_file
from train.corpus import Corpus, make_vocabulary
from train.model import build_model, network_of, set_network

TEXTS = ["abracadabra", "a b", "", "cab " * 30, "Ж"]
MODELS = [
    ModelSettings(rnn_size=6, rnn_layers=2, max_length=5, dim_embeddings=4),
    ModelSettings(rnn_size=5, rnn_layers=3, max_length=7, dim_embeddings=3, rnn_bidirectional=True),
]


@pytest.mark.parametrize("settings", MODELS)
def test_the_keras_model_computes_what_the_reference_does(settings: ModelSettings) -> None:
    model = build_model(12, settings)
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
    windows = random.integers(0, 12, (9, settings.max_length)).astype(np.int32)
    expected = window_probabilities(network_of(model), windows)
    assert np.abs(model.predict(windows, verbose=0) - expected).max() < 1e-5


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_the_first_step_is_as_long_as_it_should_be(optimizer: str) -> None:
    """Adam's is the learning rate, RMSprop's that over √(1 - ρ): for the commonest token too."""
    model = build_model(12, MODELS[0], optimizer=optimizer)
    before = [np.array(variable) for variable in model.trainable_variables]
    windows = np.random.default_rng(1).integers(0, 3, (32, 5)).astype(np.int32)
    model.train_on_batch(windows, np.full(32, 2, np.int32))
    longest = {"adam": 4e-3, "rmsprop": 4e-2}[optimizer]
    for variable, old in zip(model.trainable_variables, before, strict=True):
        step = np.abs(np.array(variable) - old).max()
        assert 0.5 * longest < step < 1.001 * longest, variable.path
    unseen = np.array(model.get_layer("embedding").embeddings)[3:]
    assert np.array_equal(unseen, before[0][3:])


@pytest.mark.parametrize("settings", MODELS)
def test_weights_go_into_a_file_and_back(settings: ModelSettings, tmp_path: Path) -> None:
    model = build_model(12, settings)
    network = network_of(model)
    sidecars = Sidecars.of("a", small_vocab(12), settings, single=False)
    (tmp_path / "a_weights.hdf5").write_bytes(weights_file(network, sidecars))
    read = read_checkpoint(tmp_path / "a_weights.hdf5")
    assert read.layout.endswith("Keras 2.2.4")
    for name, array in network.arrays().items():
        assert np.array_equal(read.network.arrays()[name], array), name
    other = build_model(12, settings)
    set_network(other, read.network)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("single_text", [False, True])
@pytest.mark.parametrize("max_words", [100, 3])
def test_an_epoch_has_every_sample_once_and_the_next_another_order(
    max_words: int, single_text: bool
) -> None:
    texts = ["".join(TEXTS)] if single_text else TEXTS
    vocabulary = make_vocabulary(
        texts, word_level=False, max_words=max_words, single_text=single_text
    )
    corpus = Corpus.encode(texts, vocabulary, 6, word_level=False, single_text=single_text)
    ends = corpus.ends_of(np.arange(corpus.samples))
    every = np.column_stack([corpus.windows(ends, 6), corpus.tokens[ends + 1]]).tolist()
    trained, held = Samples(corpus, 6, seed=3).split(0.8, batch_size=1)
    assert held is not None
    parts = (trained, held)
    assert (parts[0].count, parts[1].count) == (round(0.8 * len(every)), round(0.2 * len(every)))
    orders = []
    for epoch in (0, 1, 0):
        orders.append(
            [
                (*windows[0].tolist(), int(targets[0]))
                for part in parts
                for windows, targets in part.epoch(epoch).as_numpy_iterator()
            ]
        )
    assert sorted(orders[0]) == sorted(map(tuple, every))
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]
    validating = [set(order[trained.count :]) for order in orders]
    assert validating[0] == validating[1], "the same are held back in every epoch"


def test_what_does_not_fill_a_batch_waits_for_another_epoch() -> None:
    vocabulary = make_vocabulary(TEXTS, word_level=False, max_words=9, single_text=False)
    corpus = Corpus.encode(TEXTS, vocabulary, 6, word_level=False, single_text=False)
    batches, held = Samples(corpus, 6, seed=3).split(1.0, batch_size=8)
    assert held is None
    sizes = [len(targets) for _, targets in batches.epoch(0).as_numpy_iterator()]
    assert sizes == [8] * (corpus.samples // 8)


def test_labels_help_and_are_not_in_the_network(tmp_path: Path) -> None:
    """With two labels that decide everything, the loss falls below what a text alone allows."""
    texts, labels = ["x" + "a" * 9, "x" + "b" * 9] * 20, ["one", "two"] * 20
    losses: list[float] = []
    network = train(
        texts,
        "l",
        ModelSettings(rnn_size=8, rnn_layers=1, max_length=4, dim_embeddings=4),
        TrainSettings(num_epochs=8, batch_size=16, gen_epochs=0, line_delimited=True),
        folder=tmp_path,
        labels=labels,
        after_epoch=lambda epoch: losses.append(epoch.losses[-1]),
    )
    assert losses[-1] < losses[0] / 2
    assert network.output_kernel.shape[0] == 4 + 8


def test_a_training_that_was_cut_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    model = ModelSettings(rnn_size=8, rnn_layers=1, max_length=4, dim_embeddings=4)
    settings = TrainSettings(num_epochs=4, batch_size=16, gen_epochs=0)
    texts = ["the quick brown fox jumps over the lazy dog " * 10]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()

    def stop(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    one = train(texts, "a", model, settings, folder=whole)
    with pytest.raises(KeyboardInterrupt):
        train(texts, "a", model, settings, folder=cut, after_epoch=stop)
    epochs: list[int] = []
    two = train(
        texts,
        "a",
        model,
        settings,
        folder=cut,
        resume=True,
        after_epoch=lambda epoch: epochs.append(epoch.number),
    )
    assert epochs == [3, 4]
    for name, array in one.arrays().items():
        assert np.abs(array - two.arrays()[name]).max() < 1e-4, name
    assert not (cut / "a_resume.npz").exists()
    assert sorted(path.name for path in cut.iterdir()) == [
        "a_config.json",
        "a_vocab.json",
        "a_weights.hdf5",
    ]


def test_keras_itself_reads_the_weights_and_looks_past_the_hashes(tmp_path: Path) -> None:
    network = network_of(build_model(12, MODELS[0]))
    sidecars = Sidecars.of("a", small_vocab(12), MODELS[0], single=False)
    path = tmp_path / "a_weights.hdf5"
    path.write_bytes(weights_file(network, sidecars))
    model = build_model(12, MODELS[0])  # its layers have textgenrnn's names
    model.load_weights(path, by_name=True)
    windows = np.random.default_rng(1).integers(0, 12, (9, 5)).astype(np.int32)
    expected = window_probabilities(network, windows)
    assert np.abs(model.predict(windows, verbose=0) - expected).max() < 1e-5


def test_the_weights_tell_the_hashes_of_their_sidecars(tmp_path: Path) -> None:
    texts = ["the quick brown fox jumps over the lazy dog " * 3]
    train(texts, "a", MODELS[0], TrainSettings(num_epochs=1, gen_epochs=0), folder=tmp_path)
    with h5py.File(tmp_path / "a_weights.hdf5") as file:
        told = json.loads(file.attrs["textgenrnn_pi_sidecars"])
    assert told == {
        kind: hashlib.sha256((tmp_path / f"a_{kind}.json").read_bytes()).hexdigest()
        for kind in ("vocab", "config")
    }


def test_a_set_that_a_power_cut_left_mixed_is_completed_from_its_state(tmp_path: Path) -> None:
    texts = ["the quick brown fox jumps over the lazy dog " * 3]
    settings = TrainSettings(num_epochs=2, gen_epochs=0)

    def stop(_: Epoch | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(texts, "a", MODELS[0], settings, folder=tmp_path, after_epoch=stop)
    written = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "a_vocab.json").write_bytes(b"{}")
    (tmp_path / "a_config.json").unlink()
    (tmp_path / "a_weights.hdf5").write_bytes(b"old")
    begun = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: stop(None))
    with pytest.raises(KeyboardInterrupt):
        train(texts, "a", MODELS[0], settings, folder=tmp_path, resume=True, callbacks=[begun])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == written


def test_a_network_whose_vocabulary_has_a_gap_is_fine_tuned(tmp_path: Path) -> None:
    """A real one repeats a key, which leaves an id without a token."""
    vocabulary = small_vocab(12)
    del vocabulary["t"]
    network = train(
        ["eat no rain", "one", "train no one"],
        "g",
        ModelSettings(rnn_size=5, rnn_layers=2, max_length=5, dim_embeddings=6),
        TrainSettings(num_epochs=1, line_delimited=True),
        folder=tmp_path,
        start=Start(small_network(), vocabulary),
    )
    assert network.classes == 12


def test_the_example_in_the_docstring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(training)
    assert tried
    assert not failed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tiny_config.json",
        "tiny_vocab.json",
        "tiny_weights.hdf5",
    ]
