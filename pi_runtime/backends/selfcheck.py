"""Does a backend compute, here and now, what the converter computed? The golden windows tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Backend
from pi_runtime.backends.whole_window import Probabilities, WholeWindowBackend
from pi_runtime.model.manifest import Golden


def deviations(backend: Backend, golden: Golden) -> list[float]:
    """Return the largest |Δp| of each golden window."""
    return distances(_after(backend, golden.windows), golden)


def _after(backend: Backend, windows: npt.NDArray[np.int32]) -> Probabilities:
    """Return the probabilities after each window, [N, V]."""
    if isinstance(backend, WholeWindowBackend):  # a window, rather than all that lead to it
        return backend.whole_windows(windows)
    session = backend.session(len(windows))
    for token_ids in windows.T:
        probabilities = session.step(token_ids.tolist())
    session.close()
    return probabilities


def distances(probabilities: Probabilities, golden: Golden) -> list[float]:
    """Return the largest |Δp| of each golden window, given the probabilities after it, [N, V]."""
    # NaN compares false with everything; make it the largest deviation there is.
    distance = np.nan_to_num(np.abs(probabilities - golden.probabilities), nan=np.inf)
    return [float(d) for d in distance.max(axis=-1)]


def passes(backend: Backend, golden: Golden) -> bool:
    """Return whether every golden window is within its tolerance."""
    return within(deviations(backend, golden), golden.tolerances)


def within(found: Sequence[float], tolerances: Sequence[float]) -> bool:
    """Return whether there is a deviation for each golden window, and none beyond its tolerance."""
    return len(found) == len(tolerances) and all(
        deviation <= tolerance for deviation, tolerance in zip(found, tolerances, strict=True)
    )
