"""Forward-only networks in an interpreter.

An interpreter holds the state that its last step left in its tensors, and that is where the next
step wants it. So a group's state stays there until another group needs the interpreter, and only
then is swapped out into arrays of its own.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import (
    NO_LOGIT,
    Float32,
    GroupState,
    Ids,
    InFlightSession,
)
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.backends.tflite.interpreter import ordered_indices
from pi_runtime.backends.tflite.pool import Locked, Pool
from pi_runtime.errors import BackendError


class _TfliteGroup(GroupState):
    """State as it leaves the graph: ages 1 … T."""

    def __init__(self, saved: list[Float32], streams: int) -> None:
        super().__init__(streams)
        self.saved = saved
        self.place: _InFlightInterpreter | None = None
        """Whose tensors hold the state; None: `saved` does. Changes under that one's lock only."""

    def parts(self) -> list[Float32]:
        """See `GroupState`."""
        place = self.place
        if place:
            with place.lock:
                if self.place:  # it may have been swapped out meanwhile
                    place.swap_out()
        return self.saved


class _InFlightInterpreter(Locked):
    """An interpreter that steps groups, and holds the state of the last one in its tensors."""

    def __init__(self, interpreter: Any, layers: int) -> None:
        super().__init__()
        self._interpreter = interpreter
        self._maximum = 2 * layers
        """Which part of the state is the running maximum: it follows hidden and cell states."""
        details = interpreter.get_input_details()
        self._token, *self._inputs = ordered_indices(details)
        shapes = {detail["index"]: detail["shape_signature"] for detail in details}
        self.max_length = int(shapes[self._inputs[0]][0])
        self._widths = [int(shapes[index][2]) for index in self._inputs]
        self._probabilities, *self._outputs = ordered_indices(interpreter.get_output_details())
        self._resident: Callable[[], _TfliteGroup | None] = lambda: None
        """A weak reference to the group whose state the outputs hold."""
        self._streams = 0

    def suits(self, streams: int) -> bool:
        """Return whether it is made for groups of this size, or no group would miss it."""
        return self._streams == streams or self._resident() is None

    def nothing_read(self, streams: int, rows: int = 0) -> list[Float32]:
        """Return the state of a group whose rows, T or so many, have all read nothing."""
        rows = rows or self.max_length
        state = [np.zeros((rows, streams, width), np.float32) for width in self._widths]
        state[self._maximum].fill(NO_LOGIT)
        return state

    def start_state(self) -> list[Float32]:
        """Return the state of an empty window, from which every text starts, by age.

        A single row that reads T ids of padding has been every row of it on its way. That takes a
        fraction of T steps of all rows, and gives the same bits (on x86-64, where it was tried).
        """
        self._allocate(1, rows=1)
        state = self.nothing_read(1, rows=1)
        ages = []
        for _ in range(self.max_length):
            for view, part in zip(self._in, state, strict=True):
                view[:] = part
            self._ids[:] = 0
            self._interpreter.invoke()
            state = [view.copy() for view in self._out]
            ages.append(state)
        self._streams = 0  # there is no group of a single row
        return [np.concatenate(parts)[:, 0] for parts in zip(*ages, strict=True)]

    def step(self, group: _TfliteGroup, ids: Ids) -> Float32:
        """Give a group its next tokens; return the probabilities."""
        # Every row grows older by a step.
        if group.place is self:
            for older, row in self._ageing:
                older[...] = row
        else:
            self.swap_out()
            if self._streams != group.streams:
                self._allocate(group.streams)
            for view, part in zip(self._in, group.saved, strict=True):
                view[1:] = part[:-1]
        self._ids[:] = ids
        self._interpreter.invoke()
        if group.place is not self:
            self._resident, group.place = weakref.ref(group), self
        return self._answer.copy()

    def swap_out(self) -> None:
        """Save the state of the group that is resident, if it is still in use."""
        if group := self._resident():
            for saved, view in zip(group.saved, self._out, strict=True):
                saved[:] = view
            group.place = None
        self._resident = lambda: None

    def _allocate(self, streams: int, rows: int = 0) -> None:
        self._streams = 0  # if this fails, the tensors are nobody's
        self._interpreter.resize_tensor_input(self._token, [streams])
        for index, width in zip(self._inputs, self._widths, strict=True):
            self._interpreter.resize_tensor_input(index, [rows or self.max_length, streams, width])
        with quiet_stderr():
            self._interpreter.allocate_tensors()
        self._streams = streams
        self._addresses = self._views()
        # Row 0 of what goes in is the fresh row, and stays so.
        for view, fresh in zip(self._in, self.nothing_read(streams, rows), strict=True):
            view[:] = fresh

    def _views(self) -> list[int]:
        """Look into the interpreter's tensors; return their addresses.

        `Interpreter.tensor` makes a view that must be gone before the next `invoke`: made again for
        each of twenty tensors it would cost a tenth of the time of a token. The tensors of this
        graph are static, so their memory stays where it is until the next allocation.
        """
        views, addresses = [], []
        for index in (self._token, *self._inputs, self._probabilities, *self._outputs):
            tensor = self._interpreter.tensor(index)()
            address = tensor.__array_interface__["data"][0]
            memory = (ctypes.c_byte * tensor.nbytes).from_address(address)
            views.append(np.frombuffer(memory, tensor.dtype).reshape(tensor.shape))
            addresses.append(address)
            del tensor
        middle = 1 + len(self._inputs)
        self._ids, *self._in = views[:middle]
        self._answer, *self._out = views[middle:]
        self._ageing = [(new[1:], old[:-1]) for new, old in zip(self._in, self._out, strict=True)]
        """Where the rows of the state go, and where the last step left them."""
        return addresses

    def moved(self) -> bool:
        """Return whether the tensors lie elsewhere than when they were allocated."""
        before = self._addresses
        return self._views() != before


class TfliteInFlight:
    """The backend for forward-only networks."""

    name = "tflite"

    def __init__(self, make: Callable[[int], Any], threads: int, layers: int, weights: int) -> None:
        """Begin with what `make` returns, an interpreter of so many threads.

        A single group shares its products among the threads; of several, each thread steps one.
        `weights` are the bytes of them in the file.
        """
        self.weights = weights
        self.pool = Pool(lambda: _InFlightInterpreter(make(threads), layers), threads)
        self.crew: Crew | None = None
        if threads > 1:
            self.crew = Crew(lambda: _InFlightInterpreter(make(1), layers), threads)
        (first,) = self.pool.members
        self.nothing_read = first.nothing_read
        self._start = first.start_state()
        if first.moved():
            raise BackendError("the interpreter moves its tensors", "take --backend numpy")

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _TfliteInFlightSession(self, streams, self._start)


class Crew:
    """Threads that step groups at the same time, each in an interpreter of one thread."""

    def __init__(self, make: Callable[[], _InFlightInterpreter], threads: int) -> None:
        from concurrent.futures import ThreadPoolExecutor  # which a single thread does without

        self.pool = Pool(make, 1)
        self.helpers = threads - 1
        """So many, since the thread that asks for a step has a part in it."""
        self._threads = ThreadPoolExecutor(self.helpers, "rnn-step")

    def share(self, work: Callable[[], None]) -> None:
        """Let every thread do the same work, which takes its parts from something they share."""
        helpers = [self._threads.submit(work) for _ in range(self.helpers)]
        try:
            work()
        finally:
            for helper in helpers:
                helper.result()


class _TfliteInFlightSession(InFlightSession[_TfliteGroup]):
    def __init__(self, backend: TfliteInFlight, streams: int, start: list[Float32]) -> None:
        self._backend = backend
        super().__init__(streams, start, backend.weights)

    def _new_group(self, streams: int) -> _TfliteGroup:
        return _TfliteGroup(self._backend.nothing_read(streams), streams)

    def _step(self, group: _TfliteGroup, ids: Ids) -> Float32:
        return self._step_in(self._backend.pool, group, ids)

    def _step_all(
        self, groups: list[_TfliteGroup], ids: list[npt.NDArray[np.int32]]
    ) -> list[Float32]:
        crew = self._backend.crew
        if crew is None:
            return super()._step_all(groups, ids)
        pool, upcoming = crew.pool, iter(range(len(groups)))
        found: dict[int, Float32] = {}

        def work() -> None:
            for at in upcoming:
                found[at] = self._step_in(pool, groups[at], ids[at])

        crew.share(work)
        return [found[at] for at in range(len(groups))]

    def _step_in(self, pool: Pool[_InFlightInterpreter], group: _TfliteGroup, ids: Ids) -> Float32:
        place = group.place
        if place:
            # Whoever holds it may be swapping this very group out: then its state is in `saved`
            # afterwards, and this interpreter as good as any other.
            place.lock.acquire()
        else:
            streams = group.streams
            place = pool.acquire(lambda member: member.suits(streams))
        try:
            return place.step(group, ids)
        finally:
            place.lock.release()
