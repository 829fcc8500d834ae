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
    whole,
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
from pi_runtime.cli.text_output import Clock, chunks, form_of, separator
from pi_runtime.errors import UsageError
from pi_runtime.service.client import service_is_chosen

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pi_runtime.cli.copies import Copies
    from pi_runtime.cli.text_log import TextLog
    from pi_runtime.cli.trace import TracedSource

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
        "--report-copies",
        action="store_true",
        help="say of each text how much of it is in runs of the training text (of --original "
        "characters; else 20, or 6 words)",
    )
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
    records = parser.add_mutually_exclusive_group()
    records.add_argument(
        "--json", "--jsonl", action="store_true", help="a JSON object per text, one per line"
    )
    records.add_argument("--csv", action="store_true", help="a table, with a row per text")
    parser.add_argument(
        "--log", metavar="FILE", help="add each text, and what made it, to the SQLite file FILE"
    )
    parser.add_argument(
        "--again",
        type=whole("--again", 1, 2**63 - 1),
        metavar="ID",
        help="generate the text of that number in the log once more",
    )
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
    parser.add_argument(
        "--trace",
        type=target("--trace", "name a file, such as why.html"),
        metavar="FILE",
        help="write a page there as well, which shows how each token of the text was drawn",
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
    if args.again is not None:
        from pi_runtime.cli.again import generate_again

        return generate_again(args)
    if args.shards:
        write_shards(args, sampling_options(args))
        return 0
    traced = _traced(args)
    source = traced or service_for(args) or ModelSource(args)
    log = None
    if args.log is not None:
        from pi_runtime.cli.text_log import TextLog

        log = TextLog(args.log)
    copies = _copies(args, source) if isinstance(source, ModelSource) else None
    sampling = sampling_options(args)
    runs = [sampling]
    if args.samples:
        runs = [{**sampling, "temperature": (t,)} for t in SAMPLE_TEMPERATURES]
    clock = Clock()
    if args.output is not None:
        _write(args, source, runs, clock, log, copies)
    elif args.n == 1 and not (args.json or args.csv or args.samples or args.shard or log or copies):
        for piece in source.pieces(args, sampling):
            emit(clock.count(piece))
        emit("\0" if args.null else "\n")
    else:
        for chunk in chunks(source, args, runs, clock, log, copies):
            emit(chunk)
    if copies is not None:
        note(copies.report())
    note(f"seed {source.seed}, {source.backend}, {clock.report()}")
    if log is not None:
        note(log.report())
        log.close()
    if traced is not None:
        traced.write_page(args)
    return 0


def _traced(args: argparse.Namespace) -> TracedSource | None:
    """Return what keeps a record of the text, if a trace of it is to be written."""
    if args.trace is None:
        return None
    from pi_runtime.cli.trace import TracedSource

    return TracedSource(args)


def _write(
    args: argparse.Namespace,
    source: ModelSource | ServiceSource,
    runs: list[dict[str, Any]],
    clock: Clock,
    log: TextLog | None,
    copies: Copies | None,
) -> None:
    """Write the texts to the file that was named."""
    # Here, not above: a warm one-off writes no files.
    from pi_runtime.files import appended_texts, whole_texts

    form = form_of(args)
    with (
        appended_texts(args.output, form.end, form.head)
        if args.append
        else whole_texts(args.output) as write
    ):
        for chunk in chunks(source, args, runs, clock, log, copies):
            write(chunk)


def _copies(args: argparse.Namespace, source: ModelSource) -> Copies | None:
    """Return what measures how much of a text is copied, if that is asked for."""
    if not args.report_copies:
        return None
    from pi_runtime.cli.copies import Copies

    return Copies(source.generator.ngrams, args.original)


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
