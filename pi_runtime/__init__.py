"""Generate text from a textgenrnn model on a Raspberry Pi, and speak it.

    from pi_runtime import TextGenerator

    generator = TextGenerator.load("colab.tflite")
    print(generator.generate(n=3, temperature=[0.5], seed=7))

`pi_runtime.speech` speaks.
"""

from __future__ import annotations

from pi_runtime._version import __version__
from pi_runtime.errors import (
    BackendError,
    Error,
    ModelFileError,
    RejectedError,
    SpeechError,
    UsageError,
)

TYPE_CHECKING = False  # typing itself would cost a warm one-off a tenth of its start
if TYPE_CHECKING:
    from pi_runtime.generation.generator import TextGenerator
    from pi_runtime.generation.params import SamplingParams

__all__ = [
    "BackendError",
    "Error",
    "ModelFileError",
    "RejectedError",
    "SamplingParams",
    "SpeechError",
    "TextGenerator",
    "UsageError",
    "__version__",
]

_MODULES = {
    "SamplingParams": "pi_runtime.generation.params",
    "TextGenerator": "pi_runtime.generation.generator",
}


def __getattr__(name: str) -> object:
    # NumPy costs a Pi a good second to import; commands that only talk to the service do without.
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
