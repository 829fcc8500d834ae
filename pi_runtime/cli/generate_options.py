"""The options of rnn-generate, and which of them mean nothing together."""

from __future__ import annotations

import argparse

from pi_runtime.cli.arguments import (
    add_model,
    add_quiet,
    add_service,
    count,
    target,
    whole,
)
from pi_runtime.cli.generation_arguments import add_generation, check_generation
from pi_runtime.cli.models import DEFAULT_MODEL
from pi_runtime.cli.parser import Parser
from pi_runtime.cli.refusal import refuse, refuse_others
from pi_runtime.cli.shards import add_shards, check_shards
from pi_runtime.cli.synthesis import add_synthesis, check_synthesis
from pi_runtime.cli.text_output import separator
from pi_runtime.errors import UsageError


def generate_parser() -> Parser:
    """Return what reads the command line of rnn-generate."""
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
        "  rnn-generate colab.tflite --interactive\n"
        "  rnn-generate colab.tflite --synthesize poems.tflite -n 5",
    )
    add_model(parser)
    add_generation(parser, for_speech=False)
    _add_ways(parser)
    _add_output(parser)
    add_shards(parser)
    add_service(parser)
    add_quiet(parser)
    return parser


def _add_ways(parser: Parser) -> None:
    """Add the other ways in which texts come about."""
    group = parser.add_argument_group("other ways")
    group.add_argument(
        "--samples",
        action="store_true",
        help="N texts at each of the temperatures 0.2, 0.5 and 1.0",
    )
    group.add_argument(
        "--interactive",
        action="store_true",
        help="choose each token among the likeliest, or write your own",
    )
    group.add_argument(
        "--top-n", type=count("top_n"), default=3, metavar="K", help="of K tokens (default 3)"
    )
    add_synthesis(group)
    group.add_argument(
        "--again",
        type=whole("--again", 1, 2**63 - 1),
        metavar="ID",
        help="generate the text of that number in the log once more",
    )


def _add_output(parser: Parser) -> None:
    """Add what is written, and where."""
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "-o",
        "--output",
        type=target("-o", "leave it out: text goes to stdout anyway", replaced=False),
        metavar="FILE",
        help="write there, not stdout; a file appears when all of it is there",
    )
    group.add_argument(
        "--append",
        action="store_true",
        help="add each text at the end of FILE as it is done, instead of replacing it",
    )
    between = group.add_mutually_exclusive_group()
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
    records = group.add_mutually_exclusive_group()
    records.add_argument(
        "--json", "--jsonl", action="store_true", help="a JSON object per text, one per line"
    )
    records.add_argument("--csv", action="store_true", help="a table, with a row per text")
    group.add_argument(
        "--log", metavar="FILE", help="add each text, and what made it, to the SQLite file FILE"
    )
    group.add_argument(
        "--trace",
        type=target("--trace", "name a file, such as why.html"),
        metavar="FILE",
        help="write a page there as well, which shows how each token of the text was drawn",
    )
    group.add_argument(
        "--report-copies",
        action="store_true",
        help="say of each text how much of it is in runs of the training text (of --original "
        "characters; else 20, or 6 words)",
    )


def check_options(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing together with the others.

    Raises:
        UsageError: one was given.
    """
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
    check_synthesis(args)
    if args.samples:
        refuse(args, ("temperature",), "with --samples, which has three of its own")
        refuse(args, ("null",), "with --samples, which prints headings")
    if args.json:
        refuse(
            args, ("separator", "null"), f"with {args.given['json']}, which gives each text a line"
        )
    if args.csv:
        refuse(args, ("separator", "null"), "with --csv, which gives each text a row")
    if args.csv and args.append:
        from pi_runtime.cli.records import check_csv

        check_csv(args.output)
    if args.again is not None:
        kept = ("model", "again", "log", "backend", "threads", "quiet")
        refuse_others(args, kept, "with --again, which takes all else from the log")
        if args.log is None:
            raise UsageError("--again has no log", "name it with --log")
    elif args.log is not None:
        from pi_runtime.cli.text_log import check_log

        check_log(args.log, args.output)
    check_shards(args)
    if args.service:
        refuse(
            args, ("model", "local"), "with --service", "name the model file, or the service alone"
        )
    if args.trace is not None:
        from pi_runtime.cli.trace import check_trace

        check_trace(args)
