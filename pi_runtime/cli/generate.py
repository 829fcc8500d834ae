"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from pi_runtime.cli import common, options
from pi_runtime.errors import UsageError
from pi_runtime.service.client import ask, service_is_open
from pi_runtime.service.limits import TEXTS, TOKENS

TYPE_CHECKING = False  # see pi_runtime.cli.common
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-generate."""
    common.run(_generate, argv, at_once=True)


def _parser() -> argparse.ArgumentParser:
    parser = common.Parser(
        "rnn-generate",
        "Generate text from a model that rnn-convert made. MODEL left out: $RNN_MODEL, else "
        f"{common.DEFAULT_MODEL}, by the service where it is up.",
        "  rnn-generate colab.tflite\n"
        '  rnn-generate colab.tflite --prefix "Once" --temperature 0.5 --seed 7\n'
        "  rnn-generate colab.tflite -n 100 -o texts.txt\n"
        "  rnn-generate colab.tflite --interactive",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")
    options.add_generation(parser)
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
        "--top-n", type=options.count, default=3, metavar="K", help="of K tokens (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a text, a line each")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not stdout")
    parser.add_argument("--local", action="store_true", help="generate here, past the service")
    return parser


def _generate(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    if args.interactive:
        return _compose(args)
    source = _service_for(args) or _Model(args)
    runs = [[t] for t in SAMPLE_TEMPERATURES] if args.samples else [args.temperature]
    clock = _Clock()
    if args.output is not None:
        # Here, not above: an answer of the service needs no files.
        from pathlib import Path

        from pi_runtime.files import whole_lines

        with whole_lines(Path(args.output)) as write:
            for line in _lines(source, args, runs, clock):
                write(line)
    elif args.n == 1 and not args.json and not args.samples:
        for piece in source.pieces(args):
            common.emit(clock.count(piece))
        common.emit("\n")
    else:
        for line in _lines(source, args, runs, clock):
            common.emit(f"{line}\n")
    common.say(f"seed {source.seed}, {source.backend}, {clock.report()}")
    return 0


def _compose(args: argparse.Namespace) -> int:
    from pi_runtime.cli.interactive import compose

    kept = ("model", "interactive", "top_n", "prefix", "backend", "threads", "local")
    if other := common.changed(_parser(), args, besides=kept):
        raise UsageError(f"--interactive has no use for {other}", "leave it out")
    common.emit(f"{compose(_Model(args).generator, args.prefix, args.top_n)}\n")
    return 0


class _Model:
    """A model in this process."""

    def __init__(self, args: argparse.Namespace) -> None:
        path = common.model_path(args.model)
        # Here, not above: --help, a mistyped option and the service's answer need no NumPy.
        from pi_runtime.generation.generator import TextGenerator, random_seed

        self.generator = TextGenerator.load(path, args.backend, args.threads)
        if self.generator.fallback:
            common.say(f"note: {self.generator.fallback}; numpy computes instead")
        if args.prefix:
            options.warn_about_prefix(self.generator.vocabulary.unknown(args.prefix))
        self.seed = random_seed() if args.seed is None else args.seed
        self.backend = self.generator.backend.name

    def pieces(self, args: argparse.Namespace) -> Iterable[str]:
        """Return the only text, as it comes."""
        return self.generator.stream(args.prefix, args.temperature, args.max_gen_length, self.seed)

    def texts(self, args: argparse.Namespace, temperature: list[float]) -> Iterable[str]:
        """Return the texts at a temperature."""
        return self.generator.texts(
            args.n, args.prefix, temperature, args.max_gen_length, self.seed
        )


class _Service:
    """The service's model, warm; otherwise as `_Model`."""

    backend = "by the service"

    def __init__(self, args: argparse.Namespace) -> None:
        self.seed = int.from_bytes(os.urandom(4)) if args.seed is None else args.seed
        self._told = False

    def pieces(self, args: argparse.Namespace) -> Iterable[str]:
        return self.texts(args, args.temperature)

    def texts(self, args: argparse.Namespace, temperature: list[float]) -> Iterable[str]:
        answer = ask(
            "generate",
            n=args.n,
            prefix=args.prefix or "",
            temperature=temperature,
            max_gen_length=args.max_gen_length,
            seed=self.seed,
        )
        if not self._told:
            options.warn_about_prefix(answer["unknown"])
            self._told = True
        texts: list[str] = answer["texts"]
        return texts


def _service_for(args: argparse.Namespace) -> _Service | None:
    """Return the service, where it is up and would make just what is asked for."""
    elsewhere = args.local or common.model_is_named(args.model)
    special = args.backend != "auto" or args.threads != 1
    large = args.n > TEXTS or args.n * args.max_gen_length > TOKENS
    if elsewhere or special or large or not service_is_open():
        return None
    return _Service(args)


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
        return f"{self._characters} characters, {rate:.0f} a second"


def _lines(
    source: _Model | _Service,
    args: argparse.Namespace,
    runs: list[list[float]],
    clock: _Clock,
) -> Iterator[str]:
    """Yield the output line by line; a text may hold line breaks of its own."""
    for number, temperature in enumerate(runs):
        if args.samples and not args.json:
            yield f"{'' if number == 0 else chr(10)}# temperature {temperature[0]}"
        begun = clock.seconds()
        for index, text in enumerate(source.texts(args, temperature)):
            clock.count(text)
            if not args.json:
                yield text
                continue
            record = {
                "text": text,
                "seed": source.seed,
                "index": index,
                "temperature": temperature,
                "prefix": args.prefix,
                "backend": source.backend,
                "characters": len(text),
                "seconds": round(clock.seconds() - begun, 6),
            }
            yield json.dumps(record, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
