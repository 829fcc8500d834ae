"""The output layer, which both kinds of network share; with many classes it is most of the work."""

from __future__ import annotations

import numpy as np

from pi_runtime.backends.in_flight import Float32
from pi_runtime.model.network import Network

FEW_ROWS, LARGE = 16, 1 << 20
"""For a product of fewer rows with a matrix of more values, BLAS copies the matrix first: that is
slower than to read it once for each row."""


def output_layer(network: Network, average: Float32) -> Float32:
    """Return the probabilities [streams, V] after complete attention averages [streams, F]."""
    kernel = network.output_kernel
    if kernel.size > LARGE and len(average) < FEW_ROWS:
        logits: Float32 = np.stack([row @ kernel for row in average])
    else:
        logits = average @ kernel
    logits += network.output_bias
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits
