"""The options that shape a text: those of `SamplingParams`, and what computes it."""

from __future__ import annotations

import argparse

from pi_runtime import checks
from pi_runtime.backends.registry import BACKENDS
from pi_runtime.cli.arguments import checked, count, decimal, digits, real, whole
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import UsageError
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SAMPLING = tuple(checks.SAMPLING)
"""The options that are members of `SamplingParams`."""

GENERATION = (*SAMPLING, "n", "prefix", "seed", "backend", "threads")
"""The options of generating, all of them."""


def add_generation(parser: argparse.ArgumentParser, *, for_speech: bool = True) -> None:
    """Add the options of textgenrnn's `generate`, those it has not, and the choice of backend.

    `for_speech` is the default of the options that make a text easier to speak. Commands that speak
    have a --stop of their own.
    """
    group = parser.add_argument_group("generation")
    group.add_argument(
        "-n", type=count("-n"), default=1, metavar="N", help="how many texts (default 1)"
    )
    group.add_argument("--prefix", metavar="TEXT", help="what every text starts with")
    _add_sampling(group, for_speech=for_speech)
    group.add_argument(
        "--seed",
        type=checked("--seed", checks.seed, digits),
        metavar="S",
        help="the same seed gives the same text; left out, one is drawn and named on stderr",
    )
    group.add_argument(
        "--backend",
        choices=("auto", *BACKENDS),
        default="auto",
        help="what computes the network (default: the fastest one that can)",
    )
    group.add_argument(
        "--threads",
        type=whole("--threads", 1, 1024),
        default=1,
        metavar="N",
        help="threads of the tflite and onnx backends (default 1)",
    )
    _add_samplers(parser, stop=not for_speech)


def _add_sampling(group: argparse._ArgumentGroup, *, for_speech: bool) -> None:
    """Add textgenrnn's options, and those that change where a text begins and ends."""
    group.add_argument(
        "--temperature",
        type=schedule,
        default=SCHEDULE,
        metavar="T[,T…]",
        help="one temperature, or several taken in turn, token by token (default 1.0,0.5,0.2,0.2), "
        "or a ramp along the text, such as 0.2..1.0; 0 always takes the likeliest token",
    )
    group.add_argument(
        "--max-gen-length",
        type=count("--max-gen-length"),
        default=MAX_GEN_LENGTH,
        metavar="N",
        help=f"stop after N tokens, the start token counted (default {MAX_GEN_LENGTH})",
    )
    for option, what in (
        ("--finish-sentence", "go on to the end of a sentence, up to half as long again"),
        ("--skip-fragment", "begin with a whole sentence (single_text models)"),
        ("--unescape", r"print \n as a line break (models that have no other)"),
    ):
        group.add_argument(
            option,
            action=argparse.BooleanOptionalAction,
            default=for_speech,
            help=f"{what} (default: {'yes' if for_speech else 'no'})",
        )


def _add_samplers(parser: argparse.ArgumentParser, *, stop: bool) -> None:
    """Add the options that textgenrnn has not; without them the text is textgenrnn's.

    `stop` says that --stop is free, and means --stop-at.
    """
    group = parser.add_argument_group("which tokens are drawn, and when a text ends")
    for option, what, kind, default, metavar in (
        ("--top-k", "only the K likeliest tokens", _whole, 0, "K"),
        ("--top-p", "only the likeliest, which have the probability P together", decimal, 1.0, "P"),
        ("--min-p", "only those at least P times as likely as the likeliest", decimal, 0.0, "P"),
        ("--repetition-penalty", "tokens again less likely, from 1 up", decimal, 1.0, "R"),
        ("--repetition-window", "of the last N tokens (default 64)", _whole, 64, "N"),
        ("--forbid", "none of these characters (words, at word level)", _string, "", "CHARS"),
        ("--allow", "nothing but these", _string, "", "CHARS"),
        ("--min-length", "no end before N tokens", _whole, 0, "N"),
        ("--max-words", "end after N words", _whole, 0, "N"),
    ):
        name = option.removeprefix("--").replace("-", "_")
        group.add_argument(
            option,
            type=kind(option, checks.SAMPLING[name]),
            default=default,
            metavar=metavar,
            help=what,
        )
    group.add_argument(
        *(("--stop",) if stop else ()),
        "--stop-at",
        action="append",
        dest="stop_at",
        type=checked("--stop-at", lambda text: checks.stop_at([text])[0], str),
        default=[],
        metavar="TEXT",
        help="end at this text; may be given several times",
    )
    group.add_argument(
        "--keep-stop", action="store_true", help="print the text that it ends at, too"
    )
    _add_redraws(parser)


def _add_redraws(parser: argparse.ArgumentParser) -> None:
    """Add the options that draw a text again."""
    group = parser.add_argument_group("which texts are drawn again")
    group.add_argument(
        "--original",
        type=_whole("--original", checks.original),
        default=0,
        metavar="N",
        help="those that share a run of N characters (words, at word level) with the text that the "
        "model was trained on, or are a line of it",
    )
    group.add_argument(
        "--reject",
        action="extend",
        type=patterns,
        default=[],
        metavar="FILE|REGEX",
        help="those with a word or phrase that is a line of FILE, or a match of REGEX; may be "
        "given several times",
    )
    group.add_argument(
        "--tries",
        type=_whole("--tries", checks.tries),
        default=20,
        metavar="N",
        help="draw a text N times at most (default 20), then leave it out",
    )


def _whole(option: str, check: Callable[[Any], int]) -> Callable[[str], int]:
    return checked(option, check, digits)


def _string(option: str, check: Callable[[Any], str]) -> Callable[[str], str]:
    return checked(option, check, str)


def patterns(text: str) -> tuple[str, ...]:
    """Return a regular expression, or that of all the lines of a file that is named.

    Raises:
        UsageError: it is no regular expression, or the file cannot be read.
    """
    # Here, not above: a warm one-off rejects nothing.
    from pi_runtime.cli.word_list import any_line_of, is_word_list

    pattern = any_line_of(text) if is_word_list(text) else text
    return checked("--reject", lambda one: checks.reject([one]), str)(pattern)  # type: ignore[no-any-return]


def check_generation(args: argparse.Namespace) -> None:
    """Refuse options of generating that exclude each other.

    Raises:
        UsageError: two do.
    """
    if args.backend == "numpy":
        refuse(args, ("threads",), "with --backend numpy")
    if args.repetition_penalty == 1:
        refuse(args, ("repetition_window",), "without --repetition-penalty")
    if not args.stop_at:
        refuse(args, ("keep_stop",), "without --stop-at")
    if not (args.original or args.reject):
        refuse(args, ("tries",), "without --original or --reject")


def schedule(text: str) -> tuple[float, ...] | str:
    """Parse one temperature, several with commas between them, or a ramp.

    >>> schedule("1.0,0.5")
    (1.0, 0.5)
    >>> schedule("0.2..1.0")
    '0.2..1.0'
    >>> schedule("0,5")
    Traceback (most recent call last):
    pi_runtime.errors.UsageError: temperature 0,5 may be one number or two – write 0.5, or 0.0,5.0

    Raises:
        UsageError: it is none, or its commas may be decimal ones.
    """
    if ".." in text:
        return checked("--temperature", checks.temperature, str)(text)  # type: ignore[no-any-return]
    parts = text.split(",")
    # Two neighbours without a point, as "0,5" has them, may be the halves of one number.
    plain = [part.strip().removeprefix("-").isdigit() for part in parts]
    if any(plain[at] and plain[at + 1] for at in range(len(parts) - 1)):
        bare = [part.strip() for part in parts]
        each = ",".join(part if "." in part else f"{part}.0" for part in bare)
        if len(parts) == 2:
            raise UsageError(
                f"temperature {text} may be one number or two",
                f"write {'.'.join(bare)}, or {each}",
            )
        raise UsageError(
            f"temperature {text} has commas that may be decimal ones",
            f"give every number a point, such as {each}",
        )
    try:
        return checks.schedule([real(part) for part in parts])
    except (UsageError, ValueError):
        # As it was typed, and not as it was parsed.
        return checked("--temperature", checks.schedule, str)(text)  # type: ignore[no-any-return]
