"""Backends of the networks that all of them are held to."""

from __future__ import annotations

import pytest

from pi_runtime.backends import tflite
from pi_runtime.backends.base import Backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import ReferenceBackend
from pi_runtime.backends.tflite.interpreter import installed_runtime
from pi_runtime.model.file import ModelFile
from tests.helpers.conversion import Converter
from tests.helpers.networks import LENGTH, NETWORKS

HAS_INTERPRETER = installed_runtime() is not None

needs_interpreter = pytest.mark.skipif(
    not HAS_INTERPRETER, reason="no TFLite interpreter is installed"
)


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
        if not HAS_INTERPRETER:
            pytest.skip("no TFLite interpreter is installed")
        path = self._converted.small(f"small-{name}", network, LENGTH)
        return tflite.load(ModelFile(path))
