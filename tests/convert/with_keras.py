"""What Keras 3 itself writes is read as the same network; `test_keras_3.py` runs this.

(TensorFlow and tflite-runtime do not live in one process.)
"""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from convert.weights.checkpoint import Checkpoint, read_checkpoint
from train.model import build_model, network_of
from train.settings import ModelSettings

CLASSES, LENGTH = 11, 6


def trained_model(*, bidirectional: bool, context_size: int = 0) -> keras.Model:
    """Return a model after a step of training, with its optimizer's state."""
    settings = ModelSettings(
        max_length=LENGTH,
        rnn_layers=3,
        rnn_size=4,
        rnn_bidirectional=bidirectional,
        dim_embeddings=5,
    )
    model = build_model(CLASSES, settings, dropout=0.1, context_size=context_size)
    model.jit_compile = False  # which would take longer than the training
    model.run_eagerly = True
    random = np.random.RandomState(0)
    windows, targets = random.randint(0, CLASSES, (8, LENGTH)), random.randint(0, CLASSES, 8)
    if context_size:
        labels = np.eye(context_size)[random.randint(0, context_size, 8)]
        model.fit([windows, labels], [targets, targets], verbose=0)
    else:
        model.fit(windows, targets, verbose=0)
    return model


def assert_read(path: Path, model: keras.Model) -> Checkpoint:
    """Assert that a file is read as a model's network."""
    read, expected = read_checkpoint(path), network_of(model).arrays()
    found = read.network.arrays()
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    return read


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("context_size", [0, 3])
def test_every_kind_of_file_that_keras_writes_is_read(
    tmp_path: Path, bidirectional: bool, context_size: int
) -> None:
    model = trained_model(bidirectional=bidirectional, context_size=context_size)
    model.save_weights(tmp_path / "a.weights.h5")
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "a.h5")
    for name in ("a.weights.h5", "a.keras", "a.h5"):
        read = assert_read(tmp_path / name, model)
        assert read.layout.startswith("LSTM, Keras 3")
        assert bool(read.notes) == bool(context_size)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_file_of_keras_3_0_names_no_layers(tmp_path: Path, bidirectional: bool) -> None:
    model = trained_model(bidirectional=bidirectional)
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)

    def forget(_: str, item: h5py.Group | h5py.Dataset) -> None:
        item.attrs.pop("name", None)

    with h5py.File(path, "r+") as file:
        file.visititems(forget)
    assert_read(path, model)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
def test_a_layer_too_many_is_named(tmp_path: Path, ending: str) -> None:
    model = trained_model(bidirectional=False)
    (attention,) = (layer for layer in model.layers if layer.name == "attention")
    hidden = keras.layers.Dense(17, name="hidden")(attention.output)
    output = keras.layers.Dense(CLASSES, activation="softmax", name="output")(hidden)
    path = tmp_path / f"a{ending}"
    forked = keras.Model(model.input, output)
    forked.save_weights(path) if "weights" in ending else forked.save(path)
    with pytest.raises(Exception, match="another layer with weights, hidden,"):
        read_checkpoint(path)
