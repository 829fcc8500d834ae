"""A step's gates, which both kinds of network share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pi_runtime.backends.in_flight import Float32
from pi_runtime.model.network import FloatArray

HALF = np.float32(0.5)


def for_tanh(weights: FloatArray) -> Float32:
    """Halve the sigmoid gates' columns, which is exact: sigmoid(x) = tanh(x / 2) / 2 + 1/2.

    One tanh then computes all four gates.
    """
    copy = np.array(weights, np.float32, order="C")
    copy[..., : weights.shape[-1] // 4 * 3] *= np.float32(0.5)
    return copy


class Gates:
    """Buffers for the gates of a step.

    `axis` is where the gates lie side by side: 0 for [4U, columns], -1 for [..., 4U]. The views are
    made once: in a loop over steps, making them would cost as much as computing.
    """

    def __init__(self, shape: Sequence[int], axis: int) -> None:
        self.all = np.empty(shape, np.float32)
        quarters = np.split(self.all, 4, axis)
        self._sigmoids = np.split(self.all, [shape[axis] // 4 * 3], axis)[0]
        self._input, self._forget, self._output, self._candidate = quarters
        self._scratch = np.empty_like(self._input)

    def step(self, cell: Float32, output: Float32) -> None:
        """Turn `all`, as weights `for_tanh` leave it, and `cell`, in place, into `output`."""
        np.tanh(self.all, out=self.all)
        np.multiply(self._sigmoids, HALF, out=self._sigmoids)
        np.add(self._sigmoids, HALF, out=self._sigmoids)
        np.multiply(self._input, self._candidate, out=self._scratch)
        np.multiply(self._forget, cell, out=cell)
        np.add(cell, self._scratch, out=cell)
        np.tanh(cell, out=self._scratch)
        np.multiply(self._output, self._scratch, out=output)
