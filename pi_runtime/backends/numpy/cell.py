"""One LSTM cell, or a row of them side by side, in the fewest NumPy calls that it takes.

A step of a single cell is so small that calling NumPy costs as much as computing. So the cell's
state lies behind the candidate, and one product serves both halves of the sum:

    output | input forget | candidate state
             input forget × candidate state, added up: the new state
"""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.in_flight import Float32
from pi_runtime.backends.numpy.gates import HALF, for_tanh
from pi_runtime.model.network import FloatArray


def for_cell(weights: FloatArray) -> Float32:
    """Return a copy of weights [..., 4U] with the gates in a cell's order, ready for tanh."""
    input_, forget, output, candidate = np.split(for_tanh(weights), 4, axis=-1)
    return np.concatenate([output, input_, forget, candidate], axis=-1)


class Cell:
    """U units, each a row of as many columns as there are windows; without columns, of one."""

    def __init__(self, units: int, *columns: int) -> None:
        every = np.empty((5 * units, *columns), np.float32)
        self.gates = every[: 4 * units]
        """What the caller fills for a step, by weights that `for_cell` arranged: [4U, …]."""
        self._sigmoids = every[: 3 * units]
        self._output = every[:units]
        self._factors = every[units : 3 * units]
        self._terms = every[3 * units :]
        self._state = every[4 * units :]
        products = np.empty((2 * units, *columns), np.float32)
        self._products, self._new, self._kept = products, products[:units], products[units:]

    def clear(self) -> None:
        """Begin a sequence."""
        self._state[:] = 0

    def step(self, output: Float32) -> None:
        """Turn the gates and the state into the next state and `output`, [U, …]."""
        np.tanh(self.gates, out=self.gates)
        np.multiply(self._sigmoids, HALF, out=self._sigmoids)
        np.add(self._sigmoids, HALF, out=self._sigmoids)
        np.multiply(self._factors, self._terms, out=self._products)
        np.add(self._new, self._kept, out=self._state)
        np.tanh(self._state, out=self._new)
        np.multiply(self._output, self._new, out=output)
