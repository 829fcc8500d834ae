"""Who computes next, and what is done no longer."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from pi_runtime.errors import UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.model.manifest import Config
from pi_runtime.service import cost, turns
from pi_runtime.service.heartbeat import Heartbeat
from pi_runtime.service.limits import MULTIPLICATIONS, TOKENS
from pi_runtime.service.turns import LANE_SLOTS, Job, Turns
from tests.helpers.service import GUARD

STOCK = Config(
    name="stock", max_length=40, word_level=False, rnn_layers=2, rnn_size=128,
    rnn_bidirectional=False, dim_embeddings=100,
)  # fmt: skip
CLASSES = 465


class Work:
    """Jobs that note each step, and may begin together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns, "SLICE_SECONDS", 0)  # a step each
        self.turns = Turns(Heartbeat())
        self.steps: list[str] = []
        self.errors: dict[str, Exception | None] = {}
        self.ended: dict[str, threading.Event] = {}
        self._gate = threading.Event()
        self.add("gate", 0, owner=-1)

    def add(self, name: str, count: int, owner: int | None, *, is_short: bool = False) -> Job:
        ended = self.ended[name] = threading.Event()

        def steps() -> Generator[None]:
            if name == "gate":
                self._gate.wait(GUARD)
            for _ in range(count):
                self.steps.append(name)
                yield

        def end(error: Exception | None) -> None:
            assert name not in self.errors, "once"
            self.errors[name] = error
            ended.set()

        job = Job(steps(), end, owner, is_short=is_short)
        self.turns.add(job)
        return job

    def run(self) -> None:
        self._gate.set()
        for ended in self.ended.values():
            assert ended.wait(GUARD)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


def test_users_take_turns_however_much_each_asks_for(work: Work) -> None:
    for number in range(5):
        work.add(f"greedy {number}", 100, owner=1)
    work.add("modest", 10, owner=2)
    work.add("own", 10, owner=None)
    work.run()
    assert work.steps.index("modest") < 3
    last = max(index for index, name in enumerate(work.steps) if name in ("modest", "own"))
    assert last <= 3 * 10 + 3


def test_a_short_one_does_not_wait_for_long_ones_of_the_same_user(work: Work) -> None:
    for number in range(20):
        work.add(f"long {number}", 100, owner=1)
    work.add("short", 10, owner=1, is_short=True)
    work.run()
    assert len(work.steps) - work.steps[::-1].index("short") <= 2 * 10 + 2


def test_only_some_of_a_lane_are_in_progress_for_each_holds_memory(work: Work) -> None:
    for number in range(8):
        work.add(str(number), 10, owner=1)
    work.run()
    assert set(work.steps[: 10 * LANE_SLOTS]) == {str(number) for number in range(LANE_SLOTS)}
    firsts = [work.steps.index(str(number)) for number in range(8)]
    assert firsts == sorted(firsts)


def test_what_is_cancelled_takes_no_further_step(work: Work) -> None:
    jobs = [work.add(str(number), 10, owner=1) for number in range(8)]
    for job in jobs[:7]:
        work.turns.cancel(job)
    work.run()
    assert work.steps == ["7"] * 10
    assert set(work.errors.values()) == {None}
    work.turns.cancel(jobs[7])  # is over: without effect


def test_all_of_the_clients_are_cancelled_and_nothing_of_the_services_own(work: Work) -> None:
    work.add("client", 10, owner=5)
    work.add("own", 10, owner=None)
    work.turns.cancel_all()
    work.run()
    assert work.steps == ["own"] * 10


def test_one_that_fails_hurts_no_other(work: Work) -> None:
    failed = threading.Event()

    def steps() -> Generator[None]:
        yield
        raise ValueError("NaN")

    errors: list[Exception | None] = []

    def end(error: Exception | None) -> None:
        errors.append(error)
        failed.set()

    work.turns.add(Job(steps(), end, 1, is_short=False))
    work.add("other", 10, owner=1)
    work.run()
    assert failed.wait(GUARD)
    assert [str(error) for error in errors] == ["NaN"]
    assert work.steps == ["other"] * 10


def test_the_stock_model_may_be_asked_for_as_many_tokens_as_the_protocol_allows() -> None:
    token = cost.per_token(STOCK, CLASSES)
    whole = cost.of_texts(STOCK, CLASSES, 1, SamplingParams(max_gen_length=TOKENS))
    cost.check(whole, 0, token)
    with pytest.raises(UsageError, match="ask for up to"):
        cost.check(2 * whole, 0, token)
    cost.check(2 * whole, 2 * whole, token)  # no more than the service itself speaks


def test_a_larger_network_gets_fewer_tokens_and_texts_at_once() -> None:
    large = Config("large", 300, False, 12, 500, True, 100)
    assert (cost.batch_size(STOCK), cost.batch_size(large)) == (cost.BATCH, 1)
    assert MULTIPLICATIONS // cost.per_token(large, 100) < 100
    one = SamplingParams(max_gen_length=1000)
    with pytest.raises(UsageError, match="too much work"):
        cost.check(cost.of_texts(large, 100, 1, one), 0, cost.per_token(large, 100))


def test_what_a_sentence_may_take_more_is_counted() -> None:
    plain, finished = (
        cost.of_texts(STOCK, CLASSES, 1, SamplingParams(finish_sentence=each))
        for each in (False, True)
    )
    assert finished > plain
