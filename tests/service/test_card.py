"""A service whose sound card is busy, or not there."""

from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.processes import wait_for
from tests.helpers.service import QUIET, needs_espeak, running
from tests.helpers.speech import FakeAplay

pytestmark = needs_espeak

BUSY = "aplay: main:831: audio open error: Device or resource busy"


def test_a_text_that_waits_for_a_card_can_be_stopped_and_the_next_is_spoken(
    model: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    aplay = FakeAplay(tmp_path / "bin")
    aplay.says(BUSY)
    path = f"{aplay.folder}{os.pathsep}{os.environ['PATH']}"
    argv = (*QUIET, "--wait", 80_000, "--sentence-time", 1, "--device", "hw:0")
    with running(tmp_path, model, *argv, PATH=path) as service:
        with service.begin("say", text="Hello there.") as pending:
            service.wait_log(r"waiting for the sound device 'hw:0' \(Device or resource busy\)")
            wait_for(lambda: aplay.tries > 1, "another try")
            service.wait_alive()
            assert service.ask("stop")["ok"]
            reply = pending.reply()
        assert (reply["stopped"], reply["sentences"], reply["told"]) == (True, 0, [])
        aplay.says("")
        assert service.ask("say", text="Hello there.")["sentences"] == 1
    assert aplay.heard.stat().st_size > 16_000


def test_it_ends_at_once_while_a_text_waits_for_a_card(model: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    aplay = FakeAplay(tmp_path / "bin")
    aplay.says(BUSY)
    path = f"{aplay.folder}{os.pathsep}{os.environ['PATH']}"
    with running(tmp_path, model, *QUIET, "--wait", 80_000, PATH=path) as service:
        with service.begin("say", text="Hello there."):
            service.wait_log("waiting for the sound device")
            service.stop()
        assert service.process.returncode == 0
