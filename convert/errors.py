"""What can be wrong on the desktop side, as branches of `pi_runtime.errors.Error`.

Error
├── CheckpointError   the weights file is not a textgenrnn checkpoint that can be read
├── SidecarError      no vocab or config belongs to these weights
├── ParityError       the converted file does not compute what the checkpoint does
└── OutputError       the output is already there
"""

from __future__ import annotations

from pi_runtime.errors import Error


class CheckpointError(Error):
    """The weights file cannot be read as a textgenrnn checkpoint."""


class SidecarError(Error):
    """The vocab or config that belongs to the weights is missing or does not fit."""


class ParityError(Error):
    """The converted file computes something else than the checkpoint."""


class OutputError(Error):
    """The output file may not be written."""
