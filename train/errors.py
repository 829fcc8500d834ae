"""What can be wrong in training, as branches of `pi_runtime.errors.Error`.

Error
├── TextError       texts cannot be read, or there is too little of them
└── TrainingError   there is nothing to resume, or it is another training's
"""

from __future__ import annotations

from pi_runtime.errors import Error


class TextError(Error):
    """The texts cannot be read, or are too few."""


class TrainingError(Error):
    """The training cannot go on."""
