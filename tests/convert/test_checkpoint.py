"""HDF5 files that are read, and files that are refused in one line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import CheckpointError
from tests.helpers.checkpoints import small_network, write_weights

h5py = pytest.importorskip("h5py")

from convert.weights.checkpoint import read_checkpoint  # noqa: E402 - it needs h5py


def test_a_whole_saved_model_and_compressed_arrays_are_read(tmp_path: Path) -> None:
    network = small_network()
    path = tmp_path / "w.hdf5"
    write_weights(path, network, whole_model=True, compression="gzip")
    np.testing.assert_array_equal(read_checkpoint(path).network.embedding, network.embedding)


def test_the_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "w.hdf5"
    write_weights(path, small_network(units=100))
    assert read_checkpoint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def edited(tmp_path: Path) -> tuple[Path, Any]:
    """Return a checkpoint's path and the file, opened by h5py to be changed."""
    path = tmp_path / "w.hdf5"
    write_weights(path, small_network())
    return path, h5py.File(path, "r+")


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.hdf5")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty (0 bytes)"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500), "not an HDF5 file"),
        (b"PK\x03\x04" + bytes(500), "the ZIP structure is damaged"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "w.hdf5"
    path.write_bytes(content)
    assert reason in refusal(path)


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "w.hdf5"
    write_weights(path, small_network())
    os.truncate(path, path.stat().st_size // 2)
    assert "cut short" in refusal(path)


def test_hdf5_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "w.hdf5"
    with h5py.File(path, "w") as file:
        file["data"] = [1.0]
    assert "not Keras weights" in refusal(path)


def test_an_array_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    with file:
        del file["embedding/embedding_3/embeddings:0"]
        file.create_dataset("embedding/embedding_3/embeddings:0", (1 << 20, 2500), "f4")
    assert "claims 10485760000 bytes and stores 0" in refusal(path)


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["secret"] = np.zeros((12, 6), np.float32)
    with file:
        del file["embedding/embedding_3/embeddings:0"]
        file["embedding/embedding_3/embeddings:0"] = h5py.ExternalLink("other.hdf5", "secret")
    assert "is a link out of the file" in refusal(path)


def test_virtual_arrays_are_not_read(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    layout = h5py.VirtualLayout((12, 6), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.hdf5", "secret", (12, 6))
    with file:
        del file["embedding/embedding_3/embeddings:0"]
        file.create_virtual_dataset("embedding/embedding_3/embeddings:0", layout)
    assert "stored in a way Keras does not use" in refusal(path)


def test_arrays_of_another_shape_or_kind(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    with file:
        del file["output/output_3/bias:0"]
        file["output/output_3/bias:0"] = np.zeros(5, np.float32)
    assert "output/bias has shape [5], not [12]" in refusal(path)
    with h5py.File(path, "r+") as again:
        del again["output/output_3/bias:0"]
        again["output/output_3/bias:0"] = np.arange(12)
    assert "not an array of floating-point numbers" in refusal(path)


@pytest.mark.parametrize(
    "name",
    [
        "embedding/embedding_3/embeddings:0",
        "rnn_1/rnn_1_3/kernel:0",
        "rnn_2/rnn_2_3/bias:0",
        "attention/attention_3/attention_W:0",
    ],
)
def test_numbers_instead_of_arrays(tmp_path: Path, name: str) -> None:
    path, file = edited(tmp_path)
    with file:
        del file[name]
        file[name] = np.float32(1)
    refusal(path)


def test_nan_is_counted(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    with file:
        file["output/output_3/bias:0"][3] = np.nan
        file["attention/attention_3/attention_W:0"][0] = np.inf
    assert "2 of its arrays hold NaN or infinity" in refusal(path)


def test_another_network(tmp_path: Path) -> None:
    path, file = edited(tmp_path)
    with file:
        file.attrs["layer_names"] = ["dense_1", "dense_2"]
        for name in ("dense_1", "dense_2"):
            file.create_group(name).attrs["weight_names"] = np.array([], "S1")
    assert "not textgenrnn's network (its layers are dense_1, dense_2)" in refusal(path)
