"""Forward-only networks in ONNX Runtime, with their windows in flight (see `backends.in_flight`).

A window keeps its row while it ages, and the complete window's row becomes the fresh one. A group
has its state twice: a step reads one and writes the other, so nothing is copied, and sessions share
nothing but the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pi_runtime.backends.base import Session
from pi_runtime.backends.in_flight import (
    NO_LOGIT,
    Float32,
    Ids,
    InFlightSession,
    RingState,
    start_state,
)
from pi_runtime.backends.onnx.graph import Graph
from pi_runtime.backends.onnx.runtime import open_session
from pi_runtime.model.network import Network


class OnnxInFlight:
    """The backend for forward-only networks."""

    name = "onnx"

    def __init__(self, network: Network, max_length: int, threads: int) -> None:
        self.network = network
        self.max_length = max_length
        self.inference: Any = open_session(step_graph(network, max_length), threads)
        self._start = start_state(_OnnxInFlightSession(self, 1, None), max_length)

    def session(self, streams: int = 1) -> Session:
        """See `Backend`."""
        return _OnnxInFlightSession(self, streams, self._start)


class _OnnxInFlightSession(InFlightSession["_OnnxGroup"]):
    def __init__(self, backend: OnnxInFlight, streams: int, start: list[Float32] | None) -> None:
        self._backend = backend
        super().__init__(streams, start, backend.network.nbytes)

    def _new_group(self, streams: int) -> _OnnxGroup:
        return _OnnxGroup(self._backend, streams)

    def _step(self, group: _OnnxGroup, ids: Ids) -> Float32:
        return group.step(ids)


class _OnnxGroup(RingState):
    """State arrays [T, streams, width], in which a window keeps its row while it ages."""

    def __init__(self, backend: OnnxInFlight, streams: int) -> None:
        super().__init__(streams)
        self._session = backend.inference
        self._ids = np.zeros(streams, np.int32)
        self._oldest = np.zeros(1, np.int64)
        """`oldest`, as the step reads it."""
        self._answer = np.empty((streams, backend.network.classes), np.float32)
        names, fresh = zip(*state_parts(backend.network), strict=True)
        self._fresh: tuple[Float32, ...] = fresh
        shape = (backend.max_length, streams, 1)
        self._state = [np.tile(row, shape) for row in fresh]
        self._next = [np.empty_like(part) for part in self._state]
        self._step = self._bound(names, self._state, self._next)
        self._step_back = self._bound(names, self._next, self._state)

    def _bound(self, names: tuple[str, ...], state: list[Float32], after: list[Float32]) -> Any:
        """Return a step from one copy of the state to the other."""
        binding = self._session.io_binding()

        def bind(to: Any, name: str, array: Any) -> None:
            to(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

        bind(binding.bind_input, "token", self._ids)
        bind(binding.bind_input, "oldest", self._oldest)
        bind(binding.bind_output, "probabilities", self._answer)
        for name, part, new in zip(names, state, after, strict=True):
            bind(binding.bind_input, name, part)
            bind(binding.bind_output, f"new {name}", new)
        return binding

    def step(self, ids: Ids) -> Float32:
        """Give the group its next tokens; return the probabilities."""
        self._ids[:] = ids
        self._session.run_with_iobinding(self._step)
        self._state, self._next = self._next, self._state
        self._step, self._step_back = self._step_back, self._step
        for part, fresh in zip(self._state, self._fresh, strict=True):
            part[self.oldest] = fresh
        self._oldest[0] = self.oldest = (self.oldest + 1) % len(self._state[0])
        return self._answer

    def parts(self) -> list[Float32]:
        """See `GroupState`."""
        return self._state


def state_parts(network: Network) -> list[tuple[str, Float32]]:
    """Return the parts of a window's state: each one's name and, of one that read nothing, row."""
    levels = range(len(network.layers))
    widths = {f"{part} {level}": network.units for level in levels for part in ("hidden", "cell")}
    widths |= {"denominator": 1, "numerator": len(network.attention)}
    parts = [(name, np.zeros(width, np.float32)) for name, width in widths.items()]
    return [*parts, ("maximum", np.array([NO_LOGIT], np.float32))]


def step_graph(network: Network, max_length: int) -> Graph:
    """Return the graph of a step: token [N], oldest [1] and the state to probabilities and state.

    The row `oldest` of the state is the window that the token completes.
    """
    graph, units = Graph(), network.units
    token = graph.input("token", np.int32, ("streams",))
    oldest = graph.input("oldest", np.int64, (1,))
    for name, row in state_parts(network):
        graph.input(name, np.float32, (max_length, "streams", len(row)))
        graph.output(f"new {name}", (max_length, "streams", len(row)))

    embedded = graph.node("Gather", graph.constant(network.embedding), token)  # [N, E]
    features = [graph.node("Expand", embedded, graph.integers(max_length, 1, 1))]
    for level, (lstm,) in enumerate(network.layers):
        hidden, cell = f"hidden {level}", f"cell {level}"
        bias = graph.constant(lstm.bias)
        if level == 0:  # the token is the same for all rows
            projected = graph.node("MatMul", embedded, graph.constant(lstm.kernel))
            bias = graph.node("Add", projected, bias)
            product = graph.node("MatMul", hidden, graph.constant(lstm.recurrent))
        else:
            both = graph.node("Concat", features[-1], hidden, axis=-1)
            weights = np.concatenate([lstm.kernel, lstm.recurrent])
            product = graph.node("MatMul", both, graph.constant(weights))
        gates = graph.node("Add", product, bias)
        sigmoids, candidate = graph.nodes(
            "Split",
            gates,
            graph.integers(3 * units, units),
            to=[f"sigmoids {level}", f"candidate {level}"],
            axis=-1,
        )
        input_, forget, output = graph.nodes(
            "Split",
            graph.node("Sigmoid", sigmoids),
            graph.integers(units, units, units),
            to=[f"{gate} {level}" for gate in ("input", "forget", "output")],
            axis=-1,
        )
        kept = graph.node("Mul", forget, cell)
        added = graph.node("Mul", input_, graph.node("Tanh", candidate))
        cell = graph.node("Add", kept, added, to=f"new {cell}")
        features.append(graph.node("Mul", output, graph.node("Tanh", cell), to=f"new {hidden}"))

    every = graph.node("Concat", *features, axis=-1)
    logits = graph.node("MatMul", every, graph.constant(network.attention))
    maximum = graph.node("Max", "maximum", logits, to="new maximum")
    decay = graph.node("Exp", graph.node("Sub", "maximum", maximum))
    weight = graph.node("Exp", graph.node("Sub", logits, maximum))
    left = graph.node("Mul", "denominator", decay)
    denominator = graph.node("Add", left, weight, to="new denominator")
    left = graph.node("Mul", "numerator", decay)
    numerator = graph.node("Add", left, graph.node("Mul", every, weight), to="new numerator")

    # Without `EPSILON`: the sum that it is added to is 1 at least, and float32 does not show it.
    complete, total = (graph.node("Gather", part, oldest) for part in (numerator, denominator))
    average = graph.node("Squeeze", graph.node("Div", complete, total), graph.integers(0))
    product = graph.node("MatMul", average, graph.constant(network.output_kernel))
    answer = graph.node("Add", product, graph.constant(network.output_bias))
    graph.node("Softmax", answer, axis=-1, to="probabilities")
    graph.output("probabilities", ("streams", network.classes))
    return graph
