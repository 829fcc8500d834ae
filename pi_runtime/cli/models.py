"""Which model a command works on, and what there is to say of it."""

from __future__ import annotations

import os

from pi_runtime.cli.output import note
from pi_runtime.errors import UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from pi_runtime.generation.generator import TextGenerator

DEFAULT_MODEL = "/var/lib/textgenrnn-pi/model.tflite"


def model_path(argument: str | None) -> str:
    """Return the model a command works on: the argument, `$RNN_MODEL`, or the Pi's own."""
    if argument:
        return argument
    if environment := os.environ.get("RNN_MODEL"):
        return environment
    if os.path.exists(DEFAULT_MODEL):  # noqa: PTH110 - pathlib costs a warm one-off its start
        return DEFAULT_MODEL
    raise UsageError("no model named", f"give MODEL, set RNN_MODEL, or put one at {DEFAULT_MODEL}")


def model_is_named(argument: str | None) -> bool:
    """Return whether a model is named, by argument or by `$RNN_MODEL`."""
    return bool(argument or os.environ.get("RNN_MODEL"))


def warn_about_prefix(unknown: list[str]) -> None:
    """Name the parts of a prefix that the model has never seen; it reads them as unknown."""
    if unknown:
        shown = " ".join(repr(token) for token in unknown[:8])
        note(f"note: the model does not know {shown}")


def note_fallback(generator: TextGenerator) -> None:
    """Say so if the fastest backend cannot compute a model here."""
    if generator.fallback_reason:
        note(f"note: {generator.fallback_reason}; {generator.backend.name} computes instead")
