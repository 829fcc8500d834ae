"""Clients that send garbage, too much, or at a snail's pace hurt only themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_runtime.service.limits import LINE_BYTES, USER_WORKING, WAITING
from tests.helpers.service import QUIET, Service, needs_espeak, running, wait_for
from tests.manual.hostile_clients import GROWTH, attack

pytestmark = needs_espeak

FLAT = 2_000_000
"""Bytes that the memory may grow by."""


def assert_memory_stays_flat(service: Service, action: Callable[[], None]) -> None:
    """A leak grows with every repetition; a heap that settles stops to grow."""
    action()
    grown = []
    for _ in range(4):
        before = service.resident()
        action()
        grown.append(service.resident() - before)
        if grown[-1] < FLAT:
            return
    raise AssertionError(f"the memory grew each time: {grown}")


@pytest.mark.long
def test_50_clients_and_10000_requests(service: Service) -> None:
    """Each is answered once and in order; memory stays flat."""
    clients, requests = 50, 200
    seen: list[list[dict[str, object]]] = [[] for _ in range(clients)]

    def client(number: int) -> None:
        with service.connect() as link:
            lines = link.makefile("rb")
            for turn in range(requests):
                if turn % 4:
                    message: dict[str, object] = {"v": 1, "do": "status"}
                else:
                    message = {
                        "v": 1, "do": "generate", "seed": number * 1000 + turn,
                        "max_gen_length": 5, "temperature": 1.0,
                    }  # fmt: skip
                link.sendall(json.dumps(message).encode() + b"\n")
                seen[number].append(json.loads(next(lines)))

    def crowd() -> None:
        for replies in seen:
            replies.clear()
        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, replies in enumerate(seen):
            assert len(replies) == requests
            for turn, reply in enumerate(replies):
                assert reply["ok"] is True
                if turn % 4 == 0:
                    assert reply["seed"] == number * 1000 + turn

    assert_memory_stays_flat(service, crowd)
    assert service.ask("say", text="Still here.")["sentences"] == 1


def test_garbage_long_lines_and_dribbles_hurt_only_their_sender(service: Service) -> None:
    descriptors = service.descriptors()

    def attack() -> None:
        dribblers = [service.connect() for _ in range(WAITING + 16)]
        for link in dribblers:
            try:
                link.sendall(b'{"v": 1,')
            except OSError:
                continue  # hung up on already
        with service.connect() as link:
            link.sendall(b"\xff\xfe\x00\n{\n")
            lines = link.makefile("rb")
            assert [json.loads(next(lines))["code"] for _ in range(2)] == [2, 2]
        for _ in range(5):
            with service.connect() as link:
                try:
                    for _ in range(160):
                        link.sendall(b"x" * LINE_BYTES)  # 10 MB without a line end
                except OSError:
                    continue
                raise AssertionError("it reads without end")
        assert service.ask("say", text="Still here.")["sentences"] == 1
        for link in dribblers:
            link.close()
        wait_for(lambda: service.descriptors() <= descriptors + 1)

    assert_memory_stays_flat(service, attack)


def test_those_who_ask_and_go_away_take_no_place(service: Service) -> None:
    """Not even those behind a text that is paused."""
    service.ask("pause")
    with service.begin("say", text="This one stays.") as pending:
        service.wait_status(waiting=1)
        for _ in range(2):
            crowd = [service.begin("say", text="Hello.") for _ in range(USER_WORKING - 1)]
            service.wait_status(waiting=USER_WORKING)
            assert service.ask("say", text="Hello.")["error"].startswith("56 requests of yours")
            for each in crowd:
                each.close()
            service.wait_status(waiting=1)
        service.ask("resume")
        assert pending.reply()["sentences"] == 1


def test_a_line_that_does_not_come_is_not_waited_for(service: Service) -> None:
    with service.connect() as link:
        link.sendall(b'{"v": 1,')
        assert link.recv(100) == b"", "hung up"


def test_status_gets_through_while_many_clients_are_hostile_at_once(
    model: Path, tmp_path: Path
) -> None:
    """In full: `python -m tests.manual.hostile_clients`, whose numbers SECURITY.md has."""
    with running(tmp_path, model, *QUIET) as service:
        found = attack(service, requests=400, leave=100, stay=64)
        assert found.statuses >= 5
        assert found.growth < GROWTH
        assert "Traceback" not in service.log
        assert service.ask("stop")["ok"]
