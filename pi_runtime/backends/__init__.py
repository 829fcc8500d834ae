"""What computes the network: one Protocol, a plain definition, and two that are fast.

`reference` defines the result; `numpy` and `tflite` reproduce it to float32 rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile

NARROW = sys.maxsize < 2**32
"""Whether this is a 32-bit process."""


class Backend(Protocol):
    """A batch of independent token streams through one network.

    A stream that has taken k tokens holds the window of its last T of them, left-padded with id
    0. Streams are numbered from 0; what one does never shows in another.
    """

    name: str

    def reset(self, streams: int = 1) -> None:
        """Begin anew with so many streams, each an empty window."""

    def rearrange(self, sources: Sequence[int | None]) -> None:
        """Renumber the streams: new stream i continues old stream `sources[i]`.

        None stands for a fresh, empty one; old streams not named are dropped.
        """

    def advance(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Give every stream its next token id; return the probabilities after it, [streams, V].

        The array is valid until the next call.
        """


def load_backend(
    model: ModelFile, name: str = "auto", threads: int = 1, *, proved: bool = False
) -> tuple[Backend, str]:
    """Return the backend `name` for a model, and why it is not TFLite where "auto" fell back.

    "auto" is TFLite, but NumPy in a 32-bit process: there XNNPACK approximates its functions up to
    7e-5 off (seen on emulated armhf), which changes texts. With `proved`, the model's golden
    windows are computed first.

    Raises:
        BackendError: the backend asked for cannot be had, cannot run this file, or, `proved`,
            computes something else than the converter did.
    """
    if name not in ("auto", "tflite", "numpy"):
        raise BackendError(f"no backend is called {name!r}", "take auto, tflite or numpy")
    note = ""
    if name == "tflite" or (name == "auto" and not NARROW):
        try:
            from pi_runtime.backends.tflite import tflite_backend

            backend = tflite_backend(model, threads)
            if proved:
                _prove(backend, model)
        except BackendError as error:
            if name == "tflite":
                raise
            note = str(error)
        else:
            return backend, ""
    from pi_runtime.backends.numpy import numpy_backend

    backend = numpy_backend(model.network(), model.config.max_length)
    if proved:
        _prove(backend, model)
    return backend, note


def _prove(backend: Backend, model: ModelFile) -> None:
    from pi_runtime.backends.selfcheck import passes

    if not passes(backend, model.golden()):
        raise BackendError(
            f"{backend.name} computes wrong numbers from {model.path} here",
            "copy it anew, or convert anew",
        )
