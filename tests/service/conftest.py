"""A model, and a service that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import QUIET, Service, running


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    return path


@pytest.fixture(scope="module")
def one_service(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), model, *QUIET) as service:
        yield service


@pytest.fixture
def service(one_service: Service) -> Iterator[Service]:
    """The same for every test, silent and not paused."""
    yield one_service
    one_service.ask("stop")
    one_service.ask("resume")
