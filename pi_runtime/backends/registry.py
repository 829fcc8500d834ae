"""Which backends there are, and which one runs a model here.

Imported by commands that must start within milliseconds, so it imports a backend only to load it.
"""

from __future__ import annotations

import sys

from pi_runtime.errors import BackendError

TYPE_CHECKING = False  # typing itself would cost a warm one-off a tenth of its start
if TYPE_CHECKING:
    from pi_runtime.backends.base import Backend
    from pi_runtime.model.file import ModelFile

BACKENDS = {
    "tflite": "pi_runtime.backends.tflite",
    "onnx": "pi_runtime.backends.onnx",
    "numpy": "pi_runtime.backends.numpy",
}
"""By name: modules with `load(model: ModelFile, threads: int) -> Backend`."""

NARROW = sys.maxsize < 2**32
"""Whether this is a 32-bit process."""


def fastest_first(model: ModelFile) -> list[str]:
    """Return the backends that "auto" tries for a model, the last of which runs everywhere."""
    from importlib.util import find_spec

    order = ["tflite", "onnx", "numpy"]
    if model.config.rnn_bidirectional and model.manifest.quantization == "float32":
        order = ["onnx", "tflite", "numpy"]
    if NARROW:
        # XNNPACK's 32-bit kernels approximate functions up to 7e-5 off (seen on emulated armhf),
        # which changes texts.
        order.remove("tflite")
    if not find_spec("onnxruntime"):  # which nobody has to have
        order.remove("onnx")
    return order


class LoadedBackend:
    """A backend, and why it is not the one that "auto" tried first (None if it is)."""

    def __init__(self, backend: Backend, fallback_reason: str | None) -> None:
        self.backend = backend
        self.fallback_reason = fallback_reason


def load_backend(
    model: ModelFile, name: str = "auto", threads: int = 1, *, verify: bool = False
) -> LoadedBackend:
    """Load the backend `name` for a model; "auto" takes the fastest one that can run it here.

    The model is proved first, if it was not before (see `proof`). With `verify`, its golden windows
    are computed once more, by the very backend that is returned.

    Raises:
        BackendError: the backend asked for cannot be had, cannot run this file, or computes
            something else than the converter did; or the file is forged.
    """
    if name != "auto":
        if name not in BACKENDS:
            raise BackendError(
                f"no backend is called {name!r}", f"take {', '.join(['auto', *BACKENDS])}"
            )
        return LoadedBackend(_load(model, name, threads, verify), None)
    *candidates, last = fastest_first(model)
    reason: str | None = None
    for candidate in candidates:
        try:
            return LoadedBackend(_load(model, candidate, threads, verify), reason)
        except BackendError as error:
            from pi_runtime.backends.proof import ForgedModelError

            if isinstance(error, ForgedModelError):
                raise  # it is not even believed where NumPy agrees with it
            reason = reason or str(error)
    return LoadedBackend(_load(model, last, threads, verify), reason)


def _load(model: ModelFile, name: str, threads: int, verify: bool) -> Backend:
    from importlib import import_module

    from pi_runtime.backends.proof import prove

    prove(model, name)
    backend: Backend = import_module(BACKENDS[name]).load(model, threads)
    if verify:
        from pi_runtime.backends.selfcheck import passes

        if not passes(backend, model.golden()):
            raise BackendError(
                f"{name} computes wrong numbers from {model.name} here",
                "copy or convert it again",
            )
    return backend
