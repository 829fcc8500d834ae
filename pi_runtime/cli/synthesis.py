"""`--synthesize`: texts that several models write in turns."""

from __future__ import annotations

import argparse

from pi_runtime.cli.models import model_path, warn_about_prefix
from pi_runtime.cli.output import note
from pi_runtime.cli.refusal import refuse, refuse_others
from pi_runtime.cli.sources import check_local
from pi_runtime.cli.text_output import unescaped
from pi_runtime.generation.defaults import STOP_TOKENS, SYNTHESIS_SCHEDULE

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pi_runtime.generation.drawn import DrawnText

USED = (
    *("model", "synthesize", "stop_tokens", "n", "prefix", "seed", "backend", "threads", "local"),
    *("temperature", "max_gen_length", "top_k", "top_p", "min_p", "min_length"),
    *("repetition_penalty", "repetition_window", "forbid", "allow"),
    *("json", "csv", "output", "append", "separator", "null", "quiet"),
)
"""The options that mean something to texts of several models."""


def add_synthesis(parser: argparse._ActionsContainer) -> None:
    """Add the options of texts that several models write."""
    parser.add_argument(
        "--synthesize",
        action="append",
        default=[],
        metavar="MODEL",
        help="let this model take turns with the first; may be given several times (temperature "
        f"by default: {','.join(map(str, SYNTHESIS_SCHEDULE))})",
    )
    parser.add_argument(
        "--stop-tokens",
        type=lambda text: tuple(unescaped(text, "--stop-tokens")),
        default=STOP_TOKENS,
        metavar="CHARS",
        help="the characters that end a turn, with \\n, \\t and \\\\ (default: a space and a line "
        'break); "": each one does, as each word does at word level',
    )


def check_synthesis(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing to texts of several models, or of one.

    Raises:
        UsageError: one was given.
    """
    if args.synthesize:
        refuse_others(args, USED, "with --synthesize")
        check_local(args, "--synthesize")
        if "temperature" not in args.given:
            args.temperature = SYNTHESIS_SCHEDULE
    else:
        advice = "leave it out, or add --synthesize"
        refuse(args, ("stop_tokens",), "without --synthesize", advice)


class SynthesisSource:
    """Several models in this process, the first of them MODEL."""

    path: str | None = None
    """It is none of a single file."""
    sha256: str | None = None

    def __init__(self, args: argparse.Namespace) -> None:
        paths = [model_path(args.model), *args.synthesize]
        # Here, not above: see `ModelSource`.
        from pi_runtime.generation.generator import TextGenerator
        from pi_runtime.generation.random_stream import random_seed

        self.generators = [TextGenerator.load(path, args.backend, args.threads) for path in paths]
        self.backend = ", ".join(dict.fromkeys(each.backend.name for each in self.generators))
        for path, generator in zip(paths, self.generators, strict=True):
            if generator.fallback_reason:
                name = generator.backend.name
                note(f"note: {generator.fallback_reason}; {name} computes {path} instead")
        if args.prefix:
            unknown = [each.vocabulary.unknown(args.prefix) for each in self.generators]
            warn_about_prefix(list(dict.fromkeys(token for each in unknown for token in each)))
        self.seed = random_seed() if args.seed is None else args.seed

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """Return the only text, at once: a word model may change what is before its word."""
        return (drawn.text or "" for drawn in self.texts(args, sampling))

    def before(self, args: argparse.Namespace, sampling: dict[str, Any]) -> None:
        """See `ModelSource`; these texts have no parts."""

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[DrawnText]:
        """Return the texts."""
        from pi_runtime.generation.params import SamplingParams
        from pi_runtime.generation.synthesis import synthesized

        return synthesized(
            self.generators,
            args.n,
            args.prefix,
            self.seed,
            params=SamplingParams(**sampling),
            stop_tokens=args.stop_tokens,
        )
