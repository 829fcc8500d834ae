"""What rnn-convert is given, told apart by what it holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from convert.files.inputs import kind_of, sort_inputs
from pi_runtime.errors import UsageError
from tests.helpers.archives import write_zip

VOCAB = json.dumps({"a": 1, "b": 2})
CONFIG = json.dumps({"max_length": "40", "name": "x"})


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("w", b"\x89HDF\r\n\x1a\n....", "weights"),
        ("m", b"\x20\0\0\0TFL3", "model"),
        ("v", VOCAB.encode(), "vocab"),
        ("v", VOCAB.encode("utf-16"), "vocab"),
        ("v", VOCAB.encode("utf-16-be"), "vocab"),
        ("v", b'\xef\xbb\xbf{"a": 1.0}', "vocab"),
        ("c", CONFIG.encode("utf-16-le"), "config"),
        ("c", b'{"max_length": 40, "mine": [1]}', "config"),
        ("x_config.json", b"", "config"),
        ("x_config.json", b"{}", "config"),
        ("X_VOCAB.JSON", b"{}", "vocab"),
        ("x", b"", "other"),
        ("x", b"[" * 100_000, "other"),
        ("x", b'{"a":' * 100_000, "other"),
        ("x", b"{" + b"[]," * 100_000, "other"),
        ("x", b"\xff\xfe\x00", "other"),
        ("v", json.dumps({f"word{i}": i for i in range(100_000)}).encode(), "vocab"),
        ("x", json.dumps({f"word{i}": [i] for i in range(100_000)}).encode(), "other"),
        ("x", b"PK\x03\x04 and no more", "weights"),
    ],
)
def test_a_file_is_known_by_what_it_holds(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) == kind


def test_nothing_else_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.hdf5")
    assert kind_of(tmp_path / "x.hdf5") == "other"
    assert kind_of(tmp_path / "none") == "other"
    assert kind_of(Path("/dev/zero")) == "other"
    assert kind_of(tmp_path) == "folder"


def test_a_zip_is_taken_as_weights(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "mail.zip", {"a.hdf5": b"", "a_vocab.json": VOCAB.encode()})
    assert sort_inputs([path]).weights == path


def test_a_folder_of_the_three_files(tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "colab_weights.hdf5").write_bytes(b"")
    (folder / "colab_vocab.json").write_text(VOCAB)
    with pytest.raises(UsageError) as error:
        sort_inputs([folder])
    assert str(error.value) == (
        f"{folder} is a folder – run: rnn-convert '{folder}/colab_weights.hdf5'"
    )


@pytest.mark.parametrize(
    ("weights", "vocab"),
    [
        ("colab_weights.hdf5", "colab_vocab.json"),
        ("Colab_Weights.weights.h5", "COLAB_VOCAB.json"),
        ("colab (1).hdf5", "colab_vocab (1).json"),
    ],
)
def test_a_vocab_alone_leads_to_its_weights(tmp_path: Path, weights: str, vocab: str) -> None:
    (tmp_path / "a_weights.hdf5").write_bytes(b"")
    (tmp_path / weights).write_bytes(b"")
    (tmp_path / vocab).write_text(VOCAB)
    with pytest.raises(UsageError, match="is a vocab, and no weights are given") as error:
        sort_inputs([tmp_path / vocab])
    assert weights in error.value.todo
