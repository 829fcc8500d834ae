"""The network in a TFLite interpreter: LiteRT or tflite-runtime, whichever is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pi_runtime.backends.base import Backend
from pi_runtime.backends.quiet import quiet_stderr
from pi_runtime.backends.tflite.in_flight import TfliteInFlight
from pi_runtime.backends.tflite.interpreter import installed_interpreter
from pi_runtime.backends.tflite.whole_window import SETTLED, TfliteWholeWindow
from pi_runtime.errors import BackendError, shown
from pi_runtime.model.file import ModelFile

if TYPE_CHECKING:
    from pi_runtime.backends.tflite.compiled import CompiledWindows


def load(
    model: ModelFile, threads: int = 1, interpreter: Callable[..., Any] | None = None
) -> Backend:
    """Return the TFLite backend for a model's kind of network.

    `interpreter` is the class to use instead of the one installed.

    Raises:
        BackendError: no interpreter is installed, or it cannot run this file.
    """
    kind = interpreter or installed_interpreter()
    try:
        return build(model, threads, kind)
    except Exception as error:  # noqa: BLE001 - interpreters raise whatever they like
        raise cannot_run(model, (str(error).splitlines() or [repr(error)])[0]) from None


def cannot_run(model: ModelFile, reason: str) -> BackendError:
    """Return the error that says why an interpreter does not run a model."""
    return BackendError(
        f"the TFLite interpreter here cannot run {model.name} ({shown(reason, 200)})",
        'take --backend numpy, or another interpreter: pip install "textgenrnn-pi[litert]"',
    )


def build(
    model: ModelFile, threads: int, interpreter: Callable[..., Any], *, compiling: bool = True
) -> Backend:
    """Return the TFLite backend; whatever the interpreter raises is raised.

    Unless `compiling`, all that it ever runs is the file's own graph.
    """

    def make(threads: int) -> Any:
        with quiet_stderr():
            # The bytes that were checked, and not the path: the file may be another by now.
            return interpreter(model_content=model.content, num_threads=threads)

    def compile_(streams: int) -> CompiledWindows | None:
        if not compiling or not interpreter.__module__.startswith("ai_edge_litert"):
            return None
        from pi_runtime.backends.tflite import compiled

        return compiled.compiled(model, streams, threads)

    if model.config.rnn_bidirectional:
        settled = SETTLED[model.manifest.quantization]
        return TfliteWholeWindow(lambda: make(threads), compile_, threads, settled)
    return TfliteInFlight(make, threads, model.config.rnn_layers, len(model.flatbuffer))
