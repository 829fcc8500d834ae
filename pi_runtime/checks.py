"""What an argument may be: one check, in one wording, for the library, the commands and the socket.

Each check returns the value in its plain type and raises `UsageError` naming the argument. It is
imported by commands that must start within milliseconds, so it imports nothing heavy.
"""

from __future__ import annotations

from operator import index

from pi_runtime.errors import UsageError

TYPE_CHECKING = False  # typing itself would cost a warm one-off a tenth of its start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_COUNT = 10**9
"""Upper bound on `n` and `max_gen_length`."""

MAX_SEED = 2**32 - 1
"""The largest seed that `numpy.random.RandomState` takes."""

LEAST_TEMPERATURE = 1e-307
"""The least but 0 for which `log(p + 1e-7) / t` is finite for every p from 0 to 1: the bound is
`-log(1e-7)` over the largest float, 8.97e-308."""


def whole_number(name: str, value: Any, least: int, most: int) -> int:
    """Check an integer (NumPy's too, but no bool) from `least` to `most`."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise UsageError(
            f"{name} is {_shown(value)}", f"give a whole number from {least} to {most}"
        )
    return number


def number(name: str, value: Any, least: float, most: float) -> float:
    """Check a real number (no bool, no string) from `least` to `most`."""
    real = _real(value)
    if not least <= real <= most:
        raise UsageError(f"{name} is {_shown(value)}", f"give a number from {least:g} to {most:g}")
    return real


def truth(name: str, value: Any) -> bool:
    """Check a truth value."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {_shown(value)}", "give True or False")
    return value


def text(name: str, value: Any) -> str:
    """Check a string."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is {_shown(value)}", "give a string")
    return value


def texts(name: str, value: Any) -> list[str]:
    """Check a collection of strings, of which a single one is none: its letters would be taken."""
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        raise UsageError(f"{name} is {_shown(value)}", "give a list of strings")
    return [text(f"{name}[{at}]", item) for at, item in enumerate(value)]


def prefix(value: Any) -> str | None:
    """Check the text that a generated text starts with; None for none."""
    if value is None:
        return None
    if not _is_unicode(text("prefix", value)):
        raise UsageError("prefix has half of a surrogate pair in it", "give whole characters")
    return str(value)


def _is_unicode(value: str) -> bool:
    """Return whether a string can be written: half of a surrogate pair is no character."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def temperature(value: Any) -> tuple[float, ...] | str:
    """Check a schedule of temperatures, or a ramp, which is kept as the string that it is."""
    if isinstance(value, str):
        ramp(value)
        return value
    return schedule(value)


def schedule(value: Any) -> tuple[float, ...]:
    """Check a temperature, or several that are cycled token by token; None means 0."""
    items = tuple(value) if _is_collection(value) else (value,)
    found = tuple(0.0 if item is None else _real(item) for item in items)
    if not found or not all(0 <= t < float("inf") for t in found):
        raise UsageError(
            f"temperature is {_shown(value)}", "give a number from 0 up, or a list of them"
        )
    if any(0 < t < LEAST_TEMPERATURE for t in found):
        raise UsageError(
            f"temperature is {_shown(value)}", f"give 0, or at least {LEAST_TEMPERATURE}"
        )
    return found


def ramp(value: str) -> tuple[float, float]:
    """Read a temperature that rises or falls along a text, such as `0.2..1.0`: its ends."""
    if ".." not in value:
        schedule(value)  # which refuses strings
    parts = value.split("..")
    ends = [_decimal(part) for part in parts]
    # So small that between 0 and it, a step is still more than `LEAST_TEMPERATURE`.
    if len(ends) != 2 or not all(end == 0 or 1e-6 <= end <= 1e6 for end in ends):
        raise UsageError(
            f"temperature is {_shown(value)}", "give the two ends of a ramp, such as 0.2..1.0"
        )
    return ends[0], ends[1]


def _decimal(text: str) -> float:
    """Return a number that is written with digits and a point; NaN for anything else."""
    digits = text.replace(".", "", 1)
    return float(text) if digits.isascii() and digits.isdigit() and len(text) < 20 else float("nan")


def max_gen_length(value: Any) -> int:
    """Check the number of tokens after which a text ends."""
    return whole_number("max_gen_length", value, 1, MAX_COUNT)


def text_count(value: Any) -> int:
    """Check `n`, the number of texts."""
    return whole_number("n", value, 1, MAX_COUNT)


def seed(value: Any) -> int | None:
    """Check a seed; None draws one."""
    return None if value is None else whole_number("seed", value, 0, MAX_SEED)


def top_k(value: Any) -> int:
    """Check how many of the likeliest tokens are drawn; 0 for all."""
    return whole_number("top_k", value, 0, MAX_COUNT)


def top_p(value: Any) -> float:
    """Check the probability that the tokens drawn have together."""
    return number("top_p", value, 0, 1)


def min_p(value: Any) -> float:
    """Check how likely a token must be that is drawn, against the likeliest one."""
    return number("min_p", value, 0, 1)


def repetition_penalty(value: Any) -> float:
    """Check a penalty; beyond its bounds all other tokens are as good as banned."""
    return number("repetition_penalty", value, 0.01, 100)


def repetition_window(value: Any) -> int:
    """Check how many tokens back repetition is looked for; 0 for none."""
    return whole_number("repetition_window", value, 0, MAX_COUNT)


def min_length(value: Any) -> int:
    """Check the number of tokens before which a text does not end."""
    return whole_number("min_length", value, 0, MAX_COUNT)


def max_words(value: Any) -> int:
    """Check the number of words after which a text ends; 0 for any."""
    return whole_number("max_words", value, 0, MAX_COUNT)


def stop_at(value: Any) -> tuple[str, ...]:
    """Check the strings at which a text ends. A single one is refused: see `texts`."""
    found = tuple(texts("stop_at", value))
    if not all(found):
        raise UsageError("stop_at has an empty string in it", "leave it out")
    return found


def original(value: Any) -> int:
    """Check the length of a run that a text may not share with the training text; 0 for any."""
    return whole_number("original", value, 0, MAX_COUNT)


def reject(value: Any) -> tuple[str, ...]:
    """Check regular expressions. A single one is refused: see `texts`."""
    import re  # a warm one-off that rejects nothing does without

    found = tuple(texts("reject", value))
    for each in found:
        try:
            re.compile(each)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(
                f"reject has {_shown(each)}, which is no regular expression: {error}",
                "mend it; a backslash before a sign makes it an ordinary one",
            ) from None
    return found


def tries(value: Any) -> int:
    """Check how often a text is drawn at most."""
    return whole_number("tries", value, 1, 1_000_000)


SAMPLING: dict[str, Callable[[Any], Any]] = {
    "temperature": temperature,
    "max_gen_length": max_gen_length,
    "finish_sentence": lambda value: truth("finish_sentence", value),
    "skip_fragment": lambda value: truth("skip_fragment", value),
    "unescape": lambda value: truth("unescape", value),
    "top_k": top_k,
    "top_p": top_p,
    "min_p": min_p,
    "repetition_penalty": repetition_penalty,
    "repetition_window": repetition_window,
    "forbid": lambda value: text("forbid", value),
    "allow": lambda value: text("allow", value),
    "min_length": min_length,
    "max_words": max_words,
    "stop_at": stop_at,
    "keep_stop": lambda value: truth("keep_stop", value),
    "original": original,
    "reject": reject,
    "tries": tries,
}
"""The checks of `SamplingParams`, by option."""


def _real(value: Any) -> float:
    """Return a real number as a float; NaN for what is none, or too large for one."""
    if isinstance(value, bool) or not hasattr(value, "__float__") or _is_collection(value):
        return float("nan")
    try:
        return float(value)
    except (ArithmeticError, TypeError, ValueError):
        return float("nan")


def _is_collection(value: Any) -> bool:
    # A NumPy scalar or 0-d array has __iter__ but no length.
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes)) and _has_length(value)


def _has_length(value: Any) -> bool:
    try:
        len(value)
    except TypeError:
        return False
    return True


def _shown(value: Any) -> str:
    """Return a value for an error line: short and on one line, whatever it is."""
    try:
        shown = " ".join(repr(value).split())
    except ValueError:  # a number of more digits than Python writes
        shown = "a number of too many digits"
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
