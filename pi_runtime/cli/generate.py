"""`rnn-generate`: text from a model, to stdout."""

from __future__ import annotations

import sys

from pi_runtime.cli.clock import Clock
from pi_runtime.cli.output import be_quiet, emit, note
from pi_runtime.cli.plain import read_plain
from pi_runtime.cli.process import run
from pi_runtime.cli.sources import ModelSource, check_local, sampling_options, service_for

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    import argparse
    from typing import Any, NoReturn

    from pi_runtime.cli.copies import Copies
    from pi_runtime.cli.sources import Source
    from pi_runtime.cli.text_log import TextLog

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-generate."""
    run(_generate, argv, at_once=True)


def _generate(argv: list[str]) -> int:
    args = read_plain(argv) or _read(argv)
    be_quiet(args.quiet)
    if args.interactive:
        return _interact(args)
    if args.again is not None:
        from pi_runtime.cli.again import generate_again

        return generate_again(args)
    if args.shards:
        from pi_runtime.cli.shards import write_shards

        write_shards(args, sampling_options(args))
        return 0
    if args.trace is not None:
        from pi_runtime.cli.trace import TracedSource

        traced = TracedSource(args)
        _print_texts(args, traced)
        traced.write_page(args)
        return 0
    if args.synthesize:
        from pi_runtime.cli.synthesis import SynthesisSource

        _print_texts(args, SynthesisSource(args))
        return 0
    _print_texts(args, service_for(args) or ModelSource(args))
    return 0


def _read(argv: list[str]) -> argparse.Namespace:
    from pi_runtime.cli.generate_options import check_options, generate_parser

    args: argparse.Namespace = generate_parser().parse_args(argv)
    check_options(args)
    return args


def _interact(args: argparse.Namespace) -> int:
    from pi_runtime.cli.interactive import interact

    check_local(args, "--interactive")
    emit(f"{interact(ModelSource(args).generator, args.prefix, args.top_n)}\n")
    return 0


def _print_texts(args: argparse.Namespace, source: Source) -> None:
    """Print the texts of a source, and what there is to say of them."""
    copies, log = _copies(args, source), _log(args)
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
        from pi_runtime.cli.text_output import chunks

        for chunk in chunks(source, args, runs, clock, log, copies):
            emit(chunk)
    if copies is not None:
        note(copies.report())
    note(f"seed {source.seed}, {source.backend}, {clock.report()}")
    if log is not None:
        note(log.report())
        log.close()


def _log(args: argparse.Namespace) -> TextLog | None:
    if args.log is None:
        return None
    from pi_runtime.cli.text_log import TextLog

    return TextLog(args.log)


def _copies(args: argparse.Namespace, source: Source) -> Copies | None:
    """Return what measures how much of a text is copied, if that is asked for."""
    if not args.report_copies or not isinstance(source, ModelSource):
        return None
    from pi_runtime.cli.copies import Copies

    return Copies(source.generator.ngrams, args.original)


def _write(
    args: argparse.Namespace,
    source: Source,
    runs: list[dict[str, Any]],
    clock: Clock,
    log: TextLog | None,
    copies: Copies | None,
) -> None:
    """Write the texts to the file that was named."""
    # Here, not above: a warm one-off writes no files.
    from pi_runtime.cli.text_output import chunks, form_of
    from pi_runtime.files import appended_texts, whole_texts

    form = form_of(args)
    with (
        appended_texts(args.output, form.end, form.head)
        if args.append
        else whole_texts(args.output) as write
    ):
        for chunk in chunks(source, args, runs, clock, log, copies):
            write(chunk)


if __name__ == "__main__":
    main(sys.argv[1:])
