"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import argparse
import sys

from pi_runtime.cli.arguments import (
    DEFAULT_MODEL,
    add_model,
    add_quiet,
    add_service,
    count,
    model_is_named,
    target,
)
from pi_runtime.cli.generation_arguments import (
    add_generation,
    check_generation,
    sampling_options,
)
from pi_runtime.cli.output import be_quiet, emit, note
from pi_runtime.cli.parser import Parser, refuse, refuse_others
from pi_runtime.cli.process import run
from pi_runtime.cli.shards import add_shards, check_shards, write_shards
from pi_runtime.cli.sources import ModelSource, ServiceSource, service_for
from pi_runtime.cli.text_output import Clock, chunks, separator
from pi_runtime.errors import UsageError
from pi_runtime.service.client import service_is_chosen

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
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
        "  rnn-generate colab.tflite -n 1000000 --shards texts\n"
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
        type=separator,
        metavar="S",
        help="what stands between two texts, with \\n, \\t and \\\\ (default: a line break, and an "
        "empty line as well if one of the two has a line break of its own); with --append, behind "
        "each",
    )
    between.add_argument(
        "-0", "--null", action="store_true", help="end each text with NUL, as for xargs -0"
    )
    add_shards(parser)
    add_service(parser)
    add_quiet(parser)
    return parser


def _generate(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    _check(args)
    be_quiet(args.quiet)
    if args.interactive:
        return _interact(args)
    if args.shards:
        write_shards(args, sampling_options(args))
        return 0
    source = service_for(args) or ModelSource(args)
    sampling = sampling_options(args)
    runs = [sampling]
    if args.samples:
        runs = [{**sampling, "temperature": (t,)} for t in SAMPLE_TEMPERATURES]
    clock = Clock()
    if args.output is not None:
        _write(args, source, runs, clock)
    elif args.n == 1 and not (args.json or args.samples or args.shard):
        for piece in source.pieces(args, sampling):
            emit(clock.count(piece))
        emit("\0" if args.null else "\n")
    else:
        for chunk in chunks(source, args, runs, clock):
            emit(chunk)
    note(f"seed {source.seed}, {source.backend}, {clock.report()}")
    return 0


def _write(
    args: argparse.Namespace,
    source: ModelSource | ServiceSource,
    runs: list[dict[str, Any]],
    clock: Clock,
) -> None:
    """Write the texts to the file that was named."""
    # Here, not above: a warm one-off writes no files.
    from pi_runtime.files import appended_texts, whole_texts

    end = "\0" if args.null else "\n" if args.separator is None else args.separator
    with appended_texts(args.output, end) if args.append else whole_texts(args.output) as write:
        for chunk in chunks(source, args, runs, clock):
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
    check_shards(args)
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
    emit(f"{interact(ModelSource(args).generator, args.prefix, args.top_n)}\n")
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
