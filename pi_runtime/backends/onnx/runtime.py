"""ONNX Runtime: whether it is installed, and sessions of it."""

from __future__ import annotations

import os
from typing import Any

from pi_runtime.backends.onnx.graph import Graph
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.errors import BackendError


def installed_onnxruntime() -> Any:
    """Return the module, which is to send nothing to anybody unless the environment says so.

    Since 1.29 its wheels report each session to Microsoft from a thread of their own, and keep the
    reports under ~/.cache until they are sent.

    Raises:
        BackendError: it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with quiet_stderr():  # it warns of graphics cards that it cannot make out, as on a Pi
            import onnxruntime
    except ImportError:
        raise BackendError(
            "ONNX Runtime is not installed",
            "take another --backend, or pip install 'textgenrnn-pi[onnx]'",
        ) from None
    return onnxruntime


def version() -> str:
    """Return what changes with each version."""
    return f"onnxruntime {installed_onnxruntime().__version__}"


def open_session(graph: Graph, threads: int) -> Any:
    """Return an InferenceSession of a graph, which any threads may run at once."""
    runtime = installed_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised
    # A thread that spins while it waits would take a core from the speech.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(graph.to_bytes(), options, providers=["CPUExecutionProvider"])
