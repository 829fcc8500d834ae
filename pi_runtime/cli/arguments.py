"""The arguments that commands share: MODEL, and the options that shape a text."""

from __future__ import annotations

import argparse
import os

from pi_runtime import checks
from pi_runtime.backends.registry import BACKENDS
from pi_runtime.cli.output import note
from pi_runtime.cli.parser import Parser as Parser
from pi_runtime.cli.parser import refuse
from pi_runtime.errors import UsageError
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE
from pi_runtime.service.client import check_name

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any

DEFAULT_MODEL = "/var/lib/textgenrnn-pi/model.tflite"

SAMPLING = ("temperature", "max_gen_length", "finish_sentence", "skip_fragment", "unescape")
"""The options that are members of `SamplingParams`."""

GENERATION = (*SAMPLING, "n", "prefix", "seed", "backend", "threads")
"""The options of generating, all of them."""


def checked(
    option: str, check: Callable[[Any], Any], parse: Callable[[str], Any]
) -> Callable[[str], Any]:
    """Return an argparse type that parses an argument and lets the library's check judge it.

    What cannot be parsed is judged as the string that it is. The error names the option where the
    library names its parameter.
    """
    parameter = option.lstrip("-").replace("-", "_")

    def convert(text: str) -> Any:
        try:
            value: Any = parse(text)
        except ValueError:
            value = text
        try:
            return check(value)
        except UsageError as error:
            what = error.what
            if what.startswith(f"{parameter} "):
                what = option + what[len(parameter) :]
            raise UsageError(what, error.todo) from None

    return convert


def digits(text: str) -> int:
    """Parse a whole number in ASCII digits, without the freedoms of `int`."""
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 20:
        raise ValueError
    return int(text)


def real(text: str) -> float:
    """Parse a number with a decimal point, without the freedoms of `float`."""
    if not text.isascii() or "_" in text:
        raise ValueError
    return float(text)


def whole(option: str, least: int, most: int) -> Callable[[str], int]:
    """Return an argparse type for a whole number within bounds."""
    parameter = option.lstrip("-").replace("-", "_")
    return checked(option, lambda value: checks.whole_number(parameter, value, least, most), digits)


def count(option: str) -> Callable[[str], int]:
    """Return an argparse type for a whole number from 1 up."""
    return whole(option, 1, checks.MAX_COUNT)


def number(option: str, least: float, most: float) -> Callable[[str], float]:
    """Return an argparse type for a number within bounds."""
    parameter = option.lstrip("-").replace("-", "_")

    def check(value: Any) -> float:
        if isinstance(value, str) and (point := _with_a_point(value)):
            raise UsageError(f"{parameter} is {value!r}", f"write {point}")
        return checks.number(parameter, value, least, most)

    return checked(option, check, real)


def _with_a_point(text: str) -> str:
    """Return a number with a decimal comma as one with a point; "" if it is none."""
    point = text.strip().replace(",", ".")
    try:
        real(point)
    except ValueError:
        return ""
    return point if "," in text else ""


def schedule(text: str) -> tuple[float, ...]:
    """Parse one temperature, or several with commas between them.

    >>> schedule("1.0,0.5")
    (1.0, 0.5)
    >>> schedule("0,5")
    Traceback (most recent call last):
    pi_runtime.errors.UsageError: temperature 0,5 may be one number or two – write 0.5, or 0.0,5.0

    Raises:
        UsageError: it is none, or its commas may be decimal ones.
    """
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
        return checks.temperature([real(part) for part in parts])
    except (UsageError, ValueError):
        # As it was typed, and not as it was parsed.
        return checked("--temperature", checks.temperature, str)(text)  # type: ignore[no-any-return]


def target(option: str, instead_of_stdout: str, *, replaced: bool = True) -> Callable[[str], Path]:
    """Return an argparse type for a file to be written; "-" is told what is there instead.

    `replaced` says that an existing file will be replaced as a whole.
    """

    def check(name: str) -> Path:
        # Here, not above: a warm one-off writes no files.
        from pi_runtime.files import check_replaceable, checked_target

        if name == "-":
            raise UsageError(f"{option} - is no file", instead_of_stdout)
        path = checked_target(name, option)
        if replaced:
            check_replaceable(path, option)
        return path

    return check


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the argument MODEL."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")


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


def add_generation(parser: argparse.ArgumentParser, *, for_speech: bool = True) -> None:
    """Add the options of textgenrnn's `generate` and the choice of backend.

    `for_speech` is the default of the options that make a text easier to speak.
    """
    group = parser.add_argument_group("generation")
    group.add_argument(
        "-n", type=count("-n"), default=1, metavar="N", help="how many texts (default 1)"
    )
    group.add_argument("--prefix", metavar="TEXT", help="what every text starts with")
    group.add_argument(
        "--temperature",
        type=schedule,
        default=SCHEDULE,
        metavar="T[,T…]",
        help="one temperature, or several taken in turn, token by token (default 1.0,0.5,0.2,0.2); "
        "0 always takes the likeliest token",
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
        help="interpreter threads of the tflite backend (default 1)",
    )


def check_generation(args: argparse.Namespace) -> None:
    """Refuse options of generating that exclude each other.

    Raises:
        UsageError: two do.
    """
    if args.backend == "numpy":
        refuse(args, ("threads",), "with --backend numpy")


def add_service(parser: argparse._ActionsContainer) -> None:
    """Add the choice of the service."""
    parser.add_argument(
        "--service",
        type=check_name,
        metavar="NAME",
        help="ask the service rnn-speak@NAME, not rnn-speak",
    )
    parser.add_argument("--local", action="store_true", help="bypass the service")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves only errors on stderr."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no notes and no progress on stderr"
    )


def sampling_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the members of `SamplingParams`, which a warm one-off need not import."""
    return {name: getattr(args, name) for name in SAMPLING}


def given_options(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named options that were given."""
    return {name: getattr(args, name) for name in names if name in args.given}


def warn_about_prefix(unknown: list[str]) -> None:
    """Name the parts of a prefix that the model has never seen; it reads them as unknown."""
    if unknown:
        shown = " ".join(repr(token) for token in unknown[:8])
        note(f"note: the model does not know {shown}")
