"""The options that shape speech, shared by every command that speaks, and what they open."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pi_runtime.cli import options
from pi_runtime.errors import UsageError

if TYPE_CHECKING:
    from pi_runtime.speech.sinks import Sink
    from pi_runtime.speech.speaker import Speaker

COMMON_TOKENS = 40
"""How many of a vocabulary's tokens, commonest first, tell its language."""


def add_speech(parser: argparse.ArgumentParser) -> None:
    """Add the options of voices."""
    from pi_runtime.speech.engines import ENGINES
    from pi_runtime.speech.sentences import LIMIT

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
        "--command", metavar="C", help="the program of --engine command: text in, WAV or raw out"
    )
    group.add_argument(
        "--command-rate", type=_rate, default=22_050, metavar="HZ", help="of its raw sound"
    )
    group.add_argument("--rate", type=_factor, default=1.0, metavar="X", help="speed (default 1)")
    group.add_argument("--pitch", type=_factor, default=1.0, metavar="X", help="default 1")
    group.add_argument("--volume", type=_factor, default=1.0, metavar="X", help="default 1")
    group.add_argument(
        "--max-sentence",
        type=options.count,
        default=LIMIT,
        metavar="N",
        help=f"cut a sentence after so many characters (default {LIMIT})",
    )
    group.add_argument(
        "--sentence-time",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="give a sentence up after so many seconds of synthesis (default 60)",
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
        "--sample-rate", type=_rate, metavar="HZ", help="convert to this (default: the engine's)"
    )
    sound.add_argument(
        "--pre-silence",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="seconds of silence first: HDMI sinks swallow the first word",
    )
    sound.add_argument(
        "--sentence-silence", type=_seconds, default=0.2, metavar="S", help="between (default 0.2)"
    )
    sound.add_argument(
        "--wait",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="how long to wait for a missing or busy sound device (default 5)",
    )


def open_speaker(
    args: argparse.Namespace, first: str, tokens: Iterable[str]
) -> tuple[Speaker, str]:
    """Return who speaks a text that begins with the sentence `first`, and in which language.

    `tokens` are the model's, commonest first; they tell the language where the text does not.

    Raises:
        SpeechError: no engine or no voice can be had.
        UsageError: the command cannot be read.
    """
    from pi_runtime.speech.engines import Wishes, open_engines
    from pi_runtime.speech.language import language_of
    from pi_runtime.speech.speaker import Speaker

    language = args.language.lower().replace("_", "-").partition("-")[0]
    if language == "auto":
        language = language_of([first, *islice(tokens, COMMON_TOKENS)])
    wishes = Wishes(
        language=language,
        voice=args.voice,
        rate=args.rate / args.pitch,
        seconds=args.sentence_time,
        command=_command(args.command or ""),
        command_rate=args.command_rate,
    )
    engines = open_engines(args.engine, wishes)
    return Speaker(engines, pitch=args.pitch, volume=args.volume), language


def open_sink(args: argparse.Namespace) -> Sink:
    """Return where the sound goes.

    Raises:
        SpeechError: aplay is missing.
    """
    from pi_runtime.speech.sinks import Aplay, RawOutput, WavFile

    if args.wav:
        return WavFile(args.wav, args.sample_rate)
    if args.raw:
        return RawOutput(sys.stdout.buffer, args.sample_rate)
    return Aplay(args.device, args.sample_rate, args.wait)


def _command(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--command: {str(error).lower()}", "close every quote") from None


def _factor(text: str) -> float:
    return options.number(text, 0.1, 10.0)


def _seconds(text: str) -> float:
    return options.number(text, 0.0, 86_400.0)


def _rate(text: str) -> int:
    return int(options.number(text, 4_000, 192_000))
