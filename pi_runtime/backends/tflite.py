"""The network in a TFLite interpreter: LiteRT or tflite-runtime, whichever is installed."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends import Backend
from pi_runtime.backends.in_flight import GROUP, NO_LOGIT, Flight, Float32, InFlight
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


def tflite_backend(
    model: ModelFile, threads: int = 1, interpreter: Callable[..., Any] | None = None
) -> Backend:
    """Return the TFLite backend for a model's kind of network.

    `interpreter` is the class to use instead of the one installed.

    Raises:
        BackendError: no interpreter is installed, or it cannot run this file.
    """
    kind = interpreter or _installed_interpreter()

    def load() -> Any:
        return kind(model_path=str(model.path), num_threads=threads)

    try:
        with _hushed():
            if model.config.rnn_bidirectional:
                return TfliteWholeWindow(load)
            return TfliteInFlight(load(), model.config.rnn_layers)
    except Exception as error:  # noqa: BLE001 - interpreters raise whatever they like
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise BackendError(
            f"the TFLite interpreter here cannot run {model.path.name} ({reason})",
            "take --backend numpy, or install another interpreter",
        ) from None


def installed_runtime() -> str:
    """Return the name of the module that holds the interpreter, or '' where there is none."""
    return next((name for name in RUNTIMES if _importable(name)), "")


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _installed_interpreter() -> Callable[..., Any]:
    runtime = installed_runtime()
    if not runtime:
        raise BackendError(
            "no TFLite interpreter is installed",
            "take --backend numpy, or pip install ai-edge-litert (tflite-runtime on Python 3.11)",
        )
    interpreter: Callable[..., Any] = importlib.import_module(runtime).Interpreter
    return interpreter


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep off stderr what the interpreter says about itself while it loads."""
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _indices(details: Sequence[dict[str, Any]]) -> list[int]:
    """Return tensor indices in the graph's order: x, x_0, x_1, … (see `convert.graph`)."""

    def number(detail: dict[str, Any]) -> int:
        match = re.search(r"_(\d+)\Z", detail["name"])
        return int(match[1]) if match else -1

    return [detail["index"] for detail in sorted(details, key=number)]


class _TfliteFlight(Flight):
    """State as it leaves the graph: ages 1 … T. It lies in the interpreter while it flies."""

    def __init__(self, backend: TfliteInFlight, streams: int) -> None:
        super().__init__(streams)
        self._backend = backend
        self.landed = backend.nothing_read(streams)

    def parts(self) -> list[Float32]:
        """See `Flight`."""
        return self._backend.state_of(self)


class TfliteInFlight(InFlight[_TfliteFlight]):
    """The backend for forward-only networks."""

    name = "tflite"

    def __init__(self, interpreter: Any, layers: int) -> None:
        self._interpreter = interpreter
        self._maximum = 2 * layers
        """Which part of the state is the running maximum: it follows hidden and cell states."""
        details = interpreter.get_input_details()
        self._token, *self._inputs = _indices(details)
        shapes = {detail["index"]: detail["shape_signature"] for detail in details}
        self._length = int(shapes[self._inputs[0]][0])
        self._widths = [int(shapes[index][2]) for index in self._inputs]
        self._probabilities, *self._outputs = _indices(interpreter.get_output_details())
        self._flying: _TfliteFlight | None = None
        """Whose state the outputs hold."""
        self._allocated = 0
        super().__init__(self._length)
        if self._views() != self._addresses:
            raise BackendError("the interpreter moves its tensors", "take --backend numpy")

    def _new_flight(self, streams: int) -> _TfliteFlight:
        return _TfliteFlight(self, streams)

    def nothing_read(self, streams: int) -> list[Float32]:
        """Return the state of a group whose rows have all read nothing."""
        state = [np.zeros((self._length, streams, width), np.float32) for width in self._widths]
        state[self._maximum].fill(NO_LOGIT)
        return state

    def state_of(self, flight: _TfliteFlight) -> list[Float32]:
        """Return where a group's state lies."""
        return self._out if flight is self._flying else flight.landed

    def _land(self) -> None:
        """Take the flying group's state out of the interpreter."""
        if self._flying:
            for saved, view in zip(self._flying.landed, self._out, strict=True):
                saved[:] = view
        self._flying = None

    def _allocate(self, streams: int) -> None:
        self._interpreter.resize_tensor_input(self._token, [streams])
        for index, width in zip(self._inputs, self._widths, strict=True):
            self._interpreter.resize_tensor_input(index, [self._length, streams, width])
        self._interpreter.allocate_tensors()
        self._allocated = streams
        self._addresses = self._views()
        # Row 0 of what goes in is the fresh row, and stays so.
        for view, fresh in zip(self._in, self.nothing_read(streams), strict=True):
            view[:] = fresh

    def _views(self) -> list[int]:
        """Look into the interpreter's tensors; return their addresses.

        `Interpreter.tensor` makes a view that must be gone before the next `invoke`: made anew for
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
        return addresses

    def _step(self, flight: _TfliteFlight, ids: npt.NDArray[np.int32]) -> Float32:
        if flight is not self._flying:
            self._land()
            if self._allocated != flight.streams:
                self._allocate(flight.streams)
        # Every row grows older by a step.
        for view, part in zip(self._in, self.state_of(flight), strict=True):
            view[1:] = part[:-1]
        self._ids[:] = ids
        self._interpreter.invoke()
        self._flying = flight
        answer: Float32 = self._answer
        return answer


class TfliteWholeWindow:
    """The backend for bidirectional networks. Several streams share a product as a group."""

    name = "tflite"

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._loaded: dict[int, _Window] = {}
        """By the windows that are computed at once."""
        self._length = self._window(1).length
        self.reset()
        self.advance([0])
        self.reset()

    def _window(self, streams: int) -> _Window:
        if streams not in self._loaded:
            with _hushed():
                self._loaded[streams] = _Window(self._load(), streams)
        return self._loaded[streams]

    def reset(self, streams: int = 1) -> None:
        """See `Backend`."""
        self._windows = np.zeros((self._length, streams), np.int32)

    def rearrange(self, sources: Sequence[int | None]) -> None:
        """See `Backend`."""
        windows = np.zeros((self._length, len(sources)), np.int32)
        for place, source in enumerate(sources):
            if source is not None:
                windows[:, place] = self._windows[:, source]
        self._windows = windows

    def advance(self, tokens: Sequence[int]) -> Float32:
        """See `Backend`."""
        self._windows[:-1] = self._windows[1:]
        self._windows[-1] = tokens
        streams = len(tokens)
        size = 1 if streams == 1 else GROUP
        window = self._window(size)
        # The last group may have idle places; they read padding and nobody looks.
        idle = -streams % size
        padded = np.pad(self._windows, ((0, 0), (0, idle))) if idle else self._windows
        parts = [window(padded[:, at : at + size]) for at in range(0, streams, size)]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts))[:streams]


class _Window:
    """An interpreter for so many windows at once."""

    def __init__(self, interpreter: Any, streams: int) -> None:
        self._interpreter = interpreter
        (detail,) = interpreter.get_input_details()
        self._input = detail["index"]
        self.length = int(detail["shape_signature"][0])
        (self._output,) = _indices(interpreter.get_output_details())
        interpreter.resize_tensor_input(self._input, [self.length, streams])
        interpreter.allocate_tensors()

    def __call__(self, windows: npt.NDArray[np.int32]) -> Float32:
        """Return the probabilities [streams, V] after windows [T, streams]."""
        self._interpreter.set_tensor(self._input, windows)
        self._interpreter.invoke()
        probabilities: Float32 = self._interpreter.get_tensor(self._output)
        return probabilities
