"""The arguments that commands share: MODEL, and the options that shape a text."""

from __future__ import annotations

import argparse
import os

from pi_runtime import checks
from pi_runtime._version import __version__
from pi_runtime.backends.registry import BACKENDS
from pi_runtime.cli.output import note
from pi_runtime.errors import UsageError
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

DEFAULT_MODEL = "/var/lib/textgenrnn-pi/model.tflite"

SAMPLING = ("temperature", "max_gen_length")
"""The options that are members of `SamplingParams`."""


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, as all errors here."""

    def __init__(self, prog: str, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=__version__)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of printing the whole usage."""
        raise UsageError(message, f"see {self.prog} --help")


def checked(check: Callable[[Any], Any], parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return an argparse type that parses an argument and lets the library's check judge it.

    What cannot be parsed is judged as the string that it is.
    """

    def convert(text: str) -> Any:
        try:
            value: Any = parse(text)
        except ValueError:
            value = text
        try:
            return check(value)
        except UsageError as error:
            raise argparse.ArgumentTypeError(f"{error.what}; {error.todo}") from None

    return convert


def digits(text: str) -> int:
    """Parse a whole number in ASCII digits, without the freedoms of `int`."""
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 20:
        raise ValueError
    return int(text)


def count(name: str) -> Callable[[str], int]:
    """Return an argparse type for a whole number from 1 up."""
    return checked(lambda value: checks.whole_number(name, value, 1, checks.MAX_COUNT), digits)


def number(name: str, least: float, most: float) -> Callable[[str], float]:
    """Return an argparse type for a number within bounds."""
    return checked(lambda value: checks.number(name, value, least, most), float)


def _schedule(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


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


def add_generation(parser: argparse.ArgumentParser) -> None:
    """Add the options of textgenrnn's `generate` and the choice of backend."""
    group = parser.add_argument_group("generation")
    group.add_argument(
        "-n", type=count("n"), default=1, metavar="N", help="how many texts (default 1)"
    )
    group.add_argument("--prefix", metavar="TEXT", help="what every text starts with")
    group.add_argument(
        "--temperature",
        type=checked(checks.temperature, _schedule),
        default=SCHEDULE,
        metavar="T[,T…]",
        help="one temperature, or several taken in turn, token by token (default 1.0,0.5,0.2,0.2); "
        "0 always takes the likeliest token",
    )
    group.add_argument(
        "--max-gen-length",
        type=count("max_gen_length"),
        default=MAX_GEN_LENGTH,
        metavar="N",
        help=f"stop after N tokens, the start token counted (default {MAX_GEN_LENGTH})",
    )
    group.add_argument(
        "--seed",
        type=checked(checks.seed, digits),
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
        type=count("threads"),
        default=1,
        metavar="N",
        help="interpreter threads of the tflite backend (default 1)",
    )


def sampling_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the members of `SamplingParams`, which a warm one-off need not import."""
    return {name: getattr(args, name) for name in SAMPLING}


def changed_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace, names: Iterable[str]
) -> dict[str, Any]:
    """Return those of the named options that are not at their defaults."""
    values = {name: getattr(args, name) for name in names}
    return {name: value for name, value in values.items() if value != parser.get_default(name)}


def unused_option(
    parser: argparse.ArgumentParser, args: argparse.Namespace, used: Iterable[str]
) -> str | None:
    """Return an option that was given although only those `used` mean anything, if there is one."""
    names = [name for name in vars(args) if name not in used]
    changed = changed_options(parser, args, names)
    dashes = {name: "-" if len(name) == 1 else "--" for name in changed}
    return next((f"{dashes[name]}{name.replace('_', '-')}" for name in changed), None)


def warn_about_prefix(unknown: list[str]) -> None:
    """Name the parts of a prefix that the model has never seen; it reads them as unknown."""
    if unknown:
        shown = " ".join(repr(token) for token in unknown[:8])
        note(f"note: the model does not know {shown}")
