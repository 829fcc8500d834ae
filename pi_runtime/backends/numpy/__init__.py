"""The network in NumPy: runs on every board, straight from the mapped file."""

from __future__ import annotations

from pi_runtime.backends.base import Backend
from pi_runtime.backends.numpy.in_flight import NumpyInFlight
from pi_runtime.backends.numpy.whole_window import NumpyWholeWindow
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import Network


def load(model: ModelFile, threads: int = 1) -> Backend:
    """Return the NumPy backend for a model; it always runs in the calling thread alone.

    Raises:
        ModelFileError: an array does not lie where the manifest says it does.
    """
    return numpy_backend(model.network(), model.config.max_length)


def numpy_backend(network: Network, max_length: int) -> Backend:
    """Return the NumPy backend for a network's kind."""
    if network.bidirectional:
        return NumpyWholeWindow(network, max_length)
    return NumpyInFlight(network, max_length)
