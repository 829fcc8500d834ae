"""What is spoken when: by itself, in the order of asking, and later if it cannot be spoken now."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator
from pi_runtime.errors import SpeechError
from pi_runtime.service import quiet_hours
from pi_runtime.service import scheduler as module
from pi_runtime.service.events import Events
from pi_runtime.service.heartbeat import Heartbeat
from pi_runtime.service.quiet_hours import QuietHours
from pi_runtime.service.scheduler import Scheduler
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.service.status import ServiceStatus
from pi_runtime.service.systemd import SystemdNotifier
from pi_runtime.service.worker import GenerationWorker, TextStream, load_generator
from pi_runtime.speech import SpeechSession, Spoken
from pi_runtime.speech.engines.base import alphabet_of
from pi_runtime.speech.normalise import normalise
from pi_runtime.speech.sinks import Sink
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

TALKATIVE = ("--seed", 4, "--temperature", 0.9, "--max-gen-length", 30, *QUIET[1:])
"""Options of a service that speaks by itself."""
PARAMS = SamplingParams(0.9, 30, finish_sentence=True, skip_fragment=True, unescape=True)
"""The same, as a generator's."""


# --- by itself -----------------------------------------------------------------------------------


def test_it_speaks_text_after_text_and_says_how_it_is(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--interval", "0s", *TALKATIVE) as service:
        texts = TextGenerator.load(model, "numpy")
        for seed in (4, 5, 6):
            line = service.wait_log(rf"spoke \(espeak-ng, seed {seed}\): (.*)\n")
            (text,) = texts.generate(seed=seed, params=PARAMS)
            assert json.loads(line.partition(": ")[2]) == text
        service.wait_told("WATCHDOG=1")
        service.wait_told("STATUS=speaking, seed")
        assert service.stop() < 1.0
        assert service.wait_told("STOPPING=1")
        assert service.process.returncode == 0
        assert not service.address.exists()


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def test_a_text_that_cannot_be_spoken_is_spoken_later(model: Path, tmp_path: Path) -> None:
    """The engine is lost and appears elsewhere: the same text, and no word of it is missing."""
    espeak = shutil.which("espeak-ng") or ""
    first, second = tmp_path / "first", tmp_path / "second"
    for tools in (first, second):
        tools.mkdir()
    (first / "aplay").symlink_to(shutil.which("aplay") or "")
    (first / "espeak-ng").symlink_to(espeak)
    heard = tmp_path / "heard"
    with running(
        tmp_path, model, "--interval", "1s", *TALKATIVE, PATH=f"{first}:{second}"
    ) as service:
        service.wait_log(r"spoke \(espeak-ng, seed 4\)")
        assert service.ask("status")["trouble"] == ""
        (first / "espeak-ng").unlink()
        said = service.wait_told("STATUS=trying again")
        told = service.told[: service.told.index(said)]
        lost = [line for line in told if line.startswith("STATUS=speaking, seed ")][-1].split()[-1]
        trouble = service.ask("status")["trouble"]
        assert "espeak-ng" in trouble
        assert trouble in said
        assert f"\n{trouble}\n" in service.log
        assert f"seed {lost})" not in service.log
        write_program(
            second / "espeak-ng",
            f'#!/bin/sh\n{shutil.which("tee")} -a {heard} | exec {espeak} "$@"\n',
        )
        line = service.wait_log(rf"spoke \(espeak-ng, seed {lost}\): (.*)\n")
        text = json.loads(line.partition(": ")[2])
        texts = TextGenerator.load(model, "numpy")
        assert [text] == texts.generate(seed=int(lost), params=PARAMS)
        said_aloud = normalise(text, alphabet_of("en"), "en")
        assert letters(heard.read_text("utf-8")).startswith(letters(said_aloud))
        service.wait_status(trouble="")


# --- asked to ------------------------------------------------------------------------------------


def test_it_can_be_paused_resumed_and_stopped(service: Service) -> None:
    service.ask("pause")
    with service.begin("say", text="One. Two. Three.") as pending:
        service.wait_status(waiting=1, paused=True)
        assert pending.next() == {"sentence": "One."}
        service.wait_alive()
        assert service.ask("status").items() >= {"waiting": 1, "paused": True}.items()
        service.ask("resume")
        reply = pending.reply()
    assert reply["told"] == ["One.", "Two.", "Three."]
    assert (reply["sentences"], reply["stopped"]) == (3, False)
    service.ask("pause")
    with service.begin("say", text="One. Two. Three.") as pending:
        service.wait_status(waiting=1)
        service.ask("stop")
        assert pending.reply()["stopped"] is True
    service.wait_status(waiting=0, paused=True)
    service.ask("resume")
    service.wait_status(paused=False)


def test_stop_ends_a_sentence_in_the_middle(model: Path, tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "aplay", SLOW_APLAY)
    with running(tmp_path, model, *QUIET, PATH=path_with(tmp_path / "bin")) as service:
        text = "This is a very long sentence, " * 6 + "and it ends. "
        with service.begin("say", text=20 * text) as pending:  # some minutes
            assert "sentence" in pending.next()
            service.ask("stop")
            reply = pending.reply()
        assert reply["stopped"] is True
        assert reply["sentences"] < 20
        wait_for(lambda: not service.children(), what=service.log_path)


def test_two_callers_take_turns(service: Service) -> None:
    replies: dict[int, dict[str, object]] = {}

    def say(number: int) -> None:
        replies[number] = service.ask("say", text=f"Number {number}. And again {number}.")

    threads = [threading.Thread(target=say, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spoken = service.log.split("spoke (espeak-ng, given): ")[-6:]
    assert len({line[:12] for line in spoken}) == 6
    assert all(reply["sentences"] == 2 for reply in replies.values())


def test_those_who_wait_are_spoken_for_in_the_order_of_asking(service: Service) -> None:
    service.ask("pause")
    with ExitStack() as stack:
        waiting = []
        for number in range(5):
            waiting.append(stack.enter_context(service.begin("say", text=f"Place {number}.")))
            service.wait_status(waiting=number + 1)
        service.ask("pause")  # twice is as good as once
        waiting.pop(2).close()  # one loses patience, and its place
        service.wait_status(waiting=4)
        service.ask("resume")
        for pending in waiting:
            assert pending.reply()["stopped"] is False
    order = re.findall(r'given\): "Place (\d)\."', service.log)
    assert order == ["0", "1", "3", "4"]


def test_stop_ends_all_that_wait_and_nothing_that_comes_later(service: Service) -> None:
    service.ask("pause")
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(service.begin("say", text=f"Seat {number}. And more."))
            for number in range(5)
        ]
        service.wait_status(waiting=5)
        service.ask("stop")
        for pending in waiting:
            reply = pending.reply()
            assert (reply["ok"], reply["stopped"]) == (True, True)
            assert reply["sentences"] <= 1
    service.wait_status(waiting=0, paused=True)
    with service.begin("say", text="Later. And more.") as later:
        service.wait_status(waiting=1)
        service.ask("resume")
        assert later.reply()["sentences"] == 2


def test_a_client_that_goes_away_is_not_spoken_to(service: Service) -> None:
    service.ask("pause")
    pending = service.begin("say", text="Nobody listens.")
    service.wait_status(waiting=1)
    pending.close()
    service.wait_status(waiting=0)
    service.ask("resume")


# --- with a session that does as it is told ------------------------------------------------------


class ScriptedSession(SpeechSession):
    """Notes what is done to it; each text waits for its permission, or fails."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__()
        self.name = name
        self.notes = notes
        self.may_go_on = threading.Event()
        self.fails = False

    def speak(
        self,
        text: str | Iterable[str],
        sink: Sink | None = None,
        on_sentence: Callable[[str], None] = lambda sentence: None,
        cancelled: threading.Event | None = None,
    ) -> Spoken:
        self.notes.append(f"{self.name} begins")
        assert self.may_go_on.wait(GUARD)
        if self.fails:
            self.notes.append(f"{self.name} fails")
            raise SpeechError(f"{self.name} is hoarse")
        "".join(text)  # waits until it is generated
        self.notes.append(f"{self.name} speaks")
        return Spoken(1, self.name, "en", cancelled=False)

    def close(self) -> None:
        self.notes.append(f"{self.name} closes")


async def until(found: Callable[[], object]) -> None:
    async with asyncio.timeout(GUARD):
        while not found():
            await asyncio.sleep(0.01)


def schedule(
    settings: ServiceSettings,
    session: SpeechSession,
    act: Callable[[Scheduler, ServiceStatus], Coroutine[object, object, None]],
) -> None:
    """Let a scheduler run by itself while `act` runs."""

    async def both() -> None:
        heartbeat, status = Heartbeat(), ServiceStatus(settings.model)
        worker = GenerationWorker(load_generator(settings), settings, heartbeat)
        scheduler = Scheduler(
            settings, session, worker, status, Events(), heartbeat, SystemdNotifier()
        )
        by_itself = asyncio.create_task(scheduler.run())
        try:
            await act(scheduler, status)
        finally:
            by_itself.cancel()
            await scheduler.close()

    asyncio.run(both())


def test_an_exchanged_session_is_closed_after_the_text_that_it_speaks(model: Path) -> None:
    notes: list[str] = []
    old, new = ScriptedSession("old", notes), ScriptedSession("new", notes)
    new.may_go_on.set()
    settings = ServiceSettings(model, on_demand=True, backend="numpy")

    async def act(scheduler: Scheduler, _: ServiceStatus) -> None:
        first = asyncio.create_task(scheduler.speak(TextStream.given("one")))
        await until(lambda: "old begins" in notes)
        waiting = asyncio.create_task(scheduler.speak(TextStream.given("two")))
        await until(lambda: scheduler.waiting == 2)
        scheduler.exchange(settings, new)
        old.may_go_on.set()
        assert (await first).engine == "old"
        assert (await waiting).engine == "new"
        assert notes == ["old begins", "old speaks", "old closes", "new begins", "new speaks"]

    schedule(settings, old, act)
    assert notes[-1] == "new closes"


def test_a_reload_ends_the_wait_for_another_attempt(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 1e6)
    notes: list[str] = []
    old, new = ScriptedSession("old", notes), ScriptedSession("new", notes)
    old.fails = True
    for session in (old, new):
        session.may_go_on.set()
    settings = ServiceSettings(model, interval=(1e6, 1e6), backend="numpy")

    async def act(scheduler: Scheduler, status: ServiceStatus) -> None:
        await until(lambda: status.trouble == "old is hoarse")
        assert status.spoken == 0
        scheduler.exchange(settings, new)
        await until(lambda: status.spoken == 1)
        await until(lambda: not status.trouble)
        assert notes == ["old begins", "old fails", "old closes", "new begins", "new speaks"]

    schedule(settings, old, act)


def test_a_failure_is_tried_again_and_the_trouble_of_a_reload_outlives_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    notes: list[str] = []
    session = ScriptedSession("session", notes)
    session.fails = True
    session.may_go_on.set()
    settings = ServiceSettings(model, interval=(1e6, 1e6), backend="numpy")

    async def act(_: Scheduler, status: ServiceStatus) -> None:
        status.reload_trouble = "not reloaded"
        await until(lambda: notes.count("session fails") == 3)
        assert status.trouble == "not reloaded; session is hoarse"
        session.fails = False
        await until(lambda: status.spoken == 1)
        await until(lambda: status.trouble == "not reloaded")

    schedule(settings, session, act)


def test_a_reload_while_it_is_silent_lets_it_speak_at_once(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--interval", "1h", *TALKATIVE) as service:
        service.wait_log("seed 4")
        service.wait_told("STATUS=silent for 3600 s")
        service.process.send_signal(signal.SIGHUP)
        # Seed 5 was for the text that the old model had ready.
        service.wait_log(r"spoke \(espeak-ng, seed 6\)")


# --- quiet hours ---------------------------------------------------------------------------------


def test_in_quiet_hours_it_waits_and_then_goes_on_wherever_the_clock_jumps(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Pi without a battery starts with a wrong time, and gets the right one from the network."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    wall = "23:59"
    monkeypatch.setattr(quiet_hours, "local_time", lambda: time.strptime(wall, "%H:%M"))
    notes: list[str] = []
    session = ScriptedSession("session", notes)
    session.may_go_on.set()
    settings = ServiceSettings(
        model, interval=(0, 0), backend="numpy", quiet_hours=QuietHours.read("22:00-07:00")
    )

    async def act(scheduler: Scheduler, status: ServiceStatus) -> None:
        nonlocal wall
        for quiet, loud in (("23:59", "12:00"), ("03:00", "07:00"), ("22:00", "21:59")):
            wall = quiet
            await until(lambda: not scheduler.waiting)
            spoken = status.spoken
            await asyncio.sleep(0.2)
            assert status.spoken == spoken
            wall = loud
            await until(partial(lambda least: status.spoken > least, spoken + 2))

    schedule(settings, session, act)


def test_in_quiet_hours_it_finishes_what_it_says_and_says_what_it_is_asked_to(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    wall = "21:59"
    monkeypatch.setattr(quiet_hours, "local_time", lambda: time.strptime(wall, "%H:%M"))
    notes: list[str] = []
    session = ScriptedSession("session", notes)
    settings = ServiceSettings(
        model, interval=(0, 0), backend="numpy", quiet_hours=QuietHours.read("22:00-07:00")
    )

    async def act(scheduler: Scheduler, status: ServiceStatus) -> None:
        nonlocal wall
        await until(lambda: "session begins" in notes)
        wall = "22:00"
        session.may_go_on.set()
        await until(lambda: status.spoken == 1)
        await scheduler.speak(TextStream.given("I ask you."))
        assert notes == 2 * ["session begins", "session speaks"]
        await asyncio.sleep(0.2)
        assert status.spoken == 2
        wall = "07:00"
        await until(lambda: status.spoken > 2)

    schedule(settings, session, act)


def test_a_reload_without_quiet_hours_ends_them(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    old, new = ScriptedSession("old", notes), ScriptedSession("new", notes)
    new.may_go_on.set()
    most = QuietHours.read("00:00-12:00,12:00-23:59")
    quiet = ServiceSettings(model, interval=(0, 0), backend="numpy", quiet_hours=most)
    monkeypatch.setattr(quiet_hours, "local_time", lambda: time.strptime("12:00", "%H:%M"))

    async def act(scheduler: Scheduler, status: ServiceStatus) -> None:
        await asyncio.sleep(0.1)
        assert scheduler.quiet == "23:59"
        scheduler.exchange(dataclasses.replace(quiet, quiet_hours=QuietHours()), new)
        await until(lambda: status.spoken)
        assert "old begins" not in notes

    schedule(quiet, old, act)
