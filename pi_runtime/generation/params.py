"""How tokens are drawn from probabilities, and when a text ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pi_runtime import checks
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE

Temperature = float | Sequence[float] | str | None
"""What callers may give; see `SamplingParams.temperature`."""


@dataclass(frozen=True)
class SamplingParams:
    """The options of a text's sampling, checked when they are made.

    >>> SamplingParams(temperature=0.5).temperature
    (0.5,)
    >>> SamplingParams(top_p=50)
    Traceback (most recent call last):
    pi_runtime.errors.UsageError: top_p is 50 – give a number from 0 to 1

    Raises:
        UsageError: an option cannot be right.
    """

    temperature: Temperature = SCHEDULE
    """A number, or several that are cycled token by token (kept as a tuple of floats), or a ramp
    from a text's first token to the last that it may have, such as `"0.2..1.0"`. Low ones favour
    the likeliest tokens; 0 and None always take the likeliest."""

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

    top_k: int = 0
    """Only the `top_k` likeliest tokens are drawn; 0: all of them."""

    top_p: float = 1.0
    """Only the likeliest tokens are drawn that have this probability together; 1: all of them."""

    min_p: float = 0.0
    """Only tokens are drawn that are at least this many times as likely as the likeliest one."""

    repetition_penalty: float = 1.0
    """What the logarithm of a token's probability is multiplied by if it is among the last
    `repetition_window` ones; 1: nothing happens, above: such tokens become less likely."""

    repetition_window: int = 64
    """How many tokens back that looks, the prefix counted, the marks of start and end not."""

    forbid: str = ""
    """Characters that are not drawn; at word level words, with spaces between them."""

    allow: str = ""
    """The only characters, or words, that are drawn; "": all of them."""

    min_length: int = 0
    """Tokens before which the end mark is not drawn, counted as in `max_gen_length`."""

    max_words: int = 0
    """Words after which a text ends, those of its prefix counted; 0: as many as come."""

    stop_at: Sequence[str] = ()
    """Strings behind its prefix at which a text ends (kept as a tuple)."""

    keep_stop: bool = False
    """Whether a text keeps the string that it ends at."""

    original: int = 0
    """A text is drawn again if it shares a run of so many characters with the training text, words
    at word level, or is a training text as a whole; 0: it may. The model must know its training
    text, and only knows runs from some length on: `NgramSet.gram_size`."""

    reject: Sequence[str] = ()
    """Regular expressions; a text in which one of them matches is drawn again (kept as a tuple)."""

    tries: int = 20
    """How often a text is drawn at most."""

    def __post_init__(self) -> None:
        # A frozen dataclass is set through object.
        for option in fields(self):
            checked = checks.SAMPLING[option.name](getattr(self, option.name))
            object.__setattr__(self, option.name, checked)

    def temperature_at(self, length: int, limit: int | None = None) -> float:
        """Return the temperature for the next token of a text of `length` tokens.

        A schedule is cycled token by token; a ramp reaches its end with token `limit`, if it is not
        given `max_gen_length`. `length` and `limit` count the start token.
        """
        schedule: tuple[float, ...] | str = self.temperature  # type: ignore[assignment] # as checked
        if isinstance(schedule, str):
            first, last = checks.ramp(schedule)
            draws = (limit or self.max_gen_length) - 2
            return first + (last - first) * min(1.0, (length - 1) / draws if draws > 0 else 1.0)
        return schedule[(length - 1) % len(schedule)]
