"""The arguments that commands share: MODEL, the service, and the types of values."""

from __future__ import annotations

import argparse

from pi_runtime import checks
from pi_runtime.cli.parser import Parser as Parser
from pi_runtime.errors import UsageError
from pi_runtime.service.client import check_name

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any


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
    return decimal(option, lambda value: checks.number(parameter, value, least, most))


def decimal(option: str, check: Callable[[Any], float]) -> Callable[[str], float]:
    """Return an argparse type for a number that a check of the library's judges."""

    def with_a_point(value: Any) -> float:
        if isinstance(value, str) and (point := _with_a_point(value)):
            raise UsageError(f"{option} is {value!r}", f"write {point}")
        return check(value)

    return checked(option, with_a_point, real)


def _with_a_point(text: str) -> str:
    """Return a number with a decimal comma as one with a point; "" if it is none."""
    point = text.strip().replace(",", ".")
    try:
        real(point)
    except ValueError:
        return ""
    return point if "," in text else ""


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


def given_options(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named options that were given."""
    return {name: getattr(args, name) for name in names if name in args.given}
