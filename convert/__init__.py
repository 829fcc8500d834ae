"""Convert textgenrnn checkpoints to one .tflite file for the Raspberry Pi (desktop side).

from convert import convert_checkpoint

conversion = convert_checkpoint("colab_weights.hdf5")
print(conversion.path, conversion.parity.deviations)

Importing this package imports neither TensorFlow nor h5py; calling `convert_checkpoint` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.errors import (
    CheckpointError,
    ConversionError,
    OutputError,
    ParityError,
    SidecarError,
)

if TYPE_CHECKING:
    from convert.converter import Conversion, convert_checkpoint

__all__ = [
    "CheckpointError",
    "Conversion",
    "ConversionError",
    "OutputError",
    "ParityError",
    "SidecarError",
    "convert_checkpoint",
]


def __getattr__(name: str) -> object:
    if name in ("Conversion", "convert_checkpoint"):
        from convert import converter

        return getattr(converter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
