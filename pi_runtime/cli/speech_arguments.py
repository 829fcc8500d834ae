"""The options that shape speech, shared by every command that speaks."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pi_runtime.cli.arguments import count, number, target, whole
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import UsageError
from pi_runtime.speech import defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pi_runtime.speech import Sink, SpeechConfig

STDOUT = "-"
"""Such a --wav is a stream on stdout."""

ENCODERS = {
    "flac": "flac - -o",
    "mp3": "lame -",
    "oga": "oggenc - -o",
    "ogg": "oggenc - -o",
    "opus": "opusenc -",
    **dict.fromkeys(
        ("aac", "aif", "aiff", "au", "m4a", "mka", "mp4", "webm", "wma"), "ffmpeg -i -"
    ),
}
"""What makes a sound file with that ending of a WAV on its stdin, before the file's name."""


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
        type=_language,
        default="auto",
        metavar="L",
        help="ru, russian, русский, … (default: that of the text, else of the model's vocabulary)",
    )
    group.add_argument("--voice", metavar="V", help="a voice's name, or a piper voice file")
    group.add_argument(
        "--command",
        type=_command,
        metavar="C",
        default=(),
        help="the program of --engine command: text in, WAV or raw out",
    )
    group.add_argument(
        "--command-rate",
        type=_sample_rate("--command-rate"),
        default=defaults.COMMAND_RATE,
        metavar="HZ",
        help="of its raw sound",
    )
    for name, what in (("rate", "speed"), ("pitch", "2 is an octave higher"), ("volume", "factor")):
        kind = number(f"--{name}", defaults.MIN_FACTOR, defaults.MAX_FACTOR)
        group.add_argument(
            f"--{name}", type=kind, default=1.0, metavar="X", help=f"{what} (default 1)"
        )
    group.add_argument(
        "--loudness",
        type=number("--loudness", defaults.MIN_LOUDNESS, defaults.MAX_LOUDNESS),
        default=defaults.LOUDNESS,
        metavar="LUFS",
        help=f"of every sentence (default {defaults.LOUDNESS:g}; 0: as the engine makes it)",
    )
    group.add_argument(
        "--max-sentence",
        type=count("--max-sentence"),
        default=defaults.MAX_SENTENCE,
        metavar="N",
        help=f"cut a sentence after N characters (default {defaults.MAX_SENTENCE})",
    )
    group.add_argument(
        "--sentence-time",
        type=_seconds("--sentence-time"),
        default=defaults.SENTENCE_TIME,
        metavar="S",
        help="give a sentence up after S seconds of synthesis "
        f"(default {defaults.SENTENCE_TIME:g})",
    )


def add_sound(parser: argparse.ArgumentParser) -> None:
    """Add the options of where the sound goes."""
    sound = parser.add_argument_group("sound")
    where = sound.add_mutually_exclusive_group()
    where.add_argument(
        "--wav",
        type=_wav,
        metavar="FILE|-",
        help="write a WAV file, play nothing (-: to stdout, text to stderr)",
    )
    where.add_argument("--raw", action="store_true", help="raw s16le to stdout, text to stderr")
    where.add_argument(
        "--device", default="default", metavar="ALSA", help="the sound device to play to"
    )
    sound.add_argument(
        "--sample-rate",
        type=_sample_rate("--sample-rate"),
        metavar="HZ",
        help="convert to this (default: the engine's)",
    )
    sound.add_argument(
        "--pre-silence",
        type=_seconds("--pre-silence"),
        default=0.0,
        metavar="S",
        help="seconds of faint noise first: HDMI sinks swallow the first word",
    )
    sound.add_argument(
        "--sentence-silence",
        type=_seconds("--sentence-silence"),
        default=defaults.SENTENCE_SILENCE,
        metavar="S",
        help=f"between (default {defaults.SENTENCE_SILENCE:g})",
    )
    sound.add_argument(
        "--wait",
        type=_seconds("--wait"),
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
    from pi_runtime.speech.sinks import WavOutput

    if args.wav == STDOUT:
        return WavOutput(sys.stdout.buffer)
    if args.wav:
        return WavFile(args.wav)
    if args.raw:
        return RawOutput(sys.stdout.buffer)
    return Aplay(args.device, args.wait)


def check_speech(args: argparse.Namespace, engines: Collection[str]) -> None:
    """Refuse speech options that mean nothing with the engine.

    Raises:
        UsageError: one was given. `engines` are those that are asked for: one, or one each by the
            command line and a settings file.
    """
    if "command" not in engines:
        add = "add --engine command, or leave it out"
        refuse(args, ("command", "command_rate"), "without --engine command", add)
    if set(engines) <= {"command", "none"}:
        engine = min(engines)
        refuse(args, ("voice",), f"with --engine {engine}, which has no voices")
    if set(engines) == {"command"}:
        todo = "put it into the command"
        refuse(args, ("rate",), "with --engine command, which speaks at its own", todo)


def is_on_stdout(args: argparse.Namespace) -> bool:
    """Return whether the sound goes to stdout, and the text elsewhere."""
    return bool(args.raw or args.wav == STDOUT)


def check_sound(args: argparse.Namespace) -> None:
    """Refuse options of a sound device where none is played to, and a terminal in its place.

    Raises:
        UsageError: one was given, or stdout is a terminal.
    """
    if args.wav or args.raw:
        refuse(args, ("wait",), f"with {args.given['wav' if args.wav else 'raw']}")
    if is_on_stdout(args) and sys.stdout.isatty():
        option, suffix = ("--raw", "raw") if args.raw else ("--wav -", "wav")
        raise UsageError(
            f"{option} would write the sound to the terminal",
            f"add > speech.{suffix}, or a pipe: rnn-speak … --wav - | aplay",
        )


def _seconds(option: str) -> Callable[[str], float]:
    return number(option, 0.0, defaults.MAX_SECONDS)


def _sample_rate(option: str) -> Callable[[str], int]:
    return whole(option, defaults.MIN_SAMPLE_RATE, defaults.MAX_SAMPLE_RATE)


def _wav(name: str) -> Path | str:
    if name == STDOUT:
        return STDOUT
    _, dot, suffix = name.rpartition(".")
    suffix = suffix.lower() if dot else ""
    what, quoted = f"--wav {name} would be a WAV file", shlex.quote(name)
    if suffix in ENCODERS:
        raise UsageError(what, f"pipe it: rnn-speak … --wav - | {ENCODERS[suffix]} {quoted}")
    if suffix in ("pcm", "raw"):
        raise UsageError(what, f"take rnn-speak … --raw > {quoted}")
    path = target("--wav", "")(name)
    if path.exists() and not path.is_file():
        raise UsageError(f"--wav {name} is no file", f"take rnn-speak … --wav - > {quoted}")
    if suffix not in ("wav", "wave"):
        raise UsageError(what, f"name it {name}.wav")
    return path


def _command(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        reason = str(error).lower()
        raise UsageError(f"--command is {text!r}: {reason}", "close every quote") from None


def _language(text: str) -> str:
    return text.lower() if text.lower() == "auto" else read_language(text, "--language")


def read_language(text: str, option: str = "--list-voices") -> str:
    """Return the code of a language; it is an argparse type too.

    Raises:
        UsageError: it is none.
    """
    # Here, not above: a warm one-off names none.
    from pi_runtime.speech.language import language_code

    return language_code(text, option)
