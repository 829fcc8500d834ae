"""A zip of a checkpoint's three files is read as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convert.converter import read_source
from convert.errors import CheckpointError, SidecarError
from convert.files.archive import is_archive, unpacked
from tests.helpers.archives import member, write_zip
from tests.helpers.checkpoints import (
    config_of,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)

pytest.importorskip("h5py")
pytest.importorskip("tensorflow")

NETWORK = small_network()
NAMES = ("colab_weights.hdf5", "colab_vocab.json", "colab_config.json")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The three files of a checkpoint."""
    folder = tmp_path_factory.mktemp("colab")
    write_weights(folder / NAMES[0], NETWORK)
    write_sidecars(folder, "colab", small_vocab(12), config_of(NETWORK, 9))
    return {name: (folder / name).read_bytes() for name in NAMES}


def test_it_is_read_as_the_files_are(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "mail.zip", files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    packed, plain = read_source(path), read_source(tmp_path / NAMES[0])
    assert packed.config == plain.config
    assert packed.vocabulary.ids == plain.vocabulary.ids
    assert packed.sha256 == plain.sha256
    assert packed.notes == plain.notes
    assert packed.weights == path


def test_folders_and_what_macos_adds(tmp_path: Path, files: dict[str, bytes]) -> None:
    members: dict[Any, bytes] = {f"a/b/{n}": c for n, c in files.items()}
    members |= {member("a/", 0o040755): b"", "__MACOSX/a/b/._colab_weights.hdf5": b"x"}
    members |= {"a/b/._colab_vocab.json": b"x", "other/colab_config.json": b"{"}
    source = read_source(write_zip(tmp_path / "mail.zip", members))
    assert source.config.max_length == 9


@pytest.mark.parametrize("name", ["mail.zip", "mail", "mail.hdf5"])
def test_it_is_known_by_what_it_is(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    assert is_archive(write_zip(tmp_path / name, files))


def test_a_keras_file_is_weights(tmp_path: Path) -> None:
    members: dict[Any, bytes] = dict.fromkeys(
        ("metadata.json", "config.json", "model.weights.h5"), b"{}"
    )
    assert not is_archive(write_zip(tmp_path / "colab.keras", members))
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "nowhere.zip")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "a zip without weights – put the _weights.hdf5 that textgenrnn saved into it"),
        ({"a.json": b"{}"}, "a zip without weights"),
        ({"inner.zip": b"PK"}, "holds inner.zip and no weights – unpack it"),
        ({"a.hdf5": b"", "b.h5": b""}, r"holds several weights: a.hdf5, b.h5 – unpack it and con"),
    ],
)
def test_what_is_no_checkpoint_in_a_zip(
    tmp_path: Path, members: dict[Any, bytes], says: str
) -> None:
    path = write_zip(tmp_path / "mail.zip", members)
    with pytest.raises(CheckpointError, match=f"{path}: {says}"):
        read_source(path)


def test_errors_name_the_archive(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "mail.zip", files | {"colab_config.json": b"[", NAMES[1]: b"{"})
    with pytest.raises(SidecarError) as error:
        read_source(path)
    assert "rnn-convert-" not in str(error.value)
    path = write_zip(tmp_path / "mail.zip", files | {NAMES[0]: b"no weights"})
    with pytest.raises(CheckpointError) as bad:
        read_source(path)
    assert str(bad.value).startswith(f"{path}: colab_weights.hdf5: ")


def test_the_folder_it_was_unpacked_into_is_removed(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    with unpacked(write_zip(tmp_path / "mail.zip", files)) as weights:
        folder = weights.parent
        assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
