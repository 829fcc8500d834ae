"""The fast backends against the definition, on architectures nobody trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.backends import tflite
from pi_runtime.backends.base import Backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.onnx import onnx_backend
from pi_runtime.backends.reference import float32_tolerance
from pi_runtime.model.file import ModelFile
from tests.helpers.architectures import ARCHITECTURES, Architecture, converting
from tests.helpers.backends import needs_interpreter, needs_onnx
from tests.helpers.commands import needs_tensorflow


def assert_computes(backend: Backend, architecture: Architecture, streams: int) -> None:
    """Assert that a backend gives the reference's probabilities after each window."""
    windows = architecture.windows()
    expected, bounds = float32_tolerance(architecture.network(), windows)
    session = backend.session(streams)
    for token_ids in windows[:streams].T:
        probabilities = session.step(token_ids.tolist())
    assert np.abs(probabilities.sum(axis=-1) - 1).max() < 1e-5
    deviation = np.abs(probabilities - expected[:streams]).max(axis=-1)
    assert (deviation <= bounds[:streams]).all(), (deviation, bounds)


@settings(max_examples=150, deadline=None)
@given(ARCHITECTURES, st.integers(1, 6))
def test_numpy_computes_any_architecture(architecture: Architecture, streams: int) -> None:
    backend = numpy_backend(architecture.network(), architecture.length)
    assert_computes(backend, architecture, streams)


@needs_onnx
@settings(max_examples=150, deadline=None)
@given(ARCHITECTURES, st.integers(1, 6))
def test_onnx_computes_any_architecture(architecture: Architecture, streams: int) -> None:
    backend = onnx_backend(architecture.network(), architecture.length)
    assert_computes(backend, architecture, streams)


@needs_tensorflow
@needs_interpreter
def test_tflite_and_its_mapped_weights_compute_any_architecture(tmp_path: Path) -> None:
    with converting() as convert:

        @settings(max_examples=50, deadline=None)
        @given(ARCHITECTURES, st.integers(1, 6))
        def check(architecture: Architecture, streams: int) -> None:
            path = tmp_path / "model.tflite"
            convert(architecture, path)
            model = ModelFile(path)
            assert_computes(tflite.load(model), architecture, streams)
            mapped = model.network().arrays()
            for name, array in architecture.network().arrays().items():
                np.testing.assert_array_equal(mapped[name], array, name)

        check()
