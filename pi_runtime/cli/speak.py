"""`rnn-speak`: text from a model, or given, as speech."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NoReturn

from pi_runtime.cli import common, options, speech_options
from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.service.client import ask, service_is_up

CONTROLS = ("status", "stop", "pause", "resume")
SENT_ALONG = ("prefix", "temperature", "max_gen_length", "seed")
"""The options that the service takes; with others it speaks as it was set."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speak."""
    common.run(_speak, argv)


def _parser() -> argparse.ArgumentParser:
    parser = common.Parser(
        "rnn-speak",
        "Speak generated text, sentence by sentence, as it is generated; the text itself goes to "
        f"stdout. MODEL left out: $RNN_MODEL, else {common.DEFAULT_MODEL}; and where the service "
        "is up, it speaks, in its turn.",
        "  rnn-speak colab.tflite\n"
        "  rnn-speak colab.tflite --wav speech.wav --seed 7\n"
        '  rnn-speak --text "Hello there." --rate 0.8\n'
        "  rnn-speak --list-voices ru",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")
    parser.add_argument("--text", metavar="TEXT|-", help="speak this (-: stdin), generate nothing")
    speech_options.add_speech(parser)
    speech_options.add_sound(parser)
    service = parser.add_argument_group("the service")
    service.add_argument("--local", action="store_true", help="speak alone, past the service")
    for control in CONTROLS:
        service.add_argument(f"--{control}", dest="control", action="store_const", const=control)
    lists = parser.add_argument_group("what there is")
    lists.add_argument("--list-engines", action="store_true")
    lists.add_argument("--list-voices", nargs="?", const="", metavar="LANGUAGE")
    lists.add_argument("--list-devices", action="store_true")
    options.add_generation(parser)
    return parser


def _speak(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="note: %(message)s", stream=sys.stderr)
    if args.list_engines or args.list_voices is not None or args.list_devices:
        for line in _lists(args):
            common.emit(f"{line}\n")
        return 0
    if args.control:
        return _control(args.control)
    if _is_for_the_service(args):
        return _ask_service(args)
    from pi_runtime.speech.pipeline import speak
    from pi_runtime.speech.sentences import split_sentences

    sink = speech_options.open_sink(args)
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
    speaker, language = speech_options.open_speaker(args, first, tokens)
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
    _check_spoken(count)
    where = f", {args.wav}" if args.wav else ""
    common.say(f"{speaker.engine.name}, {language}, {count} sentences{where}")
    return 0


def _control(do: str) -> int:
    answer = ask(do)
    answer.pop("ok")
    if answer:
        common.emit(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    return 0


def _is_for_the_service(args: argparse.Namespace) -> bool:
    """Return whether the service is to speak: it is up, and owns the sound card.

    Raises:
        UsageError: it is, but it was set to speak otherwise.
    """
    named = common.model_is_named(args.model) and args.text is None
    if args.local or args.wav or args.raw or named or not service_is_up():
        return False
    other = common.changed(_parser(), args, besides=(*SENT_ALONG, "n", "text"))
    if other:
        raise UsageError(
            f"the service speaks with its own {other}",
            "change /etc/default/rnn-speak and reload it, or add --local",
        )
    return True


def _ask_service(args: argparse.Namespace) -> int:
    def tell(sentence: str) -> None:
        common.emit(f"{sentence}\n")

    if args.text is not None:
        answer = ask("say", tell, text=_given(args.text))
        _check_spoken(answer["sentences"] or answer["stopped"])
        common.say(f"{answer['engine']}, {answer['sentences']} sentences, by the service")
        return 0
    changed = common.changed_values(_parser(), args, SENT_ALONG)
    for index in range(args.n):
        if args.seed is not None:
            changed["seed"] = (args.seed + index) % 2**32
        answer = ask("speak", tell, **changed)
        common.say(
            f"seed {answer['seed']}, {answer['engine']}, {answer['sentences']} sentences, "
            "by the service"
        )
        if answer["stopped"]:
            break
    return 0


def _check_spoken(sentences: int) -> None:
    if not sentences:
        raise SpeechError("no word of the text can be pronounced", "give a text with words")


def _lists(args: argparse.Namespace) -> Iterator[str]:
    from pi_runtime.speech.engines import ENGINES
    from pi_runtime.speech.sinks import list_devices

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
    from pi_runtime.generation.generator import TextGenerator, random_seed

    generator = TextGenerator.load(common.model_path(args.model), args.backend, args.threads)
    if generator.fallback:
        common.say(f"note: {generator.fallback}; numpy computes instead")
    if args.prefix:
        options.warn_about_prefix(generator.vocabulary.unknown(args.prefix))
    seed = random_seed() if args.seed is None else args.seed
    common.say(f"seed {seed}")
    texts = (
        generator.stream(args.prefix, args.temperature, args.max_gen_length, seed, index)
        for index in range(args.n)
    )
    return texts, generator.vocabulary.tokens()


if __name__ == "__main__":
    main()
