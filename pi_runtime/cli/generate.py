"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from pi_runtime.cli.arguments import (
    DEFAULT_MODEL,
    add_model,
    add_quiet,
    add_service,
    count,
    model_is_named,
    model_path,
    target,
    warn_about_prefix,
)
from pi_runtime.cli.generation_arguments import (
    add_generation,
    check_generation,
    sampling_options,
)
from pi_runtime.cli.output import be_quiet, emit, note
from pi_runtime.cli.parser import Parser, refuse, refuse_others
from pi_runtime.cli.process import run
from pi_runtime.cli.progress import DELAY, counted, open_bar
from pi_runtime.errors import UsageError
from pi_runtime.service.client import ask, check_is_there, service_is_chosen, service_is_open
from pi_runtime.service.limits import TEXTS, TOKENS

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-generate."""
    run(_generate, argv, at_once=True)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "rnn-generate",
        "Generate text from a model that rnn-convert made. MODEL left out: $RNN_MODEL, else "
        f"{DEFAULT_MODEL}, by the service if it is up.",
        "  rnn-generate colab.tflite\n"
        '  rnn-generate colab.tflite --prefix "Once" --temperature 0.5 --seed 7\n'
        "  rnn-generate colab.tflite -n 100 -o texts.txt\n"
        "  rnn-generate colab.tflite --append -o diary.txt\n"
        "  rnn-generate colab.tflite -n 100 -0 | xargs -0 -n 1 echo\n"
        "  rnn-generate colab.tflite --interactive",
    )
    add_model(parser)
    add_generation(parser, for_speech=False)
    parser.add_argument(
        "--samples",
        action="store_true",
        help="N texts at each of the temperatures 0.2, 0.5 and 1.0",
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="choose each token among the likeliest, or write your own",
    )
    parser.add_argument(
        "--top-n", type=count("top_n"), default=3, metavar="K", help="of K tokens (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object per text, one per line")
    parser.add_argument(
        "-o",
        "--output",
        type=target("-o", "leave it out: text goes to stdout anyway", replaced=False),
        metavar="FILE",
        help="write there, not stdout; a file appears when all of it is there",
    )
    parser.add_argument(
        "--append",
        action="store_true",
        help="add each text at the end of FILE as it is done, instead of replacing it",
    )
    between = parser.add_mutually_exclusive_group()
    between.add_argument(
        "--separator",
        type=_separator,
        metavar="S",
        help="what stands between two texts, with \\n, \\t and \\\\ (default: a line break, and an "
        "empty line as well if one of the two has a line break of its own); with --append, behind "
        "each",
    )
    between.add_argument(
        "-0", "--null", action="store_true", help="end each text with NUL, as for xargs -0"
    )
    add_service(parser)
    add_quiet(parser)
    return parser


def _separator(text: str) -> str:
    """Read a separator with its escapes."""
    known = {"n": "\n", "t": "\t", "\\": "\\"}
    letters = iter(text)
    found = ""
    for letter in letters:
        if letter == "\\":
            escape = next(letters, "")
            if escape not in known:
                raise UsageError(
                    f"--separator has \\{escape}", r"write \n, \t or \\; for NUL take -0"
                )
            letter = known[escape]
        found += letter
    return found


def _generate(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    _check(args)
    be_quiet(args.quiet)
    if args.interactive:
        return _interact(args)
    source = _service_for(args) or _Model(args)
    sampling = sampling_options(args)
    runs = [sampling]
    if args.samples:
        runs = [{**sampling, "temperature": (t,)} for t in SAMPLE_TEMPERATURES]
    clock = _Clock()
    if args.output is not None:
        _write(args, source, runs, clock)
    elif args.n == 1 and not args.json and not args.samples:
        for piece in source.pieces(args, sampling):
            emit(clock.count(piece))
        emit("\0" if args.null else "\n")
    else:
        for chunk in _chunks(source, args, runs, clock):
            emit(chunk)
    note(f"seed {source.seed}, {source.backend}, {clock.report()}")
    return 0


def _write(
    args: argparse.Namespace,
    source: _Model | _Service,
    runs: list[dict[str, Any]],
    clock: _Clock,
) -> None:
    """Write the texts to the file that was named."""
    # Here, not above: a warm one-off writes no files.
    from pi_runtime.files import appended_texts, whole_texts

    end = "\0" if args.null else "\n" if args.separator is None else args.separator
    with appended_texts(args.output, end) if args.append else whole_texts(args.output) as write:
        for chunk in _chunks(source, args, runs, clock):
            write(chunk)


def _check(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing together with the others."""
    check_generation(args)
    if args.append and args.output is None:
        raise UsageError("--append has no file", "name one with -o")
    if args.output is not None and not args.append:
        from pi_runtime.files import check_replaceable

        check_replaceable(args.output, "-o, or add --append")
    if args.interactive:
        used = ("model", "interactive", "top_n", "prefix", "backend", "threads", "local")
        refuse_others(args, used, "with --interactive")
    else:
        refuse(args, ("top_n",), "without --interactive", "leave it out, or add --interactive")
    if args.samples:
        refuse(args, ("temperature",), "with --samples, which has three of its own")
        refuse(args, ("null",), "with --samples, which prints headings")
    if args.json:
        refuse(args, ("separator", "null"), "with --json, which gives each text a line")
    if args.service:
        refuse(
            args, ("model", "local"), "with --service", "name the model file, or the service alone"
        )


def _interact(args: argparse.Namespace) -> int:
    from pi_runtime.cli.interactive import interact

    if service_is_chosen() and not (args.local or model_is_named(args.model)):
        raise UsageError(
            "--interactive is nothing that a service does",
            "name the model file, or unset RNN_SOCKET",
        )
    emit(f"{interact(_Model(args).generator, args.prefix, args.top_n)}\n")
    return 0


class _Model:
    """A model in this process."""

    def __init__(self, args: argparse.Namespace) -> None:
        path = model_path(args.model)
        # Here, not above: --help, a mistyped option and the service's reply need no NumPy.
        from pi_runtime.generation.generator import TextGenerator
        from pi_runtime.generation.params import SamplingParams
        from pi_runtime.generation.sampling import random_seed

        self._params = SamplingParams
        self.generator = TextGenerator.load(path, args.backend, args.threads)
        self.backend = self.generator.backend.name
        if self.generator.fallback_reason:
            note(f"note: {self.generator.fallback_reason}; {self.backend} computes instead")
        if args.prefix:
            warn_about_prefix(self.generator.vocabulary.unknown(args.prefix))
        self.seed = random_seed() if args.seed is None else args.seed

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """Return the only text, as it comes."""
        params = self._params(**sampling)
        return self.generator.stream(args.prefix, seed=self.seed, params=params)

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """Return the texts."""
        params = self._params(**sampling)
        return self.generator.texts(args.n, args.prefix, seed=self.seed, params=params)


class _Service:
    """The service's model, which is loaded already; otherwise as `_Model`."""

    backend = "by the service"

    def __init__(self, args: argparse.Namespace) -> None:
        self.seed = int.from_bytes(os.urandom(4)) if args.seed is None else args.seed
        self._name = args.service
        self._warned = False

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        return self.texts(args, sampling)

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        members = {"n": args.n, "prefix": args.prefix or "", "seed": self.seed, **sampling}
        reply = ask("generate", service=self._name, **members)
        if not self._warned:
            warn_about_prefix(reply["unknown"])
            self._warned = True
        texts: list[str] = reply["texts"]
        return texts


def _service_for(args: argparse.Namespace) -> _Service | None:
    """Return the service, if one is to generate: it was named, or is up and can do what is asked.

    Raises:
        UsageError: it was named, and cannot.
        ServiceError: it was named, and is not there.
    """
    if not args.service and (args.local or model_is_named(args.model)):
        return None
    large = args.n > TEXTS or args.n * args.max_gen_length > TOKENS
    if service_is_chosen(args.service):
        instead = "name the model file instead of the service"
        refuse(args, ("backend", "threads"), "with a service", instead)
        if large:
            raise UsageError(
                f"-n {args.n} of {args.max_gen_length} tokens is more than a service does, "
                f"{TEXTS} texts and {TOKENS} tokens",
                f"ask for less, or {instead}",
            )
        check_is_there(args.service)
        return _Service(args)
    special = args.backend != "auto" or args.threads != 1
    return None if large or special or not service_is_open() else _Service(args)


class _Clock:
    """Counts characters against time, for the speed line."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._characters = 0

    def count(self, text: str) -> str:
        self._characters += len(text)
        return text

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def report(self) -> str:
        rate = self._characters / max(self.seconds(), 1e-9)
        return f"{self._characters} characters, {rate:.0f} per second"


def _chunks(
    source: _Model | _Service,
    args: argparse.Namespace,
    runs: list[dict[str, Any]],
    clock: _Clock,
) -> Iterator[str]:
    """Yield the output text by text, each with what stands before and behind it.

    A bar shows how far it is, unless the texts go to the terminal themselves.
    """
    total = args.n * len(runs)
    more = args.append and args.output.is_file() and args.output.stat().st_size > 0
    silent = args.quiet or total == 1 or (args.output is None and sys.stdout.isatty())
    bar = open_bar(total, quiet=silent, unit="text", leave=False, delay=DELAY)
    try:
        for number, sampling in enumerate(runs):
            if args.samples and not args.json:
                apart = "\n" if number or more else ""
                yield f"{apart}# temperature {sampling['temperature'][0]}\n"
            begun = clock.seconds()
            between = Between(args, more=more and not args.samples)
            for index, text in enumerate(counted(source.texts(args, sampling), bar)):
                clock.count(text)
                if not args.json:
                    yield between.around(text, last=index == args.n - 1 and not args.append)
                    continue
                record = {
                    "text": text,
                    "seed": source.seed,
                    "index": index,
                    "temperature": sampling["temperature"],
                    "prefix": args.prefix,
                    "backend": source.backend,
                    "characters": len(text),
                    "seconds": round(clock.seconds() - begun, 6),
                }
                yield json.dumps(record, ensure_ascii=False) + "\n"
    finally:
        if bar is not None:
            bar.close()


class Between:
    """What stands between texts. It remembers of the one before whether it had a line break."""

    def __init__(self, args: argparse.Namespace, *, more: bool = False) -> None:
        """`more` says that the texts follow others, which are taken for single lines."""
        self._separator = "\0" if args.null else args.separator
        self._end = "\0" if args.null else "\n"
        self._broken: bool | None = False if more else None

    def around(self, text: str, *, last: bool) -> str:
        """Return a text with what belongs before and behind it."""
        if self._separator is not None:
            return text + (self._end if last else self._separator)
        before, self._broken = self._broken, "\n" in text
        apart = before is not None and (before or self._broken)
        return f"{chr(10) if apart else ''}{text}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
