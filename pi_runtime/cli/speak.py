"""`rnn-speak`: text from a model, or given, as speech."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import NoReturn

from pi_runtime.cli import common, options
from pi_runtime.errors import UsageError

COMMON_TOKENS = 40
"""How many of a vocabulary's tokens, commonest first, tell its language."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speak."""
    common.run(_speak, argv)


def _parser() -> argparse.ArgumentParser:
    from pi_runtime.speech.engines import NAMES

    parser = common.Parser(
        "rnn-speak",
        "Speak generated text, sentence by sentence, as it is generated; the text itself goes to "
        f"stdout. MODEL left out: $RNN_MODEL, else {common.DEFAULT_MODEL}.",
        "  rnn-speak colab.tflite\n"
        "  rnn-speak colab.tflite --wav speech.wav --seed 7\n"
        '  rnn-speak --text "Hello there."',
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")
    group = parser.add_argument_group("speech")
    group.add_argument(
        "--engine", choices=("auto", *NAMES), default="auto", help="default: the best one present"
    )
    group.add_argument(
        "--language",
        default="auto",
        metavar="L",
        help="en, ru, … (default: that of the text given, or of the model's vocabulary)",
    )
    group.add_argument("--wav", type=Path, metavar="FILE", help="write a WAV file, play nothing")
    group.add_argument(
        "--device", default="default", metavar="ALSA", help="the sound device (see `aplay -L`)"
    )
    group.add_argument("--text", metavar="TEXT|-", help="speak this (-: stdin), generate nothing")
    options.add_generation(parser)
    return parser


def _speak(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="note: %(message)s")
    from pi_runtime.speech.engines import open_engine
    from pi_runtime.speech.language import language_of
    from pi_runtime.speech.pipeline import speak
    from pi_runtime.speech.player import Aplay, Sink, WavFile
    from pi_runtime.speech.sentences import split_sentences

    if args.text is not None:
        texts: Iterable[Iterable[str]] = [[_given(args.text)]]
        tokens: Iterable[str] = ()
    else:
        texts, tokens = _generated(args)
    sentences = (sentence for pieces in texts for sentence in split_sentences(pieces))
    first = next(sentences, "")
    language = args.language
    if language == "auto":
        language = language_of([first], default=language_of(islice(tokens, COMMON_TOKENS)))
    engine = open_engine(args.engine, language)
    sink: Sink = WavFile(args.wav) if args.wav else Aplay(args.device)
    with ExitStack() as stack:
        stack.enter_context(sink)
        count = speak(
            chain([first], sentences),
            engine,
            sink,
            lambda sentence: common.emit(f"{sentence}\n"),
        )
    where = f", {args.wav}" if args.wav else ""
    common.say(f"{engine.name}, {language}, {count} sentences{where}")
    return 0


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
