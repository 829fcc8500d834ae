"""The options that shape a text, shared by every command that generates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pi_runtime.cli import common

SCHEDULE = (1.0, 0.5, 0.2, 0.2)


def add_generation(parser: argparse.ArgumentParser) -> None:
    """Add the options of textgenrnn's `generate` and the choice of backend."""
    group = parser.add_argument_group("generation")
    group.add_argument("-n", type=count, default=1, metavar="N", help="how many texts (default 1)")
    group.add_argument("--prefix", metavar="TEXT", help="what every text starts with")
    group.add_argument(
        "--temperature",
        type=temperatures,
        default=list(SCHEDULE),
        metavar="T[,T…]",
        help="one temperature, or several taken in turn, token by token (default 1.0,0.5,0.2,0.2); "
        "0 always takes the likeliest token",
    )
    group.add_argument(
        "--max-gen-length",
        type=count,
        default=300,
        metavar="N",
        help="stop after N tokens, the start token counted (default 300)",
    )
    group.add_argument(
        "--seed",
        type=_seed,
        metavar="S",
        help="the same seed gives the same text; left out, one is drawn and named on stderr",
    )
    group.add_argument(
        "--backend",
        choices=("auto", "tflite", "numpy"),
        default="auto",
        help="what computes the network (default: tflite, else numpy)",
    )
    group.add_argument(
        "--threads",
        type=count,
        default=1,
        metavar="N",
        help="interpreter threads of the tflite backend (default 1)",
    )


def temperatures(text: str) -> list[float]:
    """Parse `1.0,0.5` into a schedule of finite temperatures ≥ 0."""
    try:
        schedule = [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list like 1.0,0.5,0.2") from None
    if not all(0.0 <= t < float("inf") for t in schedule):
        raise argparse.ArgumentTypeError("a temperature is a number from 0 up")
    return schedule


def count(text: str) -> int:
    """Parse a whole number from 1 up."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:10]) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def number(text: str, least: float, most: float) -> float:
    """Parse a number within bounds."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
    return value


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not len(text) < 11 or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 4294967295")
    return int(text)


def warn_about_prefix(unknown: Sequence[str]) -> None:
    """Say which parts of a prefix the model has never seen; it reads them as unknown."""
    if unknown:
        shown = " ".join(repr(token) for token in unknown[:8])
        common.say(f"note: the model does not know {shown}")
