"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pi_runtime.cli import common, options

if TYPE_CHECKING:
    from pi_runtime.generator import TextGenerator

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-generate."""
    common.run(_generate, argv)


def _parser() -> argparse.ArgumentParser:
    parser = common.Parser(
        "rnn-generate",
        "Generate text from a model that rnn-convert made. MODEL left out: $RNN_MODEL, else "
        f"{common.DEFAULT_MODEL}.",
        "  rnn-generate colab.tflite\n"
        '  rnn-generate colab.tflite --prefix "Once" --temperature 0.5 --seed 7\n'
        "  rnn-generate colab.tflite -n 100 -o texts.txt",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a .tflite file")
    options.add_generation(parser)
    parser.add_argument(
        "--samples",
        action="store_true",
        help="N texts at each of the temperatures 0.2, 0.5 and 1.0",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a text, a line each")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there, not stdout")
    return parser


def _generate(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    path = common.model_path(args.model)
    # Here, not above: --help and a mistyped option need no NumPy.
    from pi_runtime.files import whole_lines
    from pi_runtime.generator import TextGenerator, random_seed

    generator = TextGenerator.load(path, args.backend, args.threads)
    if generator.fallback:
        common.say(f"note: {generator.fallback}; numpy computes instead")
    options.warn_about_prefix(generator, args.prefix)
    seed = random_seed() if args.seed is None else args.seed
    runs = [[t] for t in SAMPLE_TEMPERATURES] if args.samples else [args.temperature]
    clock = _Clock()
    if args.output is not None:
        with whole_lines(args.output) as write:
            for line in _lines(generator, args, runs, seed, clock):
                write(line)
    elif args.n == 1 and not args.json and not args.samples:
        for piece in generator.stream(args.prefix, args.temperature, args.max_gen_length, seed):
            common.emit(clock.count(piece))
        common.emit("\n")
    else:
        for line in _lines(generator, args, runs, seed, clock):
            common.emit(f"{line}\n")
    common.say(f"seed {seed}, {generator.backend.name}, {clock.report()}")
    return 0


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
    generator: TextGenerator,
    args: argparse.Namespace,
    runs: list[list[float]],
    seed: int,
    clock: _Clock,
) -> Iterator[str]:
    """Yield the output line by line; a text may hold line breaks of its own."""
    for number, temperature in enumerate(runs):
        if args.samples and not args.json:
            yield f"{'' if number == 0 else chr(10)}# temperature {temperature[0]}"
        begun = clock.seconds()
        texts = generator.texts(args.n, args.prefix, temperature, args.max_gen_length, seed)
        for index, text in enumerate(texts):
            clock.count(text)
            if not args.json:
                yield text
                continue
            record = {
                "text": text,
                "seed": seed,
                "index": index,
                "temperature": temperature,
                "prefix": args.prefix,
                "backend": generator.backend.name,
                "characters": len(text),
                "seconds": round(clock.seconds() - begun, 6),
            }
            yield json.dumps(record, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
