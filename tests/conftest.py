"""Fixtures for all tests: where models converted from checkpoints lie."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.helpers.conversion import Converter

# A shell that runs pytest in the background lets it ignore Ctrl-C, and so every command it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOW_FILES = (
    "test_pages",
    "test_install",
    "test_docs",
    "test_soak",
    "test_lab",
    "test_container",
    "test_failures",
    "test_zoo_convert",
    "test_fuzz",
    "test_counts",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, or one worker would be at it long after the others ended."""
    items.sort(key=lambda item: item.path.stem not in SLOW_FILES)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of converted models.

    $RNN_TEST_MODELS keeps it, so that an environment without TensorFlow can test what another
    one converted. The workers of pytest-xdist share it.
    """
    if kept := os.environ.get("RNN_TEST_MODELS"):
        return Path(kept)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return tmp_path_factory.mktemp("models")
    folder = tmp_path_factory.getbasetemp().parent / "models"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def converted(models: Path) -> Converter:
    """What converts a checkpoint once, by rnn-convert."""
    return Converter(models)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember proved models in a folder of the tests' own, and not in the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
