"""A backend is judged by the golden windows of its model."""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.selfcheck import deviations, passes
from pi_runtime.model.file import ModelFile
from tests.helpers.checkpoints import packed_model, small_network

GOLDEN = ModelFile.from_bytes(packed_model(small_network())).golden()


def test_the_right_weights_pass() -> None:
    backend = numpy_backend(small_network(), 8)
    assert passes(backend, GOLDEN)
    found = deviations(backend, GOLDEN)
    assert len(found) == 3
    assert all(0 <= d <= t for d, t in zip(found, GOLDEN.tolerances, strict=True))


def test_wrong_weights_do_not() -> None:
    assert not passes(numpy_backend(small_network(seed=9), 8), GOLDEN)


def test_nan_is_the_largest_deviation_there_is() -> None:
    broken = small_network()
    broken.output_bias[0] = np.nan
    backend = numpy_backend(broken, 8)
    assert deviations(backend, GOLDEN) == [np.inf] * 3
    assert not passes(backend, GOLDEN)
