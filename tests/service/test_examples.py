"""What docs/service.md shows to makers, beside a real service, without their hardware."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT, program
from tests.helpers.service import (
    GUARD,
    QUIET,
    SLOW_APLAY,
    Service,
    needs_espeak,
    path_with,
    running,
    wait_for,
    write_program,
)

pytestmark = needs_espeak

PAGE = (ROOT / "docs" / "service.md").read_text("utf-8")

# gpiozero's own pins for tests, of a kind that can be dimmed; and what the lamp did.
BEFORE = """
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin
Device.pin_factory = MockFactory(pin_class=MockPWMPin)
"""
AFTER = """
print(json.dumps([state.state for state in lamp.pin.states]))
"""


def example(language: str) -> str:
    """Return the example that listens to events."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    (code,) = (code for code in found if "--events" in code)
    return code


@pytest.fixture
def speaking(model: Path, tmp_path: Path) -> Iterator[Service]:
    """A service whose card takes its time."""
    write_program(tmp_path / "bin" / "aplay", SLOW_APLAY)
    with running(tmp_path, model, *QUIET, PATH=path_with(tmp_path / "bin")) as service:
        yield service


def environment(service: Service, folder: Path) -> dict[str, str]:
    """Return variables with which `rnn-speak` is the project's, and asks the service."""
    commands = Path(program("rnn-speak")).parent
    path = f"{folder}:{commands}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "RNN_SOCKET": str(service.address)}


def listeners(service: Service) -> int:
    return len(re.findall("events from uid", service.log))


@pytest.mark.skipif(not find_spec("gpiozero"), reason="gpiozero is not installed")
def test_the_lamp_glows_with_the_voice_and_is_dark_after_it(
    speaking: Service, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEFORE + example("python") + AFTER],
        env=environment(speaking, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        wait_for(lambda: listeners(speaking))
        speaking.ask("say", text="Hello there. How are you today?")
        speaking.stop()
        out, error = process.communicate(timeout=GUARD)
    assert process.returncode == 0, error.decode()
    glow = json.loads(out)
    assert max(glow) > 0.2
    assert len(set(glow)) > 10
    assert glow[-1] == 0


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_music_is_turned_down_and_up_again(speaking: Service, tmp_path: Path) -> None:
    done = tmp_path / "done"
    write_program(tmp_path / "tools" / "mpc", f'#!/bin/sh\necho "$@" >>{done}\n')
    with subprocess.Popen(
        ["sh", "-c", example("sh")],
        env=environment(speaking, tmp_path / "tools"),
        stderr=subprocess.PIPE,
    ) as process:
        wait_for(lambda: listeners(speaking))
        for _ in range(2):
            speaking.ask("say", text="Hello there.")
        speaking.stop()
        process.communicate(timeout=GUARD)
    assert done.read_text().splitlines() == 2 * ["volume 30", "volume 90"]
