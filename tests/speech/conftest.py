"""Fixtures for the tests of speech."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_runtime.speech.engines import Engine
from tests.helpers.processes import NotedProgram
from tests.helpers.speech import FakeAplay, alsa_config, need_aplay, open_engine


@pytest.fixture
def engine() -> Iterator[Callable[..., Engine]]:
    """What opens an engine for this test, or skips it if the engine is not installed."""
    opened: list[Engine] = []

    def open_(name: str, language: str, **options: Any) -> Engine:
        opened.append(open_engine(name, language, **options))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """A variable of this test's own, in the environment of the processes that it starts."""
    name = f"RNN_TEST_{uuid.uuid4().hex}"
    monkeypatch.setenv(name, "1")
    return name


@pytest.fixture
def file_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that ALSA's default device is."""
    need_aplay()
    config, heard = alsa_config(tmp_path, "!default")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    return heard


@pytest.fixture
def noted_program(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], NotedProgram]:
    """What puts a program that notes its starts before the real one on PATH."""
    folder = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return lambda name: NotedProgram(folder, name)


@pytest.fixture
def fake_aplay(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> FakeAplay:
    """An aplay that says what the test tells it to."""
    folder = tmp_path_factory.mktemp("aplay")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return FakeAplay(folder)
