"""A model whose texts are short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.checkpoints import packed_model, small_network, small_vocab


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    return path
