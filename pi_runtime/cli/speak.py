"""`rnn-speak`: text from a model, or given, as speech."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import NoReturn

from pi_runtime.cli.arguments import (
    add_model,
    add_quiet,
    add_service,
    given_options,
)
from pi_runtime.cli.generation_arguments import (
    GENERATION,
    SAMPLING,
    add_generation,
    check_generation,
)
from pi_runtime.cli.models import DEFAULT_MODEL, model_is_named, model_path, warn_about_prefix
from pi_runtime.cli.output import PrintableStderr, be_quiet, emit, note
from pi_runtime.cli.parser import Parser
from pi_runtime.cli.process import run
from pi_runtime.cli.refusal import refuse, refuse_others
from pi_runtime.cli.sources import sampling_options
from pi_runtime.cli.speech_arguments import (
    add_sound,
    add_speech,
    check_sound,
    check_speech,
    is_on_stdout,
    open_sink,
    read_language,
    speech_config,
)
from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.service.client import (
    ask,
    check_is_there,
    listen,
    service_is_chosen,
    service_is_up,
    settings_of,
    unit_of,
)

CONTROLS = ("status", "stop", "pause", "resume", "reload")
LISTS = ("list_engines", "list_voices", "list_devices")
SENT = (*(name for name in SAMPLING if name != "reject"), "prefix", "seed")
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
    add_service(service)
    service.add_argument(
        "--events",
        action="store_true",
        help="print what it speaks and how loud, as JSON lines, each when it is heard",
    )
    for control in CONTROLS:
        service.add_argument(f"--{control}", dest="control", action="store_const", const=control)
    lists = parser.add_argument_group("what there is")
    lists.add_argument("--list-engines", action="store_true")
    lists.add_argument(
        "--list-voices",
        nargs="?",
        type=read_language,
        metavar="LANGUAGE",
        help="of an --engine too",
    )
    lists.add_argument("--list-devices", action="store_true")
    add_generation(parser)
    add_quiet(parser)
    return parser


def _speak(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    _check(args)
    be_quiet(args.quiet)
    level = logging.WARNING if args.quiet else logging.INFO
    logging.basicConfig(level=level, format="note: %(message)s", stream=PrintableStderr())
    if any(name in args.given for name in LISTS):
        for line in _lists(args):
            emit(f"{line}\n")
        return 0
    if args.events:
        for line in listen(args.service):
            emit(f"{line}\n")
    if args.control:
        return _control(args)
    if _is_for_the_service(args):
        return _ask_service(args)
    from pi_runtime.speech import SpeechSession

    sink = open_sink(args)
    config = speech_config(args)
    if config.voice and "language" in args.given:
        with SpeechSession(config) as session:
            session.open()  # before the work: the voice may be of another language
    if args.text is not None:
        pieces: Iterable[str] = [_given(args.text)]
        tokens: Iterable[str] = pieces
    else:
        pieces, tokens = _generated(args)
    out = sys.stderr if is_on_stdout(args) else sys.stdout
    with SpeechSession(config, tokens) as session:
        spoken = session.speak(pieces, sink, lambda sentence: emit(f"{sentence}\n", out))
    _check_spoken(spoken.sentences)
    path = f", {args.wav}" if args.wav and not is_on_stdout(args) else ""
    note(f"{spoken.engine}, {spoken.language}, {spoken.sentences} sentences{path}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing together with the others."""
    for name in LISTS:
        if name in args.given:
            used = (*LISTS, "quiet", *(("engine",) if "list_voices" in args.given else ()))
            used += ("service",) if args.list_devices else ()
            refuse_others(args, used, f"with {args.given[name]}")
            return
    if args.control:
        refuse_others(args, ("control", "service", "quiet"), f"with --{args.control}")
        return
    if args.events:
        refuse_others(args, ("events", "service", "quiet"), "with --events")
        return
    if args.text is not None:
        todo = "leave it out, or quote a text of several words"
        refuse(args, ("model",), "with --text, which generates nothing", todo)
        refuse(args, GENERATION, "with --text, which generates nothing")
    check_generation(args)
    check_speech(args, [args.engine])
    check_sound(args)
    if args.service:
        todo = "name the model file, or the service alone"
        refuse(args, ("model", "local", "wav", "raw"), "with --service", todo)


def _control(args: argparse.Namespace) -> int:
    reply = ask(args.control, service=args.service)
    reply.pop("ok")
    if reply:
        emit(json.dumps(reply, ensure_ascii=False, indent=2) + "\n")
    return 0


def _is_for_the_service(args: argparse.Namespace) -> bool:
    """Return whether the service is to speak: it was named, or it is up and owns the sound card.

    Raises:
        UsageError: it is, but an option asks for what it does not do.
        ServiceError: it was named, and is not there.
    """
    if not args.service:
        named = model_is_named(args.model) and args.text is None
        if args.local or named:
            return False
        to_file = args.given.get("wav") or args.given.get("raw")
        if to_file and args.text is None and service_is_chosen():
            raise UsageError(
                f"{to_file} is nothing that a service does", "name the model file, or add --local"
            )
        if to_file or not (service_is_chosen() or service_is_up()):
            return False
    check_is_there(args.service)
    unit = unit_of(args.service)
    settings = settings_of(args.service)
    instead = "name the model file instead" if args.service else "add --local"
    used = (*SENT, "n", "text", "service", "local", "quiet")
    for name, spelt in args.given.items():
        if name not in used:
            raise UsageError(
                f"the service speaks with its own {spelt}",
                f"change {settings} and reload it (sudo systemctl reload {unit}), or {instead}",
            )
    return True


def _ask_service(args: argparse.Namespace) -> int:
    def tell(sentence: str) -> None:
        emit(f"{sentence}\n")

    if args.text is not None:
        reply = ask("say", tell, args.service, text=_given(args.text))
        _check_spoken(reply["sentences"] or reply["stopped"])
        note(f"{reply['engine']}, {reply['sentences']} sentences, by the service")
        return 0
    members = given_options(args, SENT)
    for index in range(args.n):
        if args.seed is not None:
            members["seed"] = (args.seed + index) % 2**32
        reply = ask("speak", tell, args.service, **members)
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

    if args.list_engines:
        for name, engine in ENGINES.items():
            yield f"{name:<11}{'installed' if engine.available() else 'not installed'}"
    if "list_voices" in args.given:
        yield from _voices(args.list_voices or "", args.engine)
    if args.list_devices:
        from pi_runtime.cli.device_list import device_lines

        yield from device_lines(args.service)


def _voices(language: str, engine: str) -> Iterator[str]:
    """Yield a line for each voice of a language ("": all), of an engine ("auto": all).

    Engine, language, name and, if it is known, licence.
    """
    from pi_runtime.speech.engines import ENGINES
    from pi_runtime.speech.language import base_of, language_name

    voices = [
        voice
        for name, kind in ENGINES.items()
        if engine in ("auto", name)
        for voice in kind.voices()
    ]
    fitting = [v for v in voices if f"{v.language}-".startswith(f"{language}-" if language else "")]
    for voice in fitting:
        yield f"{voice.engine:<11}{voice.language:<8}{voice.name:<20}{voice.licence}".rstrip()
    if fitting:
        return
    advice = "sudo apt install espeak-ng"
    if base_of(language) in ("en", "ru"):
        advice = "sudo apt install espeak-ng festival festvox-kallpc16k festvox-ru"
    by = "" if engine == "auto" else f" of {engine}"
    if not voices:
        raise SpeechError(f"no voice{by} is installed", advice)
    languages = sorted({base_of(voice.language) for voice in voices})
    if len(languages) > 12:
        languages = [*languages[:5], f"and {len(languages) - 5} more, see --list-voices"]
    raise SpeechError(
        f"no voice{by} here speaks {language_name(language)}",
        f"take one of {', '.join(languages)}, or install one"
        + ("" if ENGINES["espeak-ng"].available() else f": {advice}"),
    )


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
    from pi_runtime.generation.random_stream import random_seed

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
