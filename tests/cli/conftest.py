"""Models for the commands to work on, and a disk that is full soon."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkpoints import packed_model, small_network, small_vocab


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    return path


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each kind of text."""
    folder = tmp_path_factory.mktemp("models")
    network = small_network(classes=20)
    packed = {
        "characters": packed_model(network, small_vocab(20)),
        "words": packed_model(network, small_vocab(20), word_level=True),
        "single": packed_model(network, small_vocab(20, single_text=True)),
    }
    paths = {kind: folder / f"{kind}.tflite" for kind in packed}
    for kind, content in packed.items():
        paths[kind].write_bytes(content)
    return paths


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True
    )
    if mount.returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
