"""Bidirectional networks without loops: the graph that is written, and when it takes over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.backends import tflite
from pi_runtime.backends.reference import float32_tolerance
from pi_runtime.backends.tflite import compiled, unrolled, whole_window
from pi_runtime.backends.tflite.interpreter import installed_interpreter, installed_runtime
from pi_runtime.backends.tflite.whole_window import TfliteWholeWindow
from pi_runtime.model.file import ModelFile
from pi_runtime.model.flatbuffer import check_graph
from pi_runtime.model.network import Network
from tests.helpers.architectures import ARCHITECTURES, Architecture
from tests.helpers.backends import needs_interpreter
from tests.helpers.checkpoints import small_network
from tests.helpers.commands import ROOT
from tests.helpers.conversion import Converter
from tests.helpers.networks import CLASSES, LENGTH, NETWORKS

HAS_COMPILER = installed_runtime() == "ai_edge_litert.interpreter"

needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="LiteRT is not installed")


def skip_without_compiler() -> None:
    """Skip a test once its model is converted: where LiteRT is, TensorFlow may not be."""
    if not HAS_COMPILER:
        pytest.skip("LiteRT is not installed")


Windows = npt.NDArray[np.int32]

BOTH_WAYS = ARCHITECTURES.filter(lambda architecture: architecture.bidirectional)


def interpreted(graph: bytes, windows: Windows) -> npt.NDArray[np.float32]:
    """Return what a plain interpreter makes of a graph."""
    interpreter = installed_interpreter()(model_content=graph, num_threads=1)
    interpreter.allocate_tensors()
    (given_,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(given_["index"], np.ascontiguousarray(windows.T))
    interpreter.invoke()
    found: npt.NDArray[np.float32] = interpreter.get_tensor(wanted["index"])
    return found


def assert_computes(graph: bytes, network: Network, windows: Windows) -> None:
    """Assert that a graph gives the reference's probabilities after windows."""
    expected, bounds = float32_tolerance(network, windows)
    deviation = np.abs(interpreted(graph, windows) - expected).max(axis=-1)
    assert (deviation <= bounds).all(), (deviation, bounds)


# --- the graph -----------------------------------------------------------------------------------


@needs_interpreter
@settings(max_examples=30, deadline=None)
@given(BOTH_WAYS, st.integers(1, 4))
def test_it_computes_any_architecture(architecture: Architecture, streams: int) -> None:
    network, windows = architecture.network(), architecture.windows()[:streams]
    graph = unrolled.unrolled(network, architecture.length, streams, int8=False)
    check_graph(memoryview(graph), loops=False)
    assert_computes(graph, network, windows)


@needs_interpreter
def test_many_classes_take_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what each token is to the first layer: it would be larger than what it saves."""
    network = NETWORKS["both-ways"]
    windows = np.random.RandomState(0).randint(0, CLASSES, (2, LENGTH), np.int32)
    with_table = unrolled.unrolled(network, LENGTH, 2, int8=False)
    monkeypatch.setattr(unrolled, "MAX_TABLE", 0)
    without = unrolled.unrolled(network, LENGTH, 2, int8=False)
    assert with_table != without
    assert_computes(without, network, windows)


def test_the_same_network_gives_the_same_bytes() -> None:
    one, other = (unrolled.unrolled(NETWORKS["both-ways"], LENGTH, 1, int8=True) for _ in range(2))
    assert one == other


def test_weights_in_int8_take_a_quarter() -> None:
    network = small_network(units=64, embedding=32, bidirectional=True)
    exact, quantized = (
        len(unrolled.unrolled(network, LENGTH, 1, int8=int8)) for int8 in (False, True)
    )
    weights = sum(
        lstm.kernel.nbytes * (number > 0) + lstm.recurrent.nbytes
        for number, layer in enumerate(network.layers)
        for lstm in layer
    )
    assert exact - quantized == pytest.approx(weights * 3 / 4, rel=0.2)


# --- when it takes over --------------------------------------------------------------------------


class Compiler:
    """Stands in for `compiled`: counts, and computes what the test says."""

    def __init__(self, found: Callable[[], Any] = lambda: None) -> None:
        self.found = found
        self.sizes: list[int] = []

    def __call__(self, size: int) -> Any:
        """Note the size."""
        self.sizes.append(size)
        return self.found()


@needs_interpreter
def test_each_size_is_compiled_once_if_it_goes_on(converted: Converter) -> None:
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    content, compiler = ModelFile(path).content, Compiler()

    def make() -> Any:
        return installed_interpreter()(model_content=content, num_threads=1)

    backend = TfliteWholeWindow(make, compiler, 1, settled=10)
    session = backend.session()
    for _ in range(8):
        session.step([1])
    assert not compiler.sizes
    for _ in range(8):
        session.step([1])
    assert compiler.sizes == [1]
    many = backend.session(5)
    for _ in range(4):
        many.step([1] * 5)
    assert compiler.sizes == [1, 4]


@needs_compiler
@pytest.mark.parametrize("name", ["both-ways", "both-ways-deep", "extreme-both-ways"])
@pytest.mark.parametrize("streams", [1, 3, 16, 20])
def test_a_text_goes_on_as_before(
    converted: Converter, monkeypatch: pytest.MonkeyPatch, name: str, streams: int
) -> None:
    monkeypatch.setitem(whole_window.SETTLED, "float32", 4 * streams)
    network = NETWORKS[name]
    path = converted.small(f"small-{name}", network, LENGTH)
    backend = tflite.load(ModelFile(path))
    session = backend.session(streams)
    windows = np.zeros((streams, LENGTH), np.int32)
    random = np.random.RandomState(0)
    for _ in range(12):
        ids = random.randint(0, CLASSES, streams)
        windows = np.column_stack([windows[:, 1:], ids]).astype(np.int32)
        expected, bounds = float32_tolerance(network, windows)
        assert (np.abs(session.step(ids.tolist()) - expected).max(axis=-1) <= bounds).all()


@pytest.mark.parametrize("streams", [1, 5, 16])
def test_an_int8_network_computes_the_same_however_long_it_goes_on(
    converted: Converter, streams: int
) -> None:
    """What the graph without loops rounds otherwise, it rounds otherwise from the beginning."""
    network = small_network(2, units=32, embedding=40, classes=CLASSES, bidirectional=True)
    path = converted.small("both-ways-32-int8", network, LENGTH, "--quantize", "int8")
    skip_without_compiler()
    backend = tflite.load(ModelFile(path))
    assert isinstance(backend, TfliteWholeWindow)
    windows = np.random.RandomState(0).randint(0, CLASSES, (streams, LENGTH)).astype(np.int32)
    first = backend.whole_windows(windows)
    for _ in range(whole_window.SETTLED["float32"]):
        backend.whole_windows(windows)
    np.testing.assert_array_equal(backend.whole_windows(windows), first)


@pytest.mark.parametrize("options", [(), ("--quantize", "int8")], ids=["float32", "int8"])
def test_what_is_compiled_computes_the_golden_windows(
    converted: Converter, options: tuple[str, ...]
) -> None:
    network = small_network(units=32, embedding=40, classes=CLASSES, bidirectional=True)
    name = f"both-ways-32{''.join(options)}"
    model = ModelFile(converted.small(name, network, LENGTH, *options))
    skip_without_compiler()
    assert compiled.compiled(model, 1, 1)
    assert compiled.compiled(model, 16, 2)


@needs_compiler
def test_it_says_nothing_from_beginning_to_end(converted: Converter) -> None:
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    code = f"""
from pi_runtime.backends.tflite.compiled import compiled
from pi_runtime.model.file import ModelFile
one = compiled(ModelFile({str(path)!r}), 1, 1)
other = compiled(ModelFile({str(path)!r}), 4, 1)
assert one and other
del other
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("", "")


@needs_compiler
def test_what_computes_something_else_is_not_used(
    converted: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    other = unrolled.unrolled(
        small_network(9, classes=CLASSES, units=9, bidirectional=True), LENGTH, 1, int8=False
    )
    monkeypatch.setattr(compiled, "unrolled", lambda *_, **__: other)
    assert compiled.compiled(ModelFile(path), 1, 1) is None


def test_a_litert_that_cannot_is_not_used(
    converted: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 2.1, which knows no cache of weights, or tflite-runtime, which knows no CompiledModel."""
    model = ModelFile(converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH))

    def cannot(*_: object, **__: object) -> None:
        raise AttributeError("CpuOptions")

    monkeypatch.setattr(compiled, "CompiledWindows", cannot)
    assert compiled.compiled(model, 1, 1) is None


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_STEPS", 2 * 2 * LENGTH - 1), ("MAX_BYTES", 1000)]
)
def test_a_large_network_is_not_unrolled(
    converted: Converter, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """Loading it would take too long, or too much memory."""
    model = ModelFile(converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH))
    monkeypatch.setattr(compiled, bound, value)
    monkeypatch.setattr(compiled, "CompiledWindows", lambda *_: pytest.fail("it was loaded"))
    assert compiled.compiled(model, 1, 1) is None
