"""Faint noise between texts: when it is there, and how it makes room."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.service import keep_awake as module
from pi_runtime.service.keep_awake import KeepAwake
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.speech import Aplay
from pi_runtime.speech.pcm import NOISE_PEAK
from tests.helpers.service import (
    GUARD,
    QUIET,
    Service,
    needs_espeak,
    path_with,
    running,
    wait_for,
    write_program,
)

pytestmark = needs_espeak

AWAKE = (*QUIET, "--keep-awake")

# Keeps what it is given, and takes sound about as fast as it sounds.
NOTING_APLAY = """\
#!/usr/bin/python3
import os, sys, time
rate = int(sys.argv[sys.argv.index("-r") + 1])
with open(f"{folder}/{{os.getpid()}}", "wb", 0) as file:
    while piece := os.read(0, rate // 10):
        file.write(piece)
        time.sleep(len(piece) / 2 / rate)
"""


class Room:
    """A service that keeps its card awake, and what it plays."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder

    def at_noise(self) -> bool:
        """Return whether noise is being played now."""
        paths = [self.folder / str(number) for number in self.service.children()]
        now = [path.read_bytes() for path in paths if path.exists()]
        return any(is_noise(sound) for sound in now if len(sound) > 1000)

    def is_free(self) -> bool:
        """Return whether nothing is played."""
        return not self.service.children()


def is_noise(sound: bytes) -> bool:
    samples = np.frombuffer(sound[: len(sound) // 2 * 2], "<i2")
    return bool(samples.any()) and int(abs(samples).max()) <= NOISE_PEAK


@contextmanager
def room(folder: Path, model: Path, *argv: object) -> Iterator[Room]:
    played = folder / "played"
    played.mkdir()
    write_program(folder / "bin" / "aplay", NOTING_APLAY.format(folder=played))
    with running(folder, model, *argv, PATH=path_with(folder / "bin")) as service:
        yield Room(service, played)
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(GUARD)


def test_it_plays_noise_until_there_is_a_text_and_again_after_it(
    model: Path, tmp_path: Path
) -> None:
    with room(tmp_path, model, *AWAKE) as played:
        wait_for(played.at_noise)
        assert played.service.ask("say", text="Hello there.")["sentences"] == 1
        wait_for(played.at_noise)


@pytest.mark.parametrize("after", ["pause", "reload"])
def test_it_rests_while_paused_and_goes_when_the_settings_say_so(
    model: Path, tmp_path: Path, after: str
) -> None:
    settings = tmp_path / "settings"
    settings.write_text('OPTIONS="--keep-awake"')
    with room(tmp_path, model, *QUIET, "--settings", settings) as played:
        wait_for(played.at_noise)
        if after == "reload":
            settings.write_text("")
        played.service.ask(after)
        wait_for(played.is_free)
        if after == "reload":
            settings.write_text('OPTIONS="--keep-awake --device other"')
        played.service.ask("resume" if after == "pause" else "reload")
        wait_for(played.at_noise)


def test_it_rests_in_quiet_hours(model: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_text(f'OPTIONS="--keep-awake --quiet-hours {around_now()}"')
    with room(tmp_path, model, *QUIET, "--settings", settings) as played:
        played.service.wait_alive()
        assert re.fullmatch(r"\d\d:\d\d", played.service.ask("status")["quiet_until"])
        assert played.is_free()
        settings.write_text('OPTIONS="--keep-awake"')
        played.service.process.send_signal(signal.SIGHUP)
        wait_for(played.at_noise)
        assert played.service.ask("status")["quiet_until"] == ""


def around_now() -> str:
    """Return quiet hours that hold now and some hours more."""
    hour = time.localtime().tm_hour
    return f"{(hour - 6) % 24:02}:00-{(hour + 6) % 24:02}:00"


def test_nothing_of_it_is_left_when_the_service_stops(model: Path, tmp_path: Path) -> None:
    with room(tmp_path, model, *AWAKE) as played:
        wait_for(played.at_noise)
        processes = [Path("/proc") / str(number) for number in played.service.children()]
        played.service.process.send_signal(signal.SIGTERM)
        assert played.service.process.wait(GUARD) == 0
        wait_for(lambda: not any(process.exists() for process in processes))


def test_a_device_that_takes_all_at_once_is_not_drowned_in_it(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, *AWAKE) as service:
        wait_for(service.sound.exists)
        begun = time.monotonic()
        wait_for(lambda: time.monotonic() > begun + 3)
        sound = service.sound.read_bytes()
        assert is_noise(sound)
        assert len(sound) / 2 / module.NOISE_RATE < time.monotonic() - begun + 10


# --- a device that is not there ------------------------------------------------------------------


class Gone(Aplay):
    """A card that can be taken away."""

    there = threading.Event()
    attempts = 0

    def __init__(self, device: str) -> None:
        self.rate = None

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        type(self).attempts += 1
        self.rate = rate
        self.write(b"")

    def write(self, samples: bytes) -> None:
        if not self.there.is_set():
            raise SpeechError("it went away")

    def abort(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_it_is_tried_again_quietly_and_less_and_less_often(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "Aplay", Gone)
    monkeypatch.setattr(module, "REST_SECONDS", 0.0)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 1e6)
    settings = ServiceSettings(model, keep_awake=True)
    wanted: list[ServiceSettings | None] = [settings]

    async def until(found: Callable[[], object]) -> None:
        async with asyncio.timeout(GUARD):
            while not found():
                await asyncio.sleep(0.01)

    async def act() -> None:
        with ThreadPoolExecutor(1) as card:
            awake = KeepAwake(card, lambda: wanted[0])
            running = asyncio.create_task(awake.run())
            begun = time.monotonic()
            await until(lambda: Gone.attempts == 5)
            assert time.monotonic() - begun > 0.05 * (1 + 2 + 4 + 8) * 0.9
            Gone.there.set()
            awake.look()  # as after a text, which was heard
            await until(lambda: Gone.attempts == 6)
            wanted[0] = None
            awake.look()
            running.cancel()

    asyncio.run(act())
    assert not caplog.records
