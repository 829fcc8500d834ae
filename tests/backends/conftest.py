"""Fixtures for the backends."""

from __future__ import annotations

import pytest

from tests.helpers.backends import BackendMaker
from tests.helpers.conversion import Converter


@pytest.fixture(params=["reference", "numpy", "onnx", "tflite"])
def make(request: pytest.FixtureRequest, converted: Converter) -> BackendMaker:
    """What makes each kind of backend in turn."""
    return BackendMaker(request.param, converted)
