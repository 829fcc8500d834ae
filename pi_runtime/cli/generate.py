"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from pi_runtime.cli.arguments import (
    DEFAULT_MODEL,
    Parser,
    add_generation,
    add_model,
    count,
    model_is_named,
    model_path,
    sampling_options,
    unused_option,
    warn_about_prefix,
)
from pi_runtime.cli.output import emit, note
from pi_runtime.cli.process import run
from pi_runtime.errors import UsageError
from pi_runtime.service.client import ask, service_is_open
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
        "  rnn-generate colab.tflite --interactive",
    )
    add_model(parser)
    add_generation(parser)
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
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not stdout")
    parser.add_argument("--local", action="store_true", help="bypass the service")
    return parser


def _generate(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    if args.interactive:
        return _interact(args)
    source = _service_for(args) or _Model(args)
    sampling = sampling_options(args)
    runs = [sampling]
    if args.samples:
        runs = [{**sampling, "temperature": (t,)} for t in SAMPLE_TEMPERATURES]
    clock = _Clock()
    if args.output is not None:
        # Here, not above: a reply of the service needs no files.
        from pathlib import Path

        from pi_runtime.files import whole_lines

        with whole_lines(Path(args.output)) as write:
            for line in _lines(source, args, runs, clock):
                write(line)
    elif args.n == 1 and not args.json and not args.samples:
        for piece in source.pieces(args, sampling):
            emit(clock.count(piece))
        emit("\n")
    else:
        for line in _lines(source, args, runs, clock):
            emit(f"{line}\n")
    note(f"seed {source.seed}, {source.backend}, {clock.report()}")
    return 0


def _interact(args: argparse.Namespace) -> int:
    from pi_runtime.cli.interactive import interact

    used = ("model", "interactive", "top_n", "prefix", "backend", "threads", "local")
    if other := unused_option(_parser(), args, used):
        raise UsageError(f"--interactive has no use for {other}", "leave it out")
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
        self._warned = False

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        return self.texts(args, sampling)

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        reply = ask("generate", n=args.n, prefix=args.prefix or "", seed=self.seed, **sampling)
        if not self._warned:
            warn_about_prefix(reply["unknown"])
            self._warned = True
        texts: list[str] = reply["texts"]
        return texts


def _service_for(args: argparse.Namespace) -> _Service | None:
    """Return the service, if it is up and would generate just what is asked for."""
    elsewhere = args.local or model_is_named(args.model)
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
        return f"{self._characters} characters, {rate:.0f} per second"


def _lines(
    source: _Model | _Service,
    args: argparse.Namespace,
    runs: list[dict[str, Any]],
    clock: _Clock,
) -> Iterator[str]:
    """Yield the output line by line; a text may hold line breaks of its own."""
    for number, sampling in enumerate(runs):
        if args.samples and not args.json:
            yield f"{'' if number == 0 else chr(10)}# temperature {sampling['temperature'][0]}"
        begun = clock.seconds()
        for index, text in enumerate(source.texts(args, sampling)):
            clock.count(text)
            if not args.json:
                yield text
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
            yield json.dumps(record, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
