"""`rnn-speak`: text from a model, or given, as speech."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import NoReturn

from pi_runtime.cli.arguments import (
    DEFAULT_MODEL,
    SAMPLING,
    Parser,
    add_generation,
    add_model,
    changed_options,
    model_is_named,
    model_path,
    sampling_options,
    unused_option,
    warn_about_prefix,
)
from pi_runtime.cli.output import emit, note
from pi_runtime.cli.process import run
from pi_runtime.cli.speech_arguments import add_sound, add_speech, open_sink, speech_config
from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.service.client import ask, service_is_up

CONTROLS = ("status", "stop", "pause", "resume", "reload")
SENT = (*SAMPLING, "prefix", "seed")
"""The options that are sent to the service; with others it speaks as it was set."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speak."""
    run(_speak, argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "rnn-speak",
        "Speak generated text, sentence by sentence, as it is generated; the text itself goes to "
        f"stdout. MODEL left out: $RNN_MODEL, else {DEFAULT_MODEL}; and if the service "
        "is up, it speaks, in its turn.",
        "  rnn-speak colab.tflite\n"
        "  rnn-speak colab.tflite --wav speech.wav --seed 7\n"
        '  rnn-speak --text "Hello there." --rate 0.8\n'
        "  rnn-speak --list-voices ru",
    )
    add_model(parser)
    parser.add_argument("--text", metavar="TEXT|-", help="speak this (-: stdin), generate nothing")
    add_speech(parser)
    add_sound(parser)
    service = parser.add_argument_group("the service")
    service.add_argument("--local", action="store_true", help="speak here, bypassing the service")
    for control in CONTROLS:
        service.add_argument(f"--{control}", dest="control", action="store_const", const=control)
    lists = parser.add_argument_group("what there is")
    lists.add_argument("--list-engines", action="store_true")
    lists.add_argument("--list-voices", nargs="?", const="", metavar="LANGUAGE")
    lists.add_argument("--list-devices", action="store_true")
    add_generation(parser)
    return parser


def _speak(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="note: %(message)s", stream=sys.stderr)
    if args.list_engines or args.list_voices is not None or args.list_devices:
        for line in _lists(args):
            emit(f"{line}\n")
        return 0
    if args.control:
        return _control(args.control)
    if _is_for_the_service(args):
        return _ask_service(args)
    from pi_runtime.speech import SpeechSession

    sink = open_sink(args)
    if args.text is not None:
        pieces: Iterable[str] = [_given(args.text)]
        tokens: Iterable[str] = pieces
    else:
        pieces, tokens = _generated(args)
    out = sys.stderr if args.raw else sys.stdout
    with SpeechSession(speech_config(args), tokens) as session:
        spoken = session.speak(pieces, sink, lambda sentence: emit(f"{sentence}\n", out))
    _check_spoken(spoken.sentences)
    path = f", {args.wav}" if args.wav else ""
    note(f"{spoken.engine}, {spoken.language}, {spoken.sentences} sentences{path}")
    return 0


def _control(do: str) -> int:
    reply = ask(do)
    reply.pop("ok")
    if reply:
        emit(json.dumps(reply, ensure_ascii=False, indent=2) + "\n")
    return 0


def _is_for_the_service(args: argparse.Namespace) -> bool:
    """Return whether the service is to speak: it is up, and owns the sound card.

    Raises:
        UsageError: it is, but an option asks for what it does not do.
    """
    named = model_is_named(args.model) and args.text is None
    if args.local or args.wav or args.raw or named or not service_is_up():
        return False
    if other := unused_option(_parser(), args, (*SENT, "n", "text")):
        raise UsageError(
            f"the service speaks with its own {other}",
            "change /etc/default/rnn-speak and reload it, or add --local",
        )
    return True


def _ask_service(args: argparse.Namespace) -> int:
    def tell(sentence: str) -> None:
        emit(f"{sentence}\n")

    if args.text is not None:
        reply = ask("say", tell, text=_given(args.text))
        _check_spoken(reply["sentences"] or reply["stopped"])
        note(f"{reply['engine']}, {reply['sentences']} sentences, by the service")
        return 0
    members = changed_options(_parser(), args, SENT)
    for index in range(args.n):
        if args.seed is not None:
            members["seed"] = (args.seed + index) % 2**32
        reply = ask("speak", tell, **members)
        note(
            f"seed {reply['seed']}, {reply['engine']}, {reply['sentences']} sentences, "
            "by the service"
        )
        if reply["stopped"]:
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


def _generated(args: argparse.Namespace) -> tuple[Iterator[str], Iterable[str]]:
    """Return the texts in pieces, one after the other, and the model's vocabulary."""
    from pi_runtime.generation.generator import TextGenerator
    from pi_runtime.generation.params import SamplingParams
    from pi_runtime.generation.sampling import random_seed

    generator = TextGenerator.load(model_path(args.model), args.backend, args.threads)
    if generator.fallback_reason:
        note(f"note: {generator.fallback_reason}; {generator.backend.name} computes instead")
    if args.prefix:
        warn_about_prefix(generator.vocabulary.unknown(args.prefix))
    seed = random_seed() if args.seed is None else args.seed
    note(f"seed {seed}")
    params = SamplingParams(**sampling_options(args))

    def pieces() -> Iterator[str]:
        for index in range(args.n):
            yield from generator.stream(args.prefix, seed=seed, index=index, params=params)
            yield "\n"  # which ends a sentence

    return pieces(), generator.vocabulary.tokens()


if __name__ == "__main__":
    main()
