"""The fast backends against the definition, on architectures nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.backends import Backend, load_backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import ReferenceBackend, float32_tolerance
from pi_runtime.backends.selfcheck import deviations, passes
from pi_runtime.backends.tflite import installed_runtime, tflite_backend
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile, pack_model
from pi_runtime.model.network import Network
from tests.architectures import ARCHITECTURES, Architecture, allowed, converting
from tests.checkpoints import (
    config_of,
    packed_model,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.conftest import needs_tensorflow
from tests.test_model_file import members

LENGTH = 7


def assert_computes(backend: Backend, network: Network, windows: np.ndarray) -> None:
    """Assert that a backend gives the reference's probabilities after each window."""
    expected, tolerances = float32_tolerance(network, windows)
    backend.reset(len(windows))
    for tokens in windows.T:
        answer = backend.advance(tokens.tolist())
    deviation = np.abs(answer - expected).max(axis=-1)
    assert (deviation <= tolerances).all(), (deviation, tolerances)


def assert_computes_in_flight(backend: Backend, architecture: Architecture, streams: int) -> None:
    windows = architecture.windows()
    expected, bounds = allowed(architecture.network(), windows)
    backend.reset(streams)
    for tokens in windows[:streams].T:
        answer = backend.advance(tokens.tolist())
    assert np.abs(answer.sum(axis=-1) - 1).max() < 1e-5
    assert (np.abs(answer - expected[:streams]).max(axis=-1) <= bounds[:streams]).all()


@settings(max_examples=150, deadline=None)
@given(ARCHITECTURES, st.integers(1, 6))
def test_numpy_computes_any_architecture(architecture: Architecture, streams: int) -> None:
    backend = numpy_backend(architecture.network(), architecture.length)
    assert_computes_in_flight(backend, architecture, streams)


@needs_tensorflow
@pytest.mark.skipif(not installed_runtime(), reason="no TFLite interpreter is installed")
def test_tflite_and_its_mapped_weights_compute_any_architecture(tmp_path: Path) -> None:
    with converting() as convert:

        @settings(max_examples=50, deadline=None)
        @given(ARCHITECTURES, st.integers(1, 6))
        def check(architecture: Architecture, streams: int) -> None:
            path = tmp_path / "model.tflite"
            convert(architecture, path)
            model = ModelFile(path)
            assert_computes_in_flight(tflite_backend(model), architecture, streams)
            mapped = model.network().arrays()
            for name, array in architecture.network().arrays().items():
                np.testing.assert_array_equal(mapped[name], array, name)

        check()


def test_attention_survives_logits_beyond_the_exponential() -> None:
    network = small_network(units=8, layers=2)
    network.attention[:] *= 1e4  # logits of thousands; float32's exp ends at 88
    windows = np.random.RandomState(0).randint(0, 12, (4, LENGTH))
    answer = numpy_backend(network, LENGTH)
    assert_computes(answer, network, windows)


NETWORKS = {
    "forward": small_network(1, classes=30, units=16, layers=2),
    "forward-deep": small_network(2, classes=30, units=8, layers=4),
    "forward-one-unit": small_network(3, classes=30, embedding=1, units=1, layers=1),
    "both-ways": small_network(4, classes=30, units=9, layers=2, bidirectional=True),
    "both-ways-deep": small_network(5, classes=30, units=8, layers=4, bidirectional=True),
    "extreme": small_network(6, classes=30, units=12, layers=2, scale=8.0),
    "extreme-both-ways": small_network(7, classes=30, units=6, bidirectional=True, scale=8.0),
}


@pytest.fixture(params=["reference", "numpy", "tflite"])
def make(
    request: pytest.FixtureRequest, converted: Callable[..., Path], tmp_path: Path
) -> Callable[[str], tuple[Backend, Network]]:
    """Return what makes each kind of backend for one of the architectures."""

    def make(name: str) -> tuple[Backend, Network]:
        network = NETWORKS[name]
        if request.param == "reference":
            return ReferenceBackend(network, LENGTH), network
        if request.param == "numpy":
            return numpy_backend(network, LENGTH), network
        if not installed_runtime():
            pytest.skip("no TFLite interpreter is installed")
        weights = tmp_path / f"{name}_weights.hdf5"
        if not (path := converted.folder / f"small-{name}.tflite").exists():  # type: ignore[attr-defined]
            pytest.importorskip("h5py")
            write_weights(weights, network)
            write_sidecars(tmp_path, name, small_vocab(30), config_of(network, LENGTH))
            path = converted(f"small-{name}", weights)
        return tflite_backend(ModelFile(path)), network

    return make


Make = Callable[[str], tuple[Backend, Network]]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backend_computes_the_network(make: Make, name: str) -> None:
    backend, network = make(name)
    random = np.random.RandomState(0)
    for streams in (1, 3, 4, 5, 9):
        assert_computes(backend, network, random.randint(0, 30, (streams, LENGTH)))
    # Longer than a window: what is older than T tokens leaves no trace.
    long = random.randint(0, 30, (2, 3 * LENGTH))
    backend.reset(2)
    for tokens in long.T:
        answer = backend.advance(tokens.tolist())
    expected, tolerances = float32_tolerance(network, long[:, -LENGTH:])
    assert (np.abs(answer - expected).max(axis=-1) <= tolerances).all()


@pytest.mark.parametrize("name", ["forward", "both-ways"])
def test_streams_are_independent_however_they_are_rearranged(make: Make, name: str) -> None:
    backend, network = make(name)
    random = np.random.RandomState(0)
    windows = [[0] * LENGTH for _ in range(3)]
    backend.reset(3)
    for round_ in range(40):
        tokens = random.randint(0, 30, len(windows)).tolist()
        windows = [[*w[1:], t] for w, t in zip(windows, tokens, strict=True)]
        answer = backend.advance(tokens)
        expected, tolerances = float32_tolerance(network, np.array(windows))
        assert (np.abs(answer - expected).max(axis=-1) <= tolerances).all(), round_
        if round_ % 3 == 2:
            sources = [
                None if random.rand() < 0.3 else int(random.randint(len(windows)))
                for _ in range(random.randint(1, 11))
            ]
            windows = [[0] * LENGTH if s is None else windows[s] for s in sources]
            backend.rearrange(sources)


def test_a_reset_leaves_no_trace(make: Make) -> None:
    backend, _ = make("forward")
    backend.reset()
    first = backend.advance([3]).copy()
    for token in range(20):
        backend.advance([token])
    backend.reset()
    np.testing.assert_array_equal(backend.advance([3]), first)


def test_golden_windows_pass_and_wrong_weights_do_not(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    golden = ModelFile(path).golden()
    assert passes(numpy_backend(small_network(), 8), golden)
    wrong = numpy_backend(small_network(seed=9), 8)
    assert not passes(wrong, golden)
    broken = small_network()
    broken.output_bias[0] = np.nan
    assert deviations(numpy_backend(broken, 8), golden) == [np.inf] * 3
    assert not passes(numpy_backend(broken, 8), golden)


def test_a_backend_that_computes_wrong_numbers_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi_runtime import backends

    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    assert load_backend(ModelFile(path), "numpy", proved=True)[0].name == "numpy"
    flatbuffer, contents = members(path.read_bytes())
    contents["golden.json"]["probabilities"][0][0] += 0.5
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(pack_model(flatbuffer, contents))
    with pytest.raises(BackendError, match="numpy computes wrong numbers"):
        load_backend(ModelFile(wrong), proved=True)
    if not installed_runtime():
        return
    from pi_runtime.backends import tflite

    # As on a board whose interpreter rounds too coarsely.
    monkeypatch.setattr(tflite, "tflite_backend", lambda *_: numpy_backend(small_network(9), 8))
    backend, note = load_backend(ModelFile(path), proved=True)
    assert passes(backend, ModelFile(path).golden())
    assert "computes wrong numbers" in note
    monkeypatch.setattr(backends, "NARROW", True)
    backend, note = load_backend(ModelFile(path))
    assert passes(backend, ModelFile(path).golden())
    assert note == ""
