"""The options that shape speech, shared by every command that speaks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pi_runtime import checks
from pi_runtime.cli.arguments import checked, count, digits, number
from pi_runtime.speech import defaults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi_runtime.speech import Sink, SpeechConfig


def add_speech(parser: argparse.ArgumentParser) -> None:
    """Add the options of voices."""
    from pi_runtime.speech.engines import ENGINES

    group = parser.add_argument_group("speech")
    group.add_argument(
        "--engine",
        choices=("auto", *ENGINES),
        default="auto",
        help="default: the best one present that speaks the language",
    )
    group.add_argument(
        "--language",
        default="auto",
        metavar="L",
        help="en, ru, … (default: that of the text, else of the model's vocabulary)",
    )
    group.add_argument("--voice", metavar="V", help="a voice's name, or a piper voice file")
    group.add_argument(
        "--command",
        metavar="C",
        default=(),
        help="the program of --engine command: text in, WAV or raw out",
    )
    group.add_argument(
        "--command-rate",
        type=_sample_rate("command_rate"),
        default=defaults.COMMAND_RATE,
        metavar="HZ",
        help="of its raw sound",
    )
    for name, what in (("rate", "speed"), ("pitch", "2 is an octave higher"), ("volume", "factor")):
        kind = number(name, defaults.MIN_FACTOR, defaults.MAX_FACTOR)
        group.add_argument(
            f"--{name}", type=kind, default=1.0, metavar="X", help=f"{what} (default 1)"
        )
    group.add_argument(
        "--max-sentence",
        type=count("max_sentence"),
        default=defaults.MAX_SENTENCE,
        metavar="N",
        help=f"cut a sentence after N characters (default {defaults.MAX_SENTENCE})",
    )
    group.add_argument(
        "--sentence-time",
        type=_seconds("sentence_time"),
        default=defaults.SENTENCE_TIME,
        metavar="S",
        help="give a sentence up after S seconds of synthesis "
        f"(default {defaults.SENTENCE_TIME:g})",
    )


def add_sound(parser: argparse.ArgumentParser) -> None:
    """Add the options of where the sound goes."""
    sound = parser.add_argument_group("sound")
    where = sound.add_mutually_exclusive_group()
    where.add_argument("--wav", type=Path, metavar="FILE", help="write a WAV file, play nothing")
    where.add_argument("--raw", action="store_true", help="raw s16le to stdout, text to stderr")
    where.add_argument(
        "--device", default="default", metavar="ALSA", help="the sound device to play to"
    )
    sound.add_argument(
        "--sample-rate",
        type=_sample_rate("sample_rate"),
        metavar="HZ",
        help="convert to this (default: the engine's)",
    )
    sound.add_argument(
        "--pre-silence",
        type=_seconds("pre_silence"),
        default=0.0,
        metavar="S",
        help="seconds of silence first: HDMI sinks swallow the first word",
    )
    sound.add_argument(
        "--sentence-silence",
        type=_seconds("sentence_silence"),
        default=defaults.SENTENCE_SILENCE,
        metavar="S",
        help=f"between (default {defaults.SENTENCE_SILENCE:g})",
    )
    sound.add_argument(
        "--wait",
        type=_seconds("wait"),
        default=5.0,
        metavar="S",
        help="how long to wait for a missing or busy sound device (default 5)",
    )


def speech_config(args: argparse.Namespace) -> SpeechConfig:
    """Return the speech options that were given.

    Raises:
        UsageError: the command cannot be read.
    """
    from pi_runtime.speech import SpeechConfig

    return SpeechConfig(**{name: getattr(args, name) for name in vars(SpeechConfig())})


def open_sink(args: argparse.Namespace) -> Sink:
    """Return where the sound goes.

    Raises:
        SpeechError: aplay is missing.
    """
    from pi_runtime.speech import Aplay, RawOutput, WavFile

    if args.wav:
        return WavFile(args.wav)
    if args.raw:
        return RawOutput(sys.stdout.buffer)
    return Aplay(args.device, args.wait)


def _seconds(name: str) -> Callable[[str], float]:
    return number(name, 0.0, defaults.MAX_SECONDS)


def _sample_rate(name: str) -> Callable[[str], int]:
    return checked(
        lambda value: checks.whole_number(
            name, value, defaults.MIN_SAMPLE_RATE, defaults.MAX_SAMPLE_RATE
        ),
        digits,
    )
