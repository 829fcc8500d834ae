"""Files that are not textgenrnn's weights: the true reason, all problems of a file at once."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import CheckpointError
from tests.convert.test_keras_layout import assert_equal
from tests.helpers.checkpoints import small_network, write_weights

h5py = pytest.importorskip("h5py")

from convert.weights.checkpoint import read_checkpoint  # noqa: E402 - beside its library

NETWORK = small_network()  # 12 classes, embeddings of 6, 2 × 5 units: features of width 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint of textgenrnn's."""
    path = tmp_path / "w.hdf5"
    write_weights(path, NETWORK)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.isprintable(), "one line, and no control characters"
    assert str(path) in message
    return message


def set_layer(path: Path, name: str, *arrays: Any) -> None:
    """Replace a layer, or add it behind the others; without arrays, remove it."""
    with h5py.File(path, "r+") as file:
        names = np.asarray(file.attrs["layer_names"]).astype(str).tolist()
        names = [n for n in names if n != name]
        if name in file:
            del file[name]
        if arrays:
            names.append(name)
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{at}:0" for at in range(len(arrays))]
            for at, array in enumerate(arrays):
                group[f"{name}/{at}:0"] = np.asarray(array, np.float32)
        file.attrs["layer_names"] = names


# --- other networks ------------------------------------------------------------------------------


def test_gru(path: Path) -> None:
    set_layer(path, "rnn_2", np.ones((5, 15)), np.ones((5, 15)), np.ones((2, 15)))
    assert "w.hdf5: rnn_2 is a GRU, not an LSTM – " in refusal(path)


def test_simple_rnn_both_ways(path: Path) -> None:
    set_layer(path, "rnn_1", *([np.ones((6, 5)), np.ones((5, 5)), np.ones(5)] * 2))
    assert "rnn_1 is a SimpleRNN, not an LSTM" in refusal(path)


def test_no_attention(path: Path) -> None:
    set_layer(path, "attention")
    assert "it has no attention layer" in refusal(path)


@pytest.mark.parametrize("length", [15, 17, 40])
def test_attention_of_another_length(path: Path, length: int) -> None:
    set_layer(path, "attention", np.ones((length, 1)))
    assert f"its attention has {length} weights for features of width 16" in refusal(path)


def test_an_extra_layer_that_fits_by_its_size(path: Path) -> None:
    """Without it the network would compute something else, and nobody would know."""
    set_layer(path, "dense_1", np.eye(16), np.zeros(16))
    assert "it has another layer with weights, dense_1, that would be lost" in refusal(path)


def test_all_problems_in_one_line_and_the_gravest_first(path: Path) -> None:
    set_layer(path, "rnn_2", np.ones((5, 15)), np.ones((5, 15)), np.ones((2, 15)))
    set_layer(path, "attention")
    set_layer(path, "dense_1", np.eye(16))
    message = refusal(path)
    assert "w.hdf5: rnn_2 is a GRU, not an LSTM (also: it has no attention layer; it has" in message
    assert "dense_1" in message


def test_names_of_layers_do_not_reach_the_terminal_raw(path: Path) -> None:
    set_layer(path, "a\x1b[2J\nb", np.eye(16))
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2\n\x1b[2J"
    assert "a\\x1b[2J\\x0ab" in refusal(path)


def test_a_version_does_not_reach_the_terminal_raw(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2\n\x1b[2J" + "x" * 200
    layout = read_checkpoint(path).layout
    assert layout.startswith("LSTM, Keras 2\\x0a\\x1b[2Jx")
    assert layout.isprintable()
    assert len(layout) < 80


# --- textgenrnn's own other networks -------------------------------------------------------------


def test_a_context_head_is_left_out_and_said(path: Path) -> None:
    set_layer(path, "context_output", np.ones((19, 12)), np.ones(12))
    read = read_checkpoint(path)
    assert_equal(read.network, NETWORK)
    assert read.notes == ("trained with labels; their layer is left out, the text needs none",)


def test_a_layer_without_weights_is_none_of_our_business(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.create_group("dropout_7").attrs["weight_names"] = np.array([], "S1")
        file.attrs["layer_names"] = [*file.attrs["layer_names"], b"dropout_7"]
    assert read_checkpoint(path).notes == ()


@pytest.mark.parametrize("suffix", ["", "_1"])
def test_a_model_spread_over_gpus_is_one_nested_layer(path: Path, suffix: str) -> None:
    with h5py.File(path, "r+") as file:
        nested, names = file.create_group("model_1"), []
        for layer in ("embedding", "rnn_1", "rnn_2", "attention", "output"):
            for name in file[layer].attrs["weight_names"]:
                inner = f"{layer}{suffix}/{name.decode().partition('/')[2]}"
                nested[inner] = file[layer][name][()]
                names.append(inner.encode())
            del file[layer]
        nested.attrs["weight_names"] = names
        file.attrs["layer_names"] = [b"input", b"model_1", b"output"]
        file.create_group("output").attrs["weight_names"] = np.array([], "S1")
    assert_equal(read_checkpoint(path).network, NETWORK)


def test_lists_of_names_that_keras_split(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:3], names[3:]
    assert_equal(read_checkpoint(path).network, NETWORK)


# --- other files ---------------------------------------------------------------------------------

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(range(256))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b"<html><body>404", "a web page"),
        (gzip.compress(HDF5), "a gzip archive, not HDF5 – unpack it"),
        (b"7z\xbc\xaf\x27\x1c1234", "a 7-Zip archive"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "a .tflite file, which needs no converting"),
        (HDF5.replace(b"\r\n", b"\n"), "its line ends were changed"),
        (HDF5.replace(b"\n", b"\r\n"), "its line ends were changed"),
        ("\ufffdHDF\r\n\x1a\n".encode(), "it was saved as text"),
        (b'model_checkpoint_path: "a"\n', "a TensorFlow checkpoint"),
        (bytes(10_000), "it begins with zeros only"),
        (b"\x1b[2J\n", "not an HDF5 file"),
    ],
)
def test_files_by_how_they_begin(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "w.hdf5"
    path.write_bytes(content)
    assert f"w.hdf5: {says}" in refusal(path)


def test_a_folder_and_a_saved_model(tmp_path: Path) -> None:
    folder = tmp_path / "w.hdf5"
    folder.mkdir()
    assert "w.hdf5: is a folder" in refusal(folder)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    assert "w.hdf5: a SavedModel folder" in refusal(folder)
    assert "saved_model.pb: a SavedModel" in refusal(folder / "saved_model.pb")


def test_a_tensorflow_checkpoint_by_its_prefix(tmp_path: Path) -> None:
    (tmp_path / "weights.index").write_bytes(b"\0\0\x01binary")
    assert "weights: a TensorFlow checkpoint" in refusal(tmp_path / "weights")
    assert "weights.index: a TensorFlow checkpoint" in refusal(tmp_path / "weights.index")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.hdf5")
    assert "is no regular file" in refusal(tmp_path / "w.hdf5")
    assert "is no regular file" in refusal(Path("/dev/zero"))


def test_a_block_of_the_users_own_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.hdf5"
    with h5py.File(path, "w", userblock_size=1024):
        pass
    with path.open("r+b") as file:
        file.write(b"mine")
    assert "not Keras weights" in refusal(path)
