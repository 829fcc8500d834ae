"""How tokens are drawn from probabilities, and when a text ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pi_runtime import checks
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE

Temperature = float | Sequence[float] | None
"""What callers may give; see `SamplingParams.temperature`."""


@dataclass(frozen=True)
class SamplingParams:
    """The options of a text's sampling, checked when they are made.

    >>> SamplingParams(temperature=0.5).temperature
    (0.5,)
    >>> SamplingParams(temperature="0.5")
    Traceback (most recent call last):
    pi_runtime.errors.UsageError: temperature is '0.5' – give a number from 0 up, or a list of them

    Raises:
        UsageError: an option cannot be right.
    """

    temperature: Temperature = SCHEDULE
    """A number, or several that are cycled token by token (kept as a tuple of floats). Low ones
    favour the likeliest tokens; 0 and None always take the likeliest."""

    max_gen_length: int = MAX_GEN_LENGTH
    """Tokens after which a text ends, its start mark and prefix counted."""

    finish_sentence: bool = False
    """Whether a text goes on beyond `max_gen_length`, up to half as long again, until a sentence
    ends; if none does, the text ends with the last one that has."""

    skip_fragment: bool = False
    """Whether the sentence in whose middle a text begins is left out. Only texts of a single_text
    model without a prefix begin so."""

    unescape: bool = False
    """Whether a backslash with an n behind it becomes a line break, with a model whose vocabulary
    has these two and no line break."""

    def __post_init__(self) -> None:
        # A frozen dataclass is set through object.
        object.__setattr__(self, "temperature", checks.temperature(self.temperature))
        object.__setattr__(self, "max_gen_length", checks.max_gen_length(self.max_gen_length))
        for name in ("finish_sentence", "skip_fragment", "unescape"):
            object.__setattr__(self, name, checks.truth(name, getattr(self, name)))

    def temperature_at(self, length: int) -> float:
        """Return the temperature for the next token of a text of `length` tokens.

        The schedule is cycled token by token; `length` counts the start token.
        """
        schedule: tuple[float, ...] = self.temperature  # type: ignore[assignment] # as checked
        return schedule[(length - 1) % len(schedule)]
