"""Does a backend compute, here and now, what the converter computed? The golden windows tell."""

from __future__ import annotations

import numpy as np

from pi_runtime.backends import Backend
from pi_runtime.model.file import Golden


def deviations(backend: Backend, golden: Golden) -> list[float]:
    """Return the largest |Δp| of each golden window. The backend's streams begin anew."""
    backend.reset(len(golden.windows))
    for tokens in golden.windows.T:
        probabilities = backend.advance(tokens.tolist())
    # NaN compares false with everything; make it the largest deviation there is.
    distance = np.nan_to_num(np.abs(probabilities - golden.probabilities), nan=np.inf)
    backend.reset()
    return [float(d) for d in distance.max(axis=-1)]


def passes(backend: Backend, golden: Golden) -> bool:
    """Return whether every golden window is within its tolerance."""
    pairs = zip(deviations(backend, golden), golden.tolerances, strict=True)
    return all(deviation <= tolerance for deviation, tolerance in pairs)
