"""Whether a service that speaks text after text grows."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import pytest

from tests.helpers.events import listening, match, match_by_text
from tests.helpers.pipewire import card, needs_pipewire
from tests.helpers.service import QUIET, needs_espeak, running
from tests.helpers.soak import FRUGAL, GROWTH, soak

pytestmark = needs_espeak


@pytest.mark.long
def test_a_minute_of_speaking_leaks_nothing(model: Path, tmp_path: Path) -> None:
    """Or a thousand texts, if they take less. 30 minutes of it: python -m tests.manual.soak."""
    argv = ("--interval", "0s", *QUIET[1:], "--max-gen-length", 60)
    with running(tmp_path, model, *argv, **FRUGAL) as service:
        # A heap that settles stops to grow; a leak grows each time.
        for _ in range(3):
            texts, grown, leaked, threads, zombies = soak(service, 60, 1000)
            if grown < GROWTH:
                break
    assert texts > 10
    assert grown < GROWTH
    assert leaked <= 4, "those of the engine at work"
    assert threads <= 1, "that of a synthesis"
    assert zombies == 0


@needs_pipewire
@pytest.mark.long
def test_levels_follow_the_sound_while_it_speaks_text_after_text(
    model: Path, tmp_path: Path
) -> None:
    """An hour of it: python -m tests.manual.soak --minutes 60 --events."""
    argv = ("--interval", "0s", *QUIET[1:], "--max-gen-length", 60, "--device", "pipewire")
    with (
        card(tmp_path / "pipewire") as sound,
        sound.recorded() as recording,
        running(tmp_path, model, *argv, **sound.environment) as service,
        listening(service) as listener,
    ):
        listener.wait("end")
        texts, *_ = soak(service, 45)
        print(match(listener, recording))
        found = match_by_text(listener, recording)
    assert texts > 2
    # Most of them: on a machine that is at its limit, PipeWire stumbles, and listeners are late.
    assert median(text.best for text in found) > 0.95
    words = ("text", "sentence", "end", "pause")
    order = " ".join(event["event"] for event in listener.named(*words))
    _, text, whole = order.partition("text")  # it began to listen in the middle of one
    assert re.fullmatch(r"(text( sentence)+( end)? ?)+(pause)?", text + whole), order
