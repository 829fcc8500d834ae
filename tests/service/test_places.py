"""Who is let in, and who has to go for it."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from pi_runtime.errors import Error
from pi_runtime.service import client_log
from pi_runtime.service.client_log import ClientLog
from pi_runtime.service.limits import USER_WORKING, WAITING, WORKING
from pi_runtime.service.places import Places


class Client:
    def __init__(self, uid: int = 1) -> None:
        self.uid = uid
        self.dismissed = False

    def dismiss(self) -> None:
        self.dismissed = True


def test_the_one_that_has_waited_longest_goes_for_a_new_one() -> None:
    places, clients = Places(), [Client() for _ in range(WAITING + 2)]
    for client in clients[:WAITING]:
        places.wait(client)
    places.wait(clients[0])  # has just asked for something
    for client in clients[WAITING:]:
        places.wait(client)
    assert [n for n, client in enumerate(clients) if client.dismissed] == [1, 2]


def test_one_of_the_user_with_most_goes() -> None:
    places = Places()
    modest, greedy = Client(2), [Client(1) for _ in range(WAITING)]
    for client in (modest, *greedy):
        places.wait(client)
    assert not modest.dismissed
    assert [client.dismissed for client in greedy[:2]] == [True, False]


def test_those_that_wait_and_those_that_work_take_no_places_of_each_other() -> None:
    places = Places()
    waiting = [Client() for _ in range(WAITING)]
    for client in waiting:
        places.wait(client)
    with ExitStack() as stack:
        for _ in range(USER_WORKING):
            stack.enter_context(places.work(Client()))
        newer = Client()
        places.wait(newer)
        assert [client.dismissed for client in waiting[:2]] == [True, False]


def test_one_user_cannot_take_every_place_for_work() -> None:
    places = Places()
    with ExitStack() as stack:
        for _ in range(USER_WORKING):
            stack.enter_context(places.work(Client(1)))
        with pytest.raises(Error, match="of yours"), places.work(Client(1)):
            pass
        for _ in range(WORKING - USER_WORKING):
            stack.enter_context(places.work(Client(2)))
        with pytest.raises(Error, match="64 requests"), places.work(Client(3)):
            pass
    with places.work(Client(1)):
        pass


def test_a_flood_of_lines_is_cut_short_by_user_and_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(client_log, "PER_SECOND", 0)
    log = ClientLog()
    for number in range(1000):
        log.tell(1, f"\x1b[2J{number}\n" + "x" * 1000)
    log.tell(2, "hello")
    assert len(caplog.messages) == client_log.BURST + 1
    assert all(line.isprintable() and len(line) < 400 for line in caplog.messages)
    monkeypatch.setattr(client_log, "PER_SECOND", 1e9)
    log.tell(1, "quiet again")
    assert caplog.messages[-2:] == ["uid 1: 940 lines left out", "quiet again"]


def test_what_a_text_makes_the_speech_log_is_cut_short_but_no_error(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_log, "PER_SECOND", 0)
    caplog.set_level("INFO")
    caplog.handler.addFilter(flood := client_log.FloodFilter())
    try:
        for _ in range(1000):
            logging.getLogger("pi_runtime.speech.speaker").info("nothing in %r", ".")
        logging.getLogger("pi_runtime.speech.speaker").error("no sound")
        assert len(caplog.messages) == client_log.BURST + 1
        monkeypatch.setattr(client_log, "PER_SECOND", 1e9)
        logging.getLogger("pi_runtime.speech.speaker").info("nothing in %r", "!")
        assert caplog.messages[-1] == "nothing in '!' (940 lines left out before)"
    finally:
        caplog.handler.removeFilter(flood)
