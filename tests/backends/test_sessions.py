"""What a session is: streams that read tokens, each on its own, whatever happens beside them.

The reference recomputes each window from its ids; whatever a backend keeps from step to step, it
must give the same probabilities.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pi_runtime.backends.base import Backend, Session
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.onnx import onnx_backend
from pi_runtime.backends.reference import ReferenceBackend, float32_tolerance
from pi_runtime.model.network import Network
from tests.helpers.backends import BackendMaker, skip_without
from tests.helpers.checkpoints import small_network
from tests.helpers.networks import CLASSES, LENGTH, NETWORKS


def assert_close(
    probabilities: npt.NDArray[np.float32], network: Network, windows: npt.NDArray[np.int32]
) -> None:
    """Assert that these are the probabilities after each window, to float32 rounding."""
    expected, tolerances = float32_tolerance(network, windows)
    assert probabilities.shape == expected.shape
    deviation = np.abs(probabilities - expected).max(axis=-1)
    assert (deviation <= tolerances).all(), (deviation, tolerances)


def assert_computes(backend: Backend, network: Network, windows: npt.NDArray[np.int32]) -> None:
    """Assert that a session that reads each window gives the probabilities after it."""
    session = backend.session(len(windows))
    for token_ids in windows.T:
        probabilities = session.step(token_ids.tolist())
    assert_close(probabilities, network, windows)
    session.close()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backend_computes_the_network(make: BackendMaker, name: str) -> None:
    backend, network = make(name), NETWORKS[name]
    random = np.random.RandomState(0)
    for streams in (1, 3, 4, 5, 9):
        windows = random.randint(0, CLASSES, (streams, LENGTH), np.int32)
        assert_computes(backend, network, windows)
    # Longer than a window: what is older than T tokens leaves no trace.
    long = random.randint(0, CLASSES, (2, 3 * LENGTH), np.int32)
    session = backend.session(2)
    for token_ids in long.T:
        probabilities = session.step(token_ids.tolist())
    assert_close(probabilities, network, long[:, -LENGTH:])


@pytest.mark.parametrize("kind", ["numpy", "onnx"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_attention_survives_logits_beyond_the_exponential(kind: str, bidirectional: bool) -> None:
    skip_without(kind)
    network = small_network(units=8, layers=2, bidirectional=bidirectional)
    network.attention[:] *= 1e4  # logits of thousands; float32's exp ends at 88
    windows = np.random.RandomState(0).randint(0, 12, (4, LENGTH), np.int32)
    make = numpy_backend if kind == "numpy" else onnx_backend
    assert_computes(make(network, LENGTH), network, windows)


@pytest.mark.parametrize("name", ["forward", "both-ways"])
def test_streams_are_independent_however_they_are_reordered(make: BackendMaker, name: str) -> None:
    session, network = make(name).session(3), NETWORKS[name]
    random = np.random.RandomState(0)
    windows = np.zeros((3, LENGTH), np.int32)
    for round_ in range(40):
        token_ids = random.randint(0, CLASSES, len(windows)).tolist()
        windows = read(windows, token_ids)
        assert_close(session.step(token_ids), network, windows)
        if round_ % 3 == 2:
            sources = [
                None if random.rand() < 0.3 else int(random.randint(len(windows)))
                for _ in range(random.randint(1, 11))
            ]
            windows = reordered(windows, sources)
            session.reorder(sources)


def read(windows: npt.NDArray[np.int32], token_ids: Sequence[int]) -> npt.NDArray[np.int32]:
    """Return windows that have read one token more."""
    return np.column_stack([windows[:, 1:], np.array(token_ids, np.int32)])


def reordered(
    windows: npt.NDArray[np.int32], sources: Sequence[int | None]
) -> npt.NDArray[np.int32]:
    """Return the windows of renumbered streams; a fresh one has read nothing."""
    fresh = np.zeros(LENGTH, np.int32)
    return np.array([fresh if source is None else windows[source] for source in sources])


def test_a_session_leaves_no_trace_in_the_next(make: BackendMaker) -> None:
    backend = make("forward")
    first = backend.session().step([3]).copy()
    before = backend.session()
    for token_id in range(20):
        before.step([token_id])
    before.close()
    np.testing.assert_array_equal(backend.session().step([3]), first)


@pytest.mark.parametrize("name", ["forward", "both-ways"])
def test_a_session_that_is_dropped_is_missed_by_nobody(make: BackendMaker, name: str) -> None:
    backend = make(name)
    expected = backend.session().step([3]).copy()
    kept = backend.session()
    for streams in (1, 4, 9):
        dropped = backend.session(streams)
        dropped.step([5] * streams)
        del dropped
        gc.collect()
    np.testing.assert_array_equal(kept.step([3]), expected)


class Sessions(RuleBasedStateMachine):
    """Several sessions on one backend, in any order, each beside its reference."""

    backend: Backend
    network: Network

    @initialize()
    def begin(self) -> None:
        self.reference = ReferenceBackend(self.network, LENGTH)
        self.open: list[tuple[Session, Session]] = []
        self.windows: list[npt.NDArray[np.int32]] = []

    @precondition(lambda self: len(self.open) < 4)
    @rule(streams=st.integers(1, 10))
    def session(self, streams: int) -> None:
        self.open.append((self.backend.session(streams), self.reference.session(streams)))
        self.windows.append(np.zeros((streams, LENGTH), np.int32))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), times=st.integers(1, 3))
    def step(self, data: st.DataObject, times: int) -> None:
        at = self._one(data)
        session, reference = self.open[at]
        for _ in range(times):
            count = len(self.windows[at])
            token_ids = data.draw(st.lists(TOKEN_IDS, min_size=count, max_size=count), "token ids")
            self.windows[at] = read(self.windows[at], token_ids)
            probabilities, expected = session.step(token_ids), reference.step(token_ids)
            assert_close(probabilities, self.network, self.windows[at])
            assert_close(expected, self.network, self.windows[at])

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        at = self._one(data)
        old = st.one_of(st.none(), st.integers(0, len(self.windows[at]) - 1))
        sources = data.draw(st.lists(old, min_size=1, max_size=10), "sources")
        for session in self.open[at]:
            session.reorder(sources)
        self.windows[at] = reordered(self.windows[at], sources)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), properly=st.booleans())
    def close(self, data: st.DataObject, properly: bool) -> None:
        at = self._one(data)
        session, _ = self.open.pop(at)
        del self.windows[at]
        if properly:
            session.close()

    def _one(self, data: st.DataObject) -> int:
        return data.draw(st.integers(0, len(self.open) - 1), "session")


TOKEN_IDS = st.integers(0, CLASSES - 1)


@pytest.mark.parametrize("make", ["numpy", "onnx", "tflite"], indirect=True)
@pytest.mark.parametrize("name", ["forward", "both-ways"])
def test_sessions_side_by_side_do_not_know_of_each_other(make: BackendMaker, name: str) -> None:
    backend = make(name)

    class OfThisBackend(Sessions):
        network = NETWORKS[name]

    OfThisBackend.backend = backend
    run_state_machine_as_test(
        OfThisBackend,
        settings=settings(max_examples=60, stateful_step_count=30, deadline=None),
    )
