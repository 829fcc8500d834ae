"""Generate text from a textgenrnn model on a Raspberry Pi, and speak it.

from pi_runtime import TextGenerator

generator = TextGenerator.load("colab.tflite")
print(generator.generate(n=3, temperature=[0.5], seed=7))
"""

from __future__ import annotations

from pi_runtime._version import __version__
from pi_runtime.errors import BackendError, Error, ModelFileError, SpeechError, UsageError

TYPE_CHECKING = False  # typing itself would cost a warm one-off a tenth of its start
if TYPE_CHECKING:
    from pi_runtime.generation.generator import TextGenerator

__all__ = [
    "BackendError",
    "Error",
    "ModelFileError",
    "SpeechError",
    "TextGenerator",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> object:
    # NumPy costs a Pi a good second to import; commands that only talk to the service do without.
    if name == "TextGenerator":
        from pi_runtime.generation.generator import TextGenerator

        return TextGenerator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
