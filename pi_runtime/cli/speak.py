"""`rnn-speak`: text from a model, or given, as speech."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pi_runtime.cli import common, options
from pi_runtime.errors import UsageError

if TYPE_CHECKING:
    from pi_runtime.speech.player import Sink

COMMON_TOKENS = 40
"""How many of a vocabulary's tokens, commonest first, tell its language."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speak."""
    common.run(_speak, argv)


def _parser() -> argparse.ArgumentParser:
    from pi_runtime.speech.engines import ENGINES
    from pi_runtime.speech.sentences import LIMIT

    parser = common.Parser(
        "rnn-speak",
        "Speak generated text, sentence by sentence, as it is generated; the text itself goes to "
        f"stdout. MODEL left out: $RNN_MODEL, else {common.DEFAULT_MODEL}.",
        "  rnn-speak colab.tflite\n"
        "  rnn-speak colab.tflite --wav speech.wav --seed 7\n"
        '  rnn-speak --text "Hello there." --rate 0.8\n'
        "  rnn-speak --list-voices ru",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")
    group = parser.add_argument_group("speech")
    group.add_argument("--text", metavar="TEXT|-", help="speak this (-: stdin), generate nothing")
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
    lists = parser.add_argument_group("what there is")
    lists.add_argument("--list-engines", action="store_true")
    lists.add_argument("--list-voices", nargs="?", const="", metavar="LANGUAGE")
    lists.add_argument("--list-devices", action="store_true")
    options.add_generation(parser)
    return parser


def _factor(text: str) -> float:
    return options.number(text, 0.1, 10.0)


def _seconds(text: str) -> float:
    return options.number(text, 0.0, 86_400.0)


def _rate(text: str) -> int:
    return int(options.number(text, 4_000, 192_000))


def _speak(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="note: %(message)s", stream=sys.stderr)
    if args.list_engines or args.list_voices is not None or args.list_devices:
        for line in _lists(args):
            common.emit(f"{line}\n")
        return 0
    from pi_runtime.speech.engines import Wishes, open_engines
    from pi_runtime.speech.language import language_of
    from pi_runtime.speech.pipeline import speak
    from pi_runtime.speech.sentences import split_sentences
    from pi_runtime.speech.speaker import Speaker

    sink = _sink(args)
    if args.text is not None:
        given = _given(args.text)
        texts: Iterable[Iterable[str]] = [[given]]
        tokens: Iterable[str] = [given]
    else:
        texts, tokens = _generated(args)
    sentences = (
        sentence for pieces in texts for sentence in split_sentences(pieces, args.max_sentence)
    )
    first = next(sentences, "")
    language = args.language.lower().replace("_", "-").partition("-")[0]
    if language == "auto":
        language = language_of(chain([first], islice(tokens, COMMON_TOKENS)))
    wishes = Wishes(
        language=language,
        voice=args.voice,
        rate=args.rate / args.pitch,
        seconds=args.sentence_time,
        command=_command(args.command or ""),
        command_rate=args.command_rate,
    )
    speaker = Speaker(open_engines(args.engine, wishes), pitch=args.pitch, volume=args.volume)
    out = sys.stderr if args.raw else sys.stdout
    with sink:
        count = speak(
            chain([first], sentences),
            speaker,
            sink,
            lambda sentence: common.emit(f"{sentence}\n", out),
            pre_silence=args.pre_silence,
            sentence_silence=args.sentence_silence,
        )
    where = f", {args.wav}" if args.wav else ""
    common.say(f"{speaker.engine.name}, {language}, {count} sentences{where}")
    return 0


def _command(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--command: {str(error).lower()}", "close every quote") from None


def _sink(args: argparse.Namespace) -> Sink:
    from pi_runtime.speech.player import Aplay, RawOutput, WavFile

    if args.wav:
        return WavFile(args.wav, args.sample_rate)
    if args.raw:
        return RawOutput(sys.stdout.buffer, args.sample_rate)
    return Aplay(args.device, args.sample_rate, args.wait)


def _lists(args: argparse.Namespace) -> Iterator[str]:
    from pi_runtime.speech.engines import ENGINES
    from pi_runtime.speech.player import list_devices

    if args.list_engines:
        for name, engine in ENGINES.items():
            yield f"{name:<11}{'installed' if engine.available() else 'not installed'}"
    if args.list_voices is not None:
        for engine in ENGINES.values():
            for voice in engine.voices():
                if voice.language.startswith(args.list_voices):
                    yield f"{voice.engine:<11}{voice.language:<8}{voice.name}"
    if args.list_devices:
        for name, description in list_devices():
            yield f"{name:<40}{description}".rstrip()


def _given(text: str) -> str:
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the text on stdin is not UTF-8", "convert it, e.g. with iconv") from None


def _generated(args: argparse.Namespace) -> tuple[Iterator[Iterator[str]], Iterable[str]]:
    """Return the texts, each in pieces, and the model's vocabulary."""
    from pi_runtime.generator import TextGenerator, random_seed

    generator = TextGenerator.load(common.model_path(args.model), args.backend, args.threads)
    if generator.fallback:
        common.say(f"note: {generator.fallback}; numpy computes instead")
    options.warn_about_prefix(generator, args.prefix)
    seed = random_seed() if args.seed is None else args.seed
    common.say(f"seed {seed}")
    texts = (
        generator.stream(args.prefix, args.temperature, args.max_gen_length, seed, index)
        for index in range(args.n)
    )
    return texts, generator.vocabulary.tokens()


if __name__ == "__main__":
    main()
