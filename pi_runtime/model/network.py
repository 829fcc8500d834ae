"""textgenrnn's network as plain arrays, in the one form everything here speaks.

    token ids → embedding → rnn_1 → … → rnn_L
    F = [embedding, rnn_1 … rnn_L] per step → attention-weighted average over steps → softmax

An LSTM's four gates lie side by side in the last axis as **input, forget, output, candidate**:
the three sigmoid gates together, so that one call computes them all. (Keras's order is input,
forget, candidate, output.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

EPSILON = 1e-7
"""Keras's epsilon: in the attention's denominator, and under the sampler's logarithm."""


@dataclass(frozen=True)
class Lstm:
    """One direction of one recurrent layer, of U units over inputs of width I."""

    kernel: FloatArray
    """[I, 4U], gates input, forget, output, candidate."""
    recurrent: FloatArray
    """[U, 4U]."""
    bias: FloatArray
    """[4U]."""

    @property
    def units(self) -> int:
        """U."""
        return int(self.recurrent.shape[0])


@dataclass(frozen=True)
class Network:
    """All weights. V classes (id 0 is padding), E embedding width, F = E + all layers' widths."""

    embedding: FloatArray
    """[V, E]."""
    layers: tuple[tuple[Lstm, ...], ...]
    """A layer is (forward,) or (forward, backward)."""
    attention: FloatArray
    """[F, 1]."""
    output_kernel: FloatArray
    """[F, V]."""
    output_bias: FloatArray
    """[V]."""

    @property
    def classes(self) -> int:
        """V."""
        return int(self.embedding.shape[0])

    @property
    def units(self) -> int:
        """U, the same in every layer."""
        return self.layers[0][0].units

    @cached_property  # each session asks
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    @property
    def bidirectional(self) -> bool:
        """Whether the layers also read the window backward."""
        return len(self.layers[0]) == 2

    def feature_blocks(self) -> dict[str, slice]:
        """Return where each source of features lies in F: the embedding, then each layer."""
        widths = {"embedding": self.embedding.shape[1]}
        for number, layer in enumerate(self.layers, 1):
            widths[f"rnn_{number}"] = self.units * len(layer)
        ends = np.cumsum([0, *widths.values()]).tolist()
        return {name: slice(*ends[at : at + 2]) for at, name in enumerate(widths)}

    def arrays(self) -> dict[str, FloatArray]:
        """Return every array under its name, e.g. `rnn_1/forward/kernel`."""
        named = {"embedding": self.embedding}
        for number, layer in enumerate(self.layers, 1):
            for direction, lstm in zip(("forward", "backward"), layer, strict=False):
                for part in ("kernel", "recurrent", "bias"):
                    named[f"rnn_{number}/{direction}/{part}"] = getattr(lstm, part)
        for name, block in self.feature_blocks().items():
            named[f"attention/{name}"] = self.attention[block]
        named["output/kernel"] = self.output_kernel
        named["output/bias"] = self.output_bias
        return named

    @classmethod
    def from_arrays(cls, named: dict[str, FloatArray], layers: int, bidirectional: bool) -> Network:
        """Build a network from `arrays()`'s names; attention vectors may come folded in rows.

        Raises:
            ValueError: an array is missing, left over, or of the wrong shape.
        """
        rest = dict(named)
        directions = ("forward", "backward") if bidirectional else ("forward",)
        try:
            network = cls(
                rest.pop("embedding"),
                tuple(
                    tuple(
                        Lstm(
                            *(
                                rest.pop(f"rnn_{number}/{direction}/{part}")
                                for part in ("kernel", "recurrent", "bias")
                            )
                        )
                        for direction in directions
                    )
                    for number in range(1, layers + 1)
                ),
                np.concatenate(
                    [
                        rest.pop(f"attention/{name}").reshape(-1, 1)
                        for name in ("embedding", *(f"rnn_{n}" for n in range(1, layers + 1)))
                    ]
                ),
                rest.pop("output/kernel"),
                rest.pop("output/bias"),
            )
        except KeyError as missing:
            raise ValueError(f"the array {missing.args[0]} is missing") from None
        if rest:
            raise ValueError(f"the array {min(rest)} does not belong to this architecture")
        network.check()
        return network

    def check(self) -> None:
        """Check that the shapes fit each other.

        Raises:
            ValueError: naming the first array that does not fit.
        """
        if not self.layers:
            raise ValueError("there is no recurrent layer")
        if self.embedding.ndim != 2:
            raise ValueError(f"embedding has {self.embedding.ndim} axes, not 2")
        units = self.layers[0][0].recurrent.shape[0]
        classes, inputs = self.embedding.shape
        features = inputs
        expected: dict[str, tuple[int, ...]] = {}
        for number, layer in enumerate(self.layers, 1):
            for direction, _ in zip(("forward", "backward"), layer, strict=False):
                name = f"rnn_{number}/{direction}"
                expected[f"{name}/kernel"] = (inputs, 4 * units)
                expected[f"{name}/recurrent"] = (units, 4 * units)
                expected[f"{name}/bias"] = (4 * units,)
            inputs = units * len(layer)
            features += inputs
        for name, block in self.feature_blocks().items():
            expected[f"attention/{name}"] = (block.stop - block.start, 1)
        expected["output/kernel"] = (features, classes)
        expected["output/bias"] = (classes,)
        # `arrays` cuts the attention into blocks, and NumPy cuts short without a word.
        if self.attention.shape != (features, 1):
            raise ValueError(
                f"attention has shape {list(self.attention.shape)}, not {[features, 1]}"
            )
        named = self.arrays()
        for name, shape in expected.items():
            if named[name].shape != shape:
                raise ValueError(f"{name} has shape {list(named[name].shape)}, not {list(shape)}")
