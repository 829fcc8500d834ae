"""Backends of the networks that all of them are held to."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pi_runtime.backends import tflite
from pi_runtime.backends.base import Backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.onnx import onnx_backend
from pi_runtime.backends.reference import ReferenceBackend
from pi_runtime.backends.tflite.interpreter import installed_runtime
from pi_runtime.model.file import ModelFile
from tests.helpers.conversion import Converter
from tests.helpers.networks import LENGTH, NETWORKS

HAS_INTERPRETER = installed_runtime() is not None
HAS_ONNX = find_spec("onnxruntime") is not None

needs_interpreter = pytest.mark.skipif(
    not HAS_INTERPRETER, reason="no TFLite interpreter is installed"
)

needs_onnx = pytest.mark.skipif(not HAS_ONNX, reason="ONNX Runtime is not installed")


def skip_without(kind: str) -> None:
    """Skip a test whose backend is not installed."""
    if kind == "tflite" and not HAS_INTERPRETER:
        pytest.skip("no TFLite interpreter is installed")
    if kind == "onnx" and not HAS_ONNX:
        pytest.skip("ONNX Runtime is not installed")


class BackendMaker:
    """Makes one kind of backend of any of `NETWORKS`, or skips the test if it cannot."""

    def __init__(self, kind: str, converted: Converter) -> None:
        self.kind = kind
        self._converted = converted

    def __call__(self, name: str) -> Backend:
        """Return a new backend of a network."""
        network = NETWORKS[name]
        if self.kind == "reference":
            return ReferenceBackend(network, LENGTH)
        if self.kind == "numpy":
            return numpy_backend(network, LENGTH)
        skip_without(self.kind)
        if self.kind == "onnx":
            return onnx_backend(network, LENGTH)
        path = self._converted.small(f"small-{name}", network, LENGTH)
        return tflite.load(ModelFile(path))
