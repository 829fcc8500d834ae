"""Errors of training, as branches of `pi_runtime.errors.Error`.

Error
├── TextError       the texts cannot be read, or are too few
└── TrainingError   there is nothing to resume, or it is another training's
"""

from __future__ import annotations

from pi_runtime.errors import Error


class TextError(Error):
    """The texts cannot be read, or are too few."""


class TrainingError(Error):
    """The training cannot continue."""
