"""Where texts come from: a model in this process, or the service's."""

from __future__ import annotations

import argparse
import os

from pi_runtime.cli.arguments import model_is_named, model_path, note_fallback, warn_about_prefix
from pi_runtime.cli.parser import refuse
from pi_runtime.cli.shards import asked
from pi_runtime.errors import UsageError
from pi_runtime.generation.drawn import DrawnText
from pi_runtime.service.client import ask, check_is_there, service_is_chosen, service_is_open
from pi_runtime.service.limits import TEXTS, TOKENS

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class ModelSource:
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
        note_fallback(self.generator)
        if args.prefix:
            warn_about_prefix(self.generator.vocabulary.unknown(args.prefix))
        self.seed = random_seed() if args.seed is None else args.seed

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """Return the only text, as it comes."""
        params = self._params(**sampling)
        return self.generator.stream(args.prefix, seed=self.seed, params=params)

    def texts(
        self, args: argparse.Namespace, sampling: dict[str, Any], indices: range | None = None
    ) -> Iterable[DrawnText]:
        """Return the texts that are asked for, or those of other numbers."""
        params = self._params(**sampling)
        numbers = asked(args) if indices is None else indices
        if not numbers:
            return ()
        return self.generator.drawn(
            len(numbers), args.prefix, seed=self.seed, params=params, first=numbers.start
        )


class ServiceSource:
    """The service's model, which is loaded already; otherwise as `ModelSource`."""

    backend = "by the service"

    def __init__(self, args: argparse.Namespace) -> None:
        self.seed = int.from_bytes(os.urandom(4)) if args.seed is None else args.seed
        self._name = args.service
        self._warned = False

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """See `ModelSource`."""
        return (drawn.text for drawn in self.texts(args, sampling))

    def texts(
        self, args: argparse.Namespace, sampling: dict[str, Any], indices: range | None = None
    ) -> Iterable[DrawnText]:
        """See `ModelSource`; a service has no parts."""
        members = {"n": args.n, "prefix": args.prefix or "", "seed": self.seed, **sampling}
        reply = ask("generate", service=self._name, **members)
        if not self._warned:
            warn_about_prefix(reply["unknown"])
            self._warned = True
        return [DrawnText(index, text) for index, text in enumerate(reply["texts"])]


def service_for(args: argparse.Namespace) -> ServiceSource | None:
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
        refuse(args, ("backend", "threads", "shard"), "with a service", instead)
        if large:
            raise UsageError(
                f"-n {args.n} of {args.max_gen_length} tokens is more than a service does, "
                f"{TEXTS} texts and {TOKENS} tokens",
                f"ask for less, or {instead}",
            )
        check_is_there(args.service)
        return ServiceSource(args)
    special = args.backend != "auto" or args.threads != 1 or args.shard
    return None if large or special or not service_is_open() else ServiceSource(args)
