"""Keras 3's files: `.weights.h5` and `.keras`, by layers' names or, without them, by classes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from convert.errors import CheckpointError
from tests.convert.test_keras_layout import assert_equal
from tests.helpers.checkpoints import small_network, write_keras_3
from tests.helpers.commands import ROOT, needs_tensorflow

h5py = pytest.importorskip("h5py")

from convert.weights.checkpoint import read_checkpoint  # noqa: E402 - beside its library


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_both_kinds_are_read_with_and_without_names(
    tmp_path: Path, bidirectional: bool, named: bool, ending: str
) -> None:
    network = small_network(layers=3, bidirectional=bidirectional)
    path = tmp_path / f"a{ending}"
    write_keras_3(path, network, named=named)
    read = read_checkpoint(path)
    assert_equal(read.network, network)
    assert read.layout == "LSTM, Keras 3"


def test_more_than_ten_layers_are_in_order(tmp_path: Path) -> None:
    network = small_network(layers=12)
    write_keras_3(tmp_path / "a.weights.h5", network, named=False)
    assert_equal(read_checkpoint(tmp_path / "a.weights.h5").network, network)


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    return str(caught.value)


def test_two_outputs_without_names_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network(), named=False)
    with h5py.File(path, "r+") as file:
        file.copy("layers/dense", "layers/dense_1")
    assert "without its layers' names" in refusal(path)


def test_groups_of_another_class_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network(), named=False)
    with h5py.File(path, "r+") as file:
        file.move("layers/lstm_1", "layers/gru")
    assert "another layer with weights, gru," in refusal(path)


def test_two_layers_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network())
    with h5py.File(path, "r+") as file:
        file["layers/lstm_1/vars"].attrs["name"] = "rnn_1"
    assert "two layers of the name rnn_1" in refusal(path)


def test_a_direction_that_was_moved_does_not_pass_for_the_other(tmp_path: Path) -> None:
    """Read in the order of their names, the backward arrays came first, and became the forward."""
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network(bidirectional=True))
    with h5py.File(path, "r+") as file:
        layer = file["layers/bidirectional"]
        layer.move("forward_layer/cell", "backward_layer/cell/moved")
    assert "the two directions of bidirectional are not where Keras puts them" in refusal(path)


def test_an_array_that_was_renumbered_does_not_pass_for_another(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network())
    with h5py.File(path, "r+") as file:
        file.move("layers/lstm/cell/vars/0", "layers/lstm/cell/vars/7")
    assert "the arrays of lstm/cell are not numbered as Keras does" in refusal(path)


def test_random_generators_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network())
    with h5py.File(path, "r+") as file:
        file["layers/lstm/cell/seed_generator/vars/0"] = [1, 2]
    read_checkpoint(path)


def test_another_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.jpg", b"")
    assert "a ZIP file, but not one that Keras saved" in refusal(path)


@needs_tensorflow
def test_what_keras_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/convert/with_keras.py"],
        capture_output=True, text=True, timeout=600, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)
