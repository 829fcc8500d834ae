"""What is heard of the service on a card that plays in real time: PipeWire's, recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pi_runtime.speech.pcm import NOISE_PEAK
from tests.helpers.events import listening
from tests.helpers.pipewire import BLOCKS, Recording, card, needs_pipewire
from tests.helpers.service import QUIET, Service, needs_espeak, running, wait_for

pytestmark = [needs_espeak, needs_pipewire]

TEXT = (
    "This is a long sentence without any stop, that goes on and on, until nobody listens to it "
    "any more. And this is the end of it."
)
PLAYED = ("--device", "pipewire")


@contextmanager
def heard(folder: Path, model: Path, *argv: object) -> Iterator[tuple[Service, Recording]]:
    with (
        card(folder / "pipewire") as sound,
        sound.recorded() as recording,
        running(folder, model, *QUIET, *PLAYED, *argv, **sound.environment) as service,
    ):
        yield service, recording


def silence(recording: Recording) -> float:
    """Return how many seconds it has been silent."""
    sounding = np.flatnonzero(recording.energy())
    return float(recording.blocks - (sounding[-1] + 1 if len(sounding) else 0)) / BLOCKS


def energy_of(recording: Recording, first: int) -> float:
    wait_for(lambda: silence(recording) > 1, what="the end of the sound")
    return float(recording.energy()[first:].sum())


@pytest.fixture(scope="module")
def speaking(
    model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Recording]]:
    with heard(tmp_path_factory.mktemp("heard"), model) as found:
        yield found


def test_a_pause_is_silent_and_the_sentence_goes_on_after_it(
    speaking: tuple[Service, Recording],
) -> None:
    service, recording = speaking
    first = recording.blocks
    service.ask("say", text=TEXT)
    whole = energy_of(recording, first)
    first = recording.blocks
    with listening(service) as listener, service.begin("say", text=TEXT) as pending:
        for times in range(1, 4):
            listener.wait("level", 20 * times)
            service.ask("pause")
            wait_for(lambda: silence(recording) > 1)
            assert service.ask("status")["waiting"] == 1
            service.ask("resume")
            wait_for(lambda: silence(recording) < 1)
        assert pending.reply()["stopped"] is False
    # A busy machine plays a little twice; a sentence lost or begun again would be a third.
    assert energy_of(recording, first) == pytest.approx(whole, rel=0.2)


def test_stop_is_silent_long_before_the_end(speaking: tuple[Service, Recording]) -> None:
    service, recording = speaking
    first = recording.blocks
    with listening(service) as listener:
        with service.begin("say", text=20 * TEXT) as pending:
            listener.wait("level", 10)
            service.ask("stop")
            assert pending.reply()["stopped"] is True
        energy_of(recording, first)
        assert listener.named("end") == [{"event": "end", "sentences": 1, "stopped": True}]
        assert listener.named("level")[-1]["level"] == 0.0


def test_between_texts_a_sink_hears_faint_noise_and_no_silence(model: Path, tmp_path: Path) -> None:
    with heard(tmp_path, model, "--keep-awake") as (service, recording):

        def is_noise() -> bool:
            last = recording.energy()[-BLOCKS // 2 :]
            return bool(last.min() > 0 and last.max() < (2 * NOISE_PEAK / 32768) ** 2)

        wait_for(is_noise)
        assert service.ask("say", text="Hello there.")["sentences"] == 1
        wait_for(is_noise)
        service.ask("pause")
        wait_for(lambda: silence(recording) > 1)
        service.ask("resume")
        wait_for(is_noise)
        service.stop()
