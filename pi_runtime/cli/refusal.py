"""Options that mean nothing together with others."""

from __future__ import annotations

from pi_runtime.errors import UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def refuse(
    args: argparse.Namespace, names: Iterable[str], reason: str, todo: str = "leave it out"
) -> None:
    """Refuse options that mean nothing together with what else was asked.

    Raises:
        UsageError: one of these was given.
    """
    wrong = set(names)
    for name, spelt in args.given.items():
        if name in wrong:
            raise UsageError(f"{spelt} has no use {reason}", todo)


def refuse_others(
    args: argparse.Namespace, used: Iterable[str], reason: str, todo: str = "leave it out"
) -> None:
    """Refuse all options but those `used`. See `refuse`."""
    refuse(args, set(args.given) - set(used), reason, todo)
