"""What is particular to the TFLite backend: an interpreter is shared, and may fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pi_runtime.backends import tflite
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.backends.tflite.in_flight import TfliteInFlight
from pi_runtime.backends.tflite.interpreter import (
    installed_interpreter,
    installed_runtime,
    ordered_indices,
)
from pi_runtime.backends.tflite.pool import Locked, Pool
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile
from tests.helpers.backends import HAS_INTERPRETER, needs_interpreter
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.conversion import Converter
from tests.helpers.networks import LENGTH, NETWORKS


def test_which_interpreter_is_installed() -> None:
    if HAS_INTERPRETER:
        assert installed_runtime() in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
        assert callable(installed_interpreter())
    else:
        assert installed_runtime() is None
        with pytest.raises(BackendError, match="no TFLite interpreter is installed – take"):
            installed_interpreter()


def test_whatever_an_interpreter_raises_is_one_line() -> None:
    model = ModelFile.from_bytes(packed_model(small_network()), "colab")

    def refuses(**_: object) -> None:
        raise RuntimeError("no such op\nin a trace of many lines")

    with pytest.raises(BackendError) as caught:
        tflite.load(model, interpreter=refuses)
    assert caught.value.what == "the TFLite interpreter here cannot run colab (no such op)"
    assert "--backend numpy" in caught.value.todo


@needs_interpreter
def test_an_interpreter_says_nothing_while_it_loads(
    capfd: pytest.CaptureFixture[str], converted: Converter
) -> None:
    path = converted.small("small-forward", NETWORKS["forward"], LENGTH)
    tflite.load(ModelFile(path)).session().step([1])
    assert capfd.readouterr() == ("", "")


@needs_interpreter
def test_a_text_starts_from_what_all_rows_would_have_become(converted: Converter) -> None:
    """Bit for bit, though a single row computed it."""
    path = converted.small("small-forward", NETWORKS["forward"], LENGTH)
    backend = tflite.load(ModelFile(path))
    assert isinstance(backend, TfliteInFlight)
    session = backend.session()
    start = session.take(0)  # type: ignore[attr-defined]
    for _ in range(LENGTH):
        session.step([0])
    for part, expected in zip(start, session.take(0), strict=True):  # type: ignore[attr-defined]
        assert (part == expected).all()


@needs_interpreter
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_the_groups_of_a_session(converted: Converter, threads: int) -> None:
    """Bit for bit, while streams come, go and change places."""
    model = ModelFile(converted.small("small-forward", NETWORKS["forward"], LENGTH))
    alone, shared = tflite.load(model).session(13), tflite.load(model, threads).session(13)
    random = np.random.RandomState(0)
    for streams in (13, 13, 6, 22, 3, 9):
        sources = [None if each % 5 == 4 else each % 3 for each in range(streams)]
        for session in (alone, shared):
            session.reorder(sources)
        for _ in range(5):
            ids = random.randint(1, NETWORKS["forward"].classes, streams).tolist()
            np.testing.assert_array_equal(shared.step(ids), alone.step(ids).copy())


def test_stderr_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with quiet_stderr():
        os.write(2, b"unheard")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_tensors_are_in_the_graphs_order() -> None:
    names = ["state_10", "x", "state_2", "state_0"]
    details = [{"name": name, "index": index} for index, name in enumerate(names)]
    assert ordered_indices(details) == [1, 3, 2, 0]


@needs_interpreter
def test_an_interpreter_that_could_not_be_resized_is_allocated_again(converted: Converter) -> None:
    """As when memory is short: the text that wanted it fails, the next one does not."""
    path = converted.small("small-forward", NETWORKS["forward"], LENGTH)
    fails = False

    def make(**arguments: Any) -> Any:
        interpreter = installed_interpreter()(**arguments)
        allocate: Callable[[], None] = interpreter.allocate_tensors

        def allocate_tensors() -> None:
            if fails:
                raise RuntimeError("Failed to allocate memory")
            allocate()

        interpreter.allocate_tensors = allocate_tensors
        return interpreter

    backend = tflite.load(ModelFile(path), interpreter=make)
    expected = backend.session().step([3]).copy()
    fails = True
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        backend.session(4).step([3] * 4)
    fails = False
    np.testing.assert_array_equal(backend.session().step([3]), expected)
    np.testing.assert_allclose(backend.session(4).step([3] * 4), [expected[0]] * 4, atol=1e-6)


def test_a_pool_lends_what_is_free_and_grows_if_nothing_is() -> None:
    pool = Pool(Locked, threads=1)
    one = pool.acquire()
    other = pool.acquire()
    assert one is not other
    assert pool.members == [one, other]
    one.lock.release()
    assert pool.acquire() is one
    one.lock.release()
    assert pool.acquire(lambda member: member is one) is one


def test_a_pool_has_no_more_members_than_processors_can_use() -> None:
    pool = Pool(Locked, threads=10**6)
    lent = [pool.acquire(), pool.acquire()]
    waiting = threading.Thread(target=lambda: pool.acquire().lock.release())
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    for member in lent:
        member.lock.release()
    waiting.join(10)
    assert not waiting.is_alive()
    assert len(pool.members) == 2


def test_what_does_not_suit_is_lent_if_nothing_else_is_left() -> None:
    pool = Pool(Locked, threads=10**6)
    for _ in range(5):
        pool.acquire(lambda member: False).lock.release()
    assert len(pool.members) == 2
