"""Errors of the desktop side, as branches of `pi_runtime.errors.Error`.

Error
└── ConversionError       whatever keeps a checkpoint from becoming a model file
    ├── CheckpointError   the weights file cannot be read as a textgenrnn checkpoint
    ├── SidecarError      no vocab or config belongs to the weights
    ├── ParityError       the converted file does not compute what the checkpoint does
    └── OutputError       the output exists already, or cannot be created there
"""

from __future__ import annotations

from pi_runtime.errors import Error

GIVE_WEIGHTS = "give the _weights.hdf5 that textgenrnn saved"
AGAIN = "copy or download the file again"
"""What to do about weights that are something else, or damaged."""


class ConversionError(Error):
    """A checkpoint cannot become a model file; the subclasses say why."""


class CheckpointError(ConversionError):
    """The weights file cannot be read as a textgenrnn checkpoint."""


class SidecarError(ConversionError):
    """The vocab or config of the weights is missing or does not fit them."""


class ParityError(ConversionError):
    """The converted file does not compute what the checkpoint does."""


class OutputError(ConversionError):
    """The output file exists already, or cannot be created there."""
