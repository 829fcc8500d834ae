"""No graph from another hand is run before a process of its own has proved it here.

A TFLite interpreter is C++ that follows a file's offsets on trust: of random single-byte changes
to a graph 15 % crash it or let it loop. So a file that was not proved here before is first read by
`flatbuffer.check_graph`, and then run by `trial` in a child process. It counts as proved if the
child lives and both NumPy and the interpreter compute the golden windows: what NumPy reads from the
file's arrays and what the graph computes are the same network. That costs a process once per file,
and then a look into a folder (`remembered`).

The graph without loops that may take over later (`tflite.compiled`) and ONNX Runtime's are this
package's own, written from those arrays: they need no trial, and are only asked for the golden
windows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pi_runtime.backends.remembered import recall, remember
from pi_runtime.backends.tflite.interpreter import installed_interpreter
from pi_runtime.errors import BackendError, shown
from pi_runtime.model.file import ModelFile

WALL_SECONDS = 120.0
"""How long a trial may take by the clock; the processor's time is bounded more closely."""

COARSE = 1e-3
"""The largest |Δp| that an interpreter's way of rounding may explain. More is another network."""


class ForgedModelError(BackendError):
    """A file whose graph crashes, hangs, or is not the network that its arrays are."""


def prove(model: ModelFile, name: str) -> None:
    """Prove that the backend `name` computes a model's golden windows, if that is not known.

    Raises:
        BackendError: it does not, or cannot run the file.
        ForgedModelError: the file is not to be run at all.
        ModelFileError: its golden windows or arrays are damaged.
    """
    computed_by = _computed_by(name)
    refused = recall(model.sha256, computed_by)
    if refused is None:
        if name == "tflite":
            refused = _prove_graph(model)
            remember(model.sha256, "numpy")
        else:
            _prove_arrays(model)
            refused = _wrong_in_onnx(model) if name == "onnx" else ""
        remember(model.sha256, computed_by, refused)
    if refused:
        if name == "onnx":
            from pi_runtime.backends.onnx import cannot_run
        else:
            from pi_runtime.backends.tflite import cannot_run
        raise cannot_run(model, refused)


def _computed_by(name: str) -> str:
    """Return what computes, and what changes with its version."""
    if name == "numpy":
        return name
    if name == "onnx":
        from pi_runtime.backends.onnx.runtime import version

        return version()
    return _interpreter()


def _interpreter() -> str:
    """Return the interpreter's name and what changes with its version."""
    module = sys.modules[installed_interpreter().__module__]
    package = sys.modules[module.__name__.partition(".")[0]]
    status = Path(module.__file__ or "").stat()
    version = getattr(package, "__version__", "")
    return f"{module.__name__} {version} {status.st_size} {status.st_mtime_ns}"


def _prove_arrays(model: ModelFile) -> None:
    from pi_runtime.backends.reference import window_probabilities
    from pi_runtime.backends.selfcheck import distances, within

    golden = model.golden()
    found = window_probabilities(model.network(), golden.windows)
    if not within(distances(found, golden), golden.tolerances):
        raise BackendError(
            f"numpy computes wrong numbers from {model.name} here", "copy or convert it again"
        )


def _wrong_in_onnx(model: ModelFile) -> str:
    """Return what is wrong with what ONNX Runtime computes, or ""."""
    from pi_runtime.backends.onnx import load
    from pi_runtime.backends.selfcheck import passes

    return "" if passes(load(model), model.golden()) else "it computes wrong numbers"


def _prove_graph(model: ModelFile) -> str:
    """Return why the interpreter does not take the file, or "" if it computes it rightly."""
    from pi_runtime.backends.selfcheck import within
    from pi_runtime.model.flatbuffer import check_graph

    tolerances = model.golden().tolerances
    model.network()  # what is wrong with it is best said by itself
    try:
        check_graph(model.flatbuffer, loops=model.config.rnn_bidirectional)
    except ValueError as error:
        _prove_arrays(model)
        return str(error)
    found = _try(model)
    if not within(found["numpy"], tolerances):
        raise BackendError(
            f"numpy computes wrong numbers from {model.name} here", "copy or convert it again"
        )
    if "tflite" not in found:
        return str(found.get("refused"))
    if not within(found["tflite"], tolerances):
        rounding = within(found["tflite"], [COARSE] * len(tolerances))
        raise (BackendError if rounding else ForgedModelError)(
            f"tflite computes wrong numbers from {model.name} here", "copy or convert it again"
        )
    return ""


def _try(model: ModelFile) -> dict[str, Any]:
    """Return what a child process found.

    Raises:
        ForgedModelError: it crashed or hung.
        BackendError: it could not be tried.
    """
    import json
    import subprocess

    try:
        done = subprocess.run(
            # -P: nothing is imported from the folder that the user happens to be in.
            [sys.executable, "-X", "utf8", "-P", "-m", "pi_runtime.backends.trial"],
            input=model.content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECONDS,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise _untrusted(model, "does not come to an end in the TFLite interpreter") from None
    except OSError as error:
        raise _untried(model, error.strerror or str(error)) from None
    if done.returncode:
        raise _judged(model, done.returncode)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise _untrusted(model, "ends the TFLite interpreter without a word") from None
    return found


def _judged(model: ModelFile, code: int) -> BackendError:
    """Return what a trial's exit code means."""
    import signal

    if code in (1, 2):  # Python's own: the trial did not come to the interpreter
        return _untried(model, f"exit code {code}")
    if -code == getattr(signal, "SIGPROF", None):
        return _untrusted(model, "does not come to an end in the TFLite interpreter")
    name = next((each.name for each in signal.Signals if each == -code), f"signal {-code}")
    return _untrusted(model, f"ends the TFLite interpreter with {name}")


def _untried(model: ModelFile, why: str) -> BackendError:
    return BackendError(
        f"{model.name} could not be tried in a process of its own ({shown(why)})",
        "take --backend numpy",
    )


def _untrusted(model: ModelFile, how: str) -> ForgedModelError:
    return ForgedModelError(
        f"{model.name} {how}: it is damaged or forged",
        "convert it again; --backend numpy runs none of it",
    )
