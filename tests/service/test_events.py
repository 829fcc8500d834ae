"""`rnn-speak --events`: what is told, to whom, and how little a listener can disturb."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pi_runtime.service.events import BACKLOG_BYTES, Events
from pi_runtime.service.limits import USER_LISTENERS, WAITING
from pi_runtime.service.protocol import Request
from pi_runtime.service.server import Connection, Server
from tests.helpers.commands import program, run_command
from tests.helpers.events import Listener, listening
from tests.helpers.service import GUARD, QUIET, Service, needs_espeak, running, wait_for

pytestmark = needs_espeak

WORDS = ("text", "sentence", "end", "pause", "resume")
"""All but levels."""


def told(listener: Listener, *names: str) -> list[dict[str, Any]]:
    return listener.named(*(names or WORDS))


def sentence(text: str) -> dict[str, Any]:
    return {"event": "sentence", "text": text}


def end(sentences: int, *, stopped: bool = False) -> dict[str, Any]:
    return {"event": "end", "sentences": sentences, "stopped": stopped}


# --- what is told --------------------------------------------------------------------------------


def test_it_tells_of_a_given_text(service: Service) -> None:
    with listening(service) as listener:
        assert listener.events[0][1] == {"event": "listening", "speaking": False, "paused": False}
        service.ask("say", text="Hello there. Как дела?")
        listener.wait("end")
        assert told(listener) == [
            {"event": "text", "seed": None, "generated": False},
            sentence("Hello there."),
            sentence("Как дела?"),
            end(2),
        ]


def test_it_tells_of_a_generated_text_with_its_seed(service: Service) -> None:
    with listening(service) as listener:
        reply = service.ask("speak", seed=9, temperature=0.9, max_gen_length=30)
        listener.wait("end")
        assert told(listener)[0] == {"event": "text", "seed": 9, "generated": True}
        assert told(listener, "sentence") == [sentence(text) for text in reply["told"]]
        assert told(listener)[-1] == end(reply["sentences"])


def test_it_tells_of_a_pause(service: Service) -> None:
    with listening(service) as listener:
        for do in ("pause", "pause", "resume", "resume", "pause"):
            service.ask(do)
        listener.wait("pause", 2)
        assert [event["event"] for event in told(listener)] == ["pause", "resume", "pause"]
        with listening(service) as later:
            assert later.events[0][1]["paused"] is True


def test_a_text_that_is_not_heard_is_not_told_of(service: Service) -> None:
    with listening(service) as listener:
        service.ask("pause")
        with service.begin("say", text="Nobody hears this.") as pending:
            service.wait_status(waiting=1)
            service.ask("stop")
            assert pending.reply()["stopped"] is True
        service.ask("resume")
        service.ask("say", text="But this.")
        listener.wait("end")
        assert told(listener, "sentence", "end") == [sentence("But this."), end(1)]


def test_every_listener_is_told_the_same(service: Service) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(service)) for _ in range(USER_LISTENERS)]
        service.ask("say", text="Hello there. How are you?")
        for listener in listeners:
            listener.wait("end")
        assert all(told(listener) == told(listeners[0]) for listener in listeners)


def test_a_reload_does_not_end_it(service: Service) -> None:
    with listening(service) as listener:
        assert service.ask("reload")["ok"] is True
        service.ask("say", text="Still here.")
        listener.wait("end")
        assert sentence("Still here.") in told(listener)


def test_the_replies_of_those_who_asked_stay_as_they_were(service: Service) -> None:
    with listening(service):
        reply = service.ask("say", text="Hello there.")
    assert set(reply) == {"ok", "sentences", "engine", "stopped", "told"}


# --- how it ends ---------------------------------------------------------------------------------


def events(service: Service, *argv: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [program("rnn-speak"), "--events", *argv],
        env={**os.environ, "RNN_SOCKET": str(service.address)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert b'"listening"' in process.stdout.readline()
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_quietly(service: Service, number: int, code: int) -> None:
    process = events(service)
    process.send_signal(number)
    assert process.communicate(timeout=GUARD) == (b"", b"")
    assert process.returncode == code


def test_a_reader_that_has_enough_ends_it_though_nothing_is_spoken(service: Service) -> None:
    process = events(service)
    assert process.stdout
    process.stdout.close()
    assert process.wait(GUARD) == 0
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()


def test_it_ends_with_the_service_and_says_so(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, *QUIET) as service:
        process = events(service)
        assert service.stop() < 1.0
        out, error = process.communicate(timeout=GUARD)
        assert (process.returncode, out) == (1, b"")
        assert error.decode() == "error: the service went away – systemctl status rnn-speak\n"


def test_without_a_service_it_says_so(tmp_path: Path) -> None:
    done = run_command(
        "rnn-speak", "--events", env={**os.environ, "RNN_SOCKET": str(tmp_path / "none")}
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no service listens at ")


@pytest.mark.parametrize("option", ["--text=x", "--stop", "--status", "--local", "--seed=1"])
def test_it_goes_with_nothing_else(option: str) -> None:
    done = run_command("rnn-speak", "--events", option)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


# --- listeners that are a burden -----------------------------------------------------------------


def test_one_too_many_is_refused_and_the_next_place_is_free(service: Service) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(service)) for _ in range(USER_LISTENERS)]
        done = run_command(
            "rnn-speak", "--events", env={**os.environ, "RNN_SOCKET": str(service.address)}
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"error: {USER_LISTENERS} listen to events already – end one: 16 may, 8 of one user\n"
        )
        listeners[0].close()

        def is_let_in() -> bool:
            with service.begin("events") as pending:
                return "event" in pending.next()

        wait_for(is_let_in)


def test_listeners_take_no_place_of_those_who_ask(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(USER_LISTENERS):
            stack.enter_context(listening(service))
        idle = [stack.enter_context(service.connect()) for _ in range(WAITING - 1)]
        assert service.ask("status")["ok"] is True
        for link in idle:
            link.sendall(b'{"v": 1, "do": "status"}\n')
            assert json.loads(link.makefile("rb").readline())["ok"] is True


def test_one_that_does_not_read_misses_events_and_costs_nobody_anything(tmp_path: Path) -> None:
    """It is told how many it missed; another listener misses none; and no memory is taken."""
    path = tmp_path / "control"
    count = 20_000

    async def act() -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
        hub = Events()
        connections: list[Connection] = []

        async def reply(_: Request, connection: Connection) -> dict[str, Any]:
            connections.append(connection)
            await hub.listen(connection)
            return {}

        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        await Server(reply).listen(listener)
        streams = []
        for _ in range(2):
            reader, writer = await asyncio.open_unix_connection(path, limit=1000)
            writer.write(b'{"v": 1, "do": "events"}\n')
            await reader.readline()
            streams.append((reader, writer))
        (slow, slow_end), (quick, quick_end) = streams
        slow_end.transport.pause_reading()  # type: ignore[attr-defined]
        heard: list[dict[str, Any]] = []
        most = 0
        for number in range(count):
            hub.publish(sentence(f"{number}"))
            hub.publish({"event": "level", "level": 0.5})
            heard.append(json.loads(await quick.readline()))
            while heard[-1]["event"] == "level":
                heard[-1] = json.loads(await quick.readline())
            most = max(most, connections[0].backlog)
        slow_end.transport.resume_reading()  # type: ignore[attr-defined]
        late: list[dict[str, Any]] = []
        while not late or late[-1]["event"] != "end":
            hub.publish(end(1))
            late.append(json.loads(await slow.readline()))
        listener.close()
        for end_ in (slow_end, quick_end):
            end_.close()
        async with asyncio.timeout(GUARD):
            while hub.are_heard:  # until it is seen that they are gone
                await asyncio.sleep(0.1)
        return heard, late, most

    heard, late, most = asyncio.run(act())
    assert heard == [sentence(f"{number}") for number in range(count)]
    assert most < 2 * BACKLOG_BYTES
    kept = [event["text"] for event in late if event["event"] == "sentence"]
    assert kept == [str(number) for number in range(len(kept))], "the first, in order"
    assert len(kept) < count / 10
    skipped = [event["events"] for event in late if event["event"] == "skipped"]
    assert sum(skipped) >= count


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_listeners_that_come_and_go_leave_nothing_behind(service: Service) -> None:
    before = service.descriptors()
    for _ in range(50):
        with service.begin("events") as pending:
            assert pending.next()["event"] == "listening"
            wait_for(lambda: service.descriptors() < before + USER_LISTENERS)
    wait_for(lambda: service.descriptors() <= before)
