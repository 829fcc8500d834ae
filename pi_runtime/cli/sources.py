"""Where texts come from: a model in this process, or the service's."""

from __future__ import annotations

import os

from pi_runtime.checks import SAMPLING
from pi_runtime.cli.models import model_is_named, model_path, note_fallback, warn_about_prefix
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import UsageError
from pi_runtime.generation.drawn import DrawnText
from pi_runtime.service.client import ask, check_is_there, service_is_chosen, service_is_open
from pi_runtime.service.limits import TEXTS, TOKENS

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from typing import Any, Protocol

    class Source(Protocol):
        """Where texts come from."""

        seed: int
        backend: str
        """What computes, for people to read."""
        path: str | None
        """Of the model file, where one is known."""
        sha256: str | None

        def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
            """Return the only text, as it comes."""

        def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[DrawnText]:
            """Return the texts."""

        def before(self, args: argparse.Namespace, sampling: dict[str, Any]) -> str | None:
            """Return the last text that stands before those of a part; None if there is none."""


def sampling_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the members of `SamplingParams`, which a warm one-off need not import."""
    return {name: getattr(args, name) for name in SAMPLING}


def asked(args: argparse.Namespace) -> range:
    """Return the numbers of the texts that are asked for."""
    if not args.shard:
        return range(args.n)
    from pi_runtime.many.plan import part

    return part(args.n, *args.shard)


class ModelSource:
    """A model in this process."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.path: str | None = model_path(args.model)
        # Here, not above: --help, a mistyped option and the service's reply need no NumPy.
        from pi_runtime.generation.generator import TextGenerator
        from pi_runtime.generation.params import SamplingParams
        from pi_runtime.generation.random_stream import random_seed

        self._params = SamplingParams
        self.generator = TextGenerator.load(self.path, args.backend, args.threads)
        self.backend = self.generator.backend.name
        self.sha256 = self.generator.sha256
        note_fallback(self.generator)
        if args.prefix:
            warn_about_prefix(self.generator.vocabulary.unknown(args.prefix))
        self.seed = random_seed() if args.seed is None else args.seed

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """Return the only text, as it comes."""
        params = self._params(**sampling)
        return self.generator.stream(args.prefix, seed=self.seed, params=params)

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[DrawnText]:
        """Return the texts."""
        return self._drawn(args, sampling, asked(args))

    def before(self, args: argparse.Namespace, sampling: dict[str, Any]) -> str | None:
        """Return the last text that stands before those of a part; None if there is none."""
        for index in reversed(range(asked(args).start)):
            (drawn,) = self._drawn(args, sampling, range(index, index + 1))
            if drawn.text is not None:
                return drawn.text
        return None

    def _drawn(
        self, args: argparse.Namespace, sampling: dict[str, Any], indices: range
    ) -> Iterable[DrawnText]:
        if not indices:
            return ()
        params, first = self._params(**sampling), indices.start
        return self.generator.drawn(
            len(indices), args.prefix, seed=self.seed, params=params, first=first
        )


class ServiceSource:
    """The service's model, which is loaded already; otherwise as `ModelSource`."""

    backend = "by the service"
    path: str | None = None
    """The reply does not tell it."""
    sha256: str | None = None

    def __init__(self, args: argparse.Namespace) -> None:
        self.seed = int.from_bytes(os.urandom(4)) if args.seed is None else args.seed
        self._name = args.service
        self._warned = False

    def pieces(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[str]:
        """See `ModelSource`."""
        return (drawn.text or "" for drawn in self.texts(args, sampling))

    def before(self, args: argparse.Namespace, sampling: dict[str, Any]) -> None:
        """See `ModelSource`; a service has no parts."""

    def texts(self, args: argparse.Namespace, sampling: dict[str, Any]) -> Iterable[DrawnText]:
        """See `ModelSource`."""
        members = {"n": args.n, "prefix": args.prefix or "", "seed": self.seed, **sampling}
        del members["reject"]  # which is nothing that a service takes
        reply = ask("generate", service=self._name, **members)
        if not self._warned:
            warn_about_prefix(reply["unknown"])
            self._warned = True
        return [DrawnText(index, text) for index, text in enumerate(reply["texts"])]


def check_local(args: argparse.Namespace, option: str) -> None:
    """Check that an option which no service knows is not asked of one.

    Raises:
        UsageError: a service was chosen by `$RNN_SOCKET`.
    """
    if service_is_chosen() and not (args.local or model_is_named(args.model)):
        raise UsageError(
            f"{option} is nothing that a service does", "name the model file, or unset RNN_SOCKET"
        )


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
        alone = ("backend", "threads", "reject", "report_copies", "shard")
        refuse(args, alone, "with a service", instead)
        if large:
            raise UsageError(
                f"-n {args.n} of {args.max_gen_length} tokens is more than a service does, "
                f"{TEXTS} texts and {TOKENS} tokens",
                f"ask for less, or {instead}",
            )
        check_is_there(args.service)
        return ServiceSource(args)
    special = args.backend != "auto" or args.threads != 1
    special = special or args.reject or args.report_copies or args.shard
    return None if large or special or not service_is_open() else ServiceSource(args)
