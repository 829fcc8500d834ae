"""The network in ONNX Runtime, built from the file's arrays: nothing of a stranger's graph runs.

Optional (`pip install textgenrnn-pi[onnx]`): where no TFLite interpreter can be had, as on 32-bit
Debian 13, which has it as a package, and for bidirectional networks.
"""

from __future__ import annotations

from pi_runtime.backends.base import Backend
from pi_runtime.backends.onnx.in_flight import OnnxInFlight
from pi_runtime.backends.onnx.whole_window import OnnxWholeWindow
from pi_runtime.errors import BackendError, shown
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import Network

MAX_BYTES = 2**31 - 2**20
"""Of weights: a protobuf message has less than 2 GiB."""


def load(model: ModelFile, threads: int = 1) -> Backend:
    """Return the ONNX Runtime backend for a model.

    Raises:
        BackendError: ONNX Runtime is not installed, or cannot run this network.
        ModelFileError: an array does not lie where the manifest says it does.
    """
    network = model.network()
    if network.nbytes > MAX_BYTES:
        raise cannot_run(model, "it takes less than 2 GiB of weights")
    try:
        return onnx_backend(network, model.config.max_length, threads)
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - it raises classes of its own, and others
        raise cannot_run(model, (str(error).splitlines() or [repr(error)])[0]) from None


def cannot_run(model: ModelFile, reason: str) -> BackendError:
    """Return the error that says why ONNX Runtime does not run a model."""
    return BackendError(
        f"ONNX Runtime here cannot run {model.name} ({shown(reason, 200)})", "take --backend numpy"
    )


def onnx_backend(network: Network, max_length: int, threads: int = 1) -> Backend:
    """Return the ONNX Runtime backend for a network's kind.

    Raises:
        BackendError: ONNX Runtime is not installed.
    """
    kind = OnnxWholeWindow if network.bidirectional else OnnxInFlight
    return kind(network, max_length, threads)
