"""The options that shape speech, shared by every command that speaks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pi_runtime import checks
from pi_runtime.cli.arguments import checked, count, digits, number
from pi_runtime.speech.config import MAX_FACTOR, MAX_SECONDS, MIN_FACTOR, SpeechConfig
from pi_runtime.speech.pcm import MAX_RATE, MIN_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi_runtime.speech.sinks import Sink

_DEFAULT = SpeechConfig()
_CONFIG = tuple(vars(_DEFAULT))
"""The options that are members of `SpeechConfig`."""


def add_speech(parser: argparse.ArgumentParser) -> None:
    """Add the options of voices."""
    from pi_runtime.speech.engines import ENGINES

    group = parser.add_argument_group("speech")
    group.add_argument(
        "--engine",
        choices=("auto", *ENGINES),
        default=_DEFAULT.engine,
        help="default: the best one present that speaks the language",
    )
    group.add_argument(
        "--language",
        default=_DEFAULT.language,
        metavar="L",
        help="en, ru, … (default: that of the text, else of the model's vocabulary)",
    )
    group.add_argument("--voice", metavar="V", help="a voice's name, or a piper voice file")
    group.add_argument(
        "--command",
        metavar="C",
        default=_DEFAULT.command,
        help="the program of --engine command: text in, WAV or raw out",
    )
    group.add_argument(
        "--command-rate",
        type=_sample_rate("command_rate"),
        default=_DEFAULT.command_rate,
        metavar="HZ",
        help="of its raw sound",
    )
    for name, what in (("rate", "speed"), ("pitch", "2 is an octave higher"), ("volume", "factor")):
        kind = number(name, MIN_FACTOR, MAX_FACTOR)
        group.add_argument(
            f"--{name}", type=kind, default=1.0, metavar="X", help=f"{what} (default 1)"
        )
    group.add_argument(
        "--max-sentence",
        type=count("max_sentence"),
        default=_DEFAULT.max_sentence,
        metavar="N",
        help=f"cut a sentence after N characters (default {_DEFAULT.max_sentence})",
    )
    group.add_argument(
        "--sentence-time",
        type=_seconds("sentence_time"),
        default=_DEFAULT.sentence_time,
        metavar="S",
        help="give a sentence up after S seconds of synthesis "
        f"(default {_DEFAULT.sentence_time:g})",
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
        default=_DEFAULT.pre_silence,
        metavar="S",
        help="seconds of silence first: HDMI sinks swallow the first word",
    )
    sound.add_argument(
        "--sentence-silence",
        type=_seconds("sentence_silence"),
        default=_DEFAULT.sentence_silence,
        metavar="S",
        help=f"between (default {_DEFAULT.sentence_silence:g})",
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
    return SpeechConfig(**{name: getattr(args, name) for name in _CONFIG})


def open_sink(args: argparse.Namespace) -> Sink:
    """Return where the sound goes.

    Raises:
        SpeechError: aplay is missing.
    """
    from pi_runtime.speech.sinks import Aplay, RawOutput, WavFile

    if args.wav:
        return WavFile(args.wav)
    if args.raw:
        return RawOutput(sys.stdout.buffer)
    return Aplay(args.device, args.wait)


def _seconds(name: str) -> Callable[[str], float]:
    return number(name, 0.0, MAX_SECONDS)


def _sample_rate(name: str) -> Callable[[str], int]:
    return checked(lambda value: checks.whole_number(name, value, MIN_RATE, MAX_RATE), digits)
