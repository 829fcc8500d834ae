"""`rnn-generate --trace`: the text as usual, and a page that shows how it was drawn."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pi_runtime.cli.generation_arguments import SAMPLING
from pi_runtime.cli.models import model_is_named, model_path
from pi_runtime.cli.output import note
from pi_runtime.cli.refusal import refuse
from pi_runtime.cli.sources import ModelSource, sampling_options
from pi_runtime.cli.trace_page import trace_page
from pi_runtime.errors import UsageError, shown_path
from pi_runtime.files import whole_texts
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.drawn import DrawnText
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.redrawing import RedrawnSequence, rejection
from pi_runtime.generation.trace import TracedSequence
from pi_runtime.service.client import service_is_chosen

MAX_TOKENS = 2000
"""Upper bound on `--max-gen-length`: a browser lays out each token by itself."""


def check_trace(args: argparse.Namespace) -> None:
    """Refuse what cannot be traced.

    Raises:
        UsageError: it was asked for as well.
    """
    refuse(args, ("samples", "json", "csv"), "with --trace, which shows one text")
    if args.n != 1:
        raise UsageError(
            f"-n {args.n} has no use with --trace, which shows one text", "leave it out"
        )
    named = args.local or model_is_named(args.model)
    if args.service or (service_is_chosen() and not named):
        raise UsageError(
            "--trace needs the model's file, which a service does not give",
            "name the model file instead of the service",
        )
    if args.max_gen_length > MAX_TOKENS:
        raise UsageError(
            f"--max-gen-length {args.max_gen_length} is more than a page of --trace shows",
            f"give {MAX_TOKENS} or less",
        )
    if args.output is not None and args.output.resolve() == args.trace.resolve():
        raise UsageError(f"{args.trace}: is named with -o and with --trace", "name two files")


class TracedSource(ModelSource):
    """A model in this process that keeps a record of its text."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        self._model = Path(model_path(args.model))
        params = SamplingParams(**sampling_options(args))
        begin = self.generator.beginning(params, args.prefix, self.seed, kind=TracedSequence)
        self._text = begin(0)

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterator[str]:
        """See `ModelSource`."""
        yield self._text.settled()
        for _ in decode(self.generator.backend, [self._text]):
            yield self._text.settled()
        if self._text.rejected:
            raise rejection(0, self._text.draws)

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterator[DrawnText]:
        """See `ModelSource`."""
        yield DrawnText(0, "".join(self.pieces(args, sampling)), self._text.draws)

    def write_page(self, args: argparse.Namespace) -> None:
        """Write the page of the text that was drawn.

        Raises:
            OSError: it cannot be written; an older one is as it was.
        """
        text = self._text
        sequence = text.sequence if isinstance(text, RedrawnSequence) else text
        assert isinstance(sequence, TracedSequence)  # noqa: S101 - as begun above
        attention = sequence.attention(self.generator.network())
        page = trace_page(sequence, attention, _command(args, self._model, self.seed))
        with whole_texts(args.trace) as write:
            write(page)
        note(f"trace {shown_path(args.trace)}")


def _command(args: argparse.Namespace, model: Path, seed: int) -> str:
    """Return the command that gives the text again."""
    words = ["rnn-generate", model.name, "--seed", str(seed)]
    for name, spelt in args.given.items():
        if name in (*SAMPLING, "prefix"):
            words += _spelt(spelt, getattr(args, name))
    return shlex.join(words)


def _spelt(option: str, value: Any) -> list[str]:
    """Return an option as it is typed, as often as it has values."""
    if isinstance(value, bool):
        return [option]
    if isinstance(value, list):
        return [word for each in value for word in _spelt(option, each)]
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return [f"{option}={text}"] if text.startswith("-") else [option, text]
