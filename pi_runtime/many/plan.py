"""What is to be generated, and which of the texts each shard holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.model.manifest import typed

SHARD_SIZE = 10_000
"""Texts in a shard, if nothing else is asked for."""

MAX_SHARDS = 10_000
"""Upper bound on the shards of a plan: each is two files in one folder."""

MAX_OPTIONS = 1 << 20
"""Upper bound on the characters of the sampling options, as JSON."""


def part(total: int, which: int, parts: int) -> range:
    """Return the `which`th of `parts` (from 1) of `total` things, which differ by one at most.

    >>> [part(10, which, 3) for which in (1, 2, 3)]
    [range(0, 3), range(3, 6), range(6, 10)]
    """
    return range(total * (which - 1) // parts, total * which // parts)


@dataclass(frozen=True)
class Plan:
    """All texts of a seed from 0 to `n` - 1, in shards of `shard_size`. It is checked when made.

    Raises:
        UsageError: a member cannot be right.
    """

    model: str
    """The SHA-256 of the whole model file, in hexadecimal digits."""
    n: int
    seed: int
    prefix: str
    params: SamplingParams
    shard_size: int = SHARD_SIZE

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.model):
            raise UsageError("model is no SHA-256", "give 64 hexadecimal digits")
        checks.text_count(self.n)
        checks.whole_number("seed", self.seed, 0, checks.MAX_SEED)
        checks.prefix(self.prefix)
        checks.whole_number("shard_size", self.shard_size, 1, checks.MAX_COUNT)
        if self.shards > MAX_SHARDS:
            raise UsageError(
                f"{self.n} texts in shards of {self.shard_size} are {self.shards} shards, "
                f"more than {MAX_SHARDS}",
                f"take a shard size of {-(-self.n // MAX_SHARDS)} or more",
            )

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.n // self.shard_size)

    def texts(self, shard: int) -> range:
        """Return the numbers of a shard's texts."""
        return range(shard * self.shard_size, min(self.n, (shard + 1) * self.shard_size))

    @property
    def digest(self) -> str:
        """The SHA-256 of the plan, by which a shard tells whose it is.

        It is of options that are not at their default, so that further ones leave it as it is.
        """
        plan = self.to_json()
        plain = replace(self, params=SamplingParams()).to_json()["params"]
        plan["params"] = {k: v for k, v in plan["params"].items() if v != plain[k]}
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        options = {each.name: getattr(self.params, each.name) for each in fields(self.params)}
        # As it is read again: tuples become lists.
        plan: dict[str, Any] = json.loads(json.dumps({**vars(self), "params": options}))
        return plan

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Plan:
        """Read a plan. An option that is not in it has its default.

        Raises:
            ValueError: something is missing, of the wrong type or out of bounds.
        """
        kinds = {"model": str, "n": int, "seed": int, "prefix": str, "shard_size": int}
        options = typed(members, "params", dict)
        if len(json.dumps(options)) > MAX_OPTIONS:  # expressions of some megabytes take minutes
            raise ValueError("its options are too long")
        if unknown := options.keys() - {each.name for each in fields(SamplingParams)}:
            raise ValueError(f"the option {min(unknown)[:40]!r} is unknown")
        try:
            return cls(
                **{name: typed(members, name, kind) for name, kind in kinds.items()},
                params=SamplingParams(**options),
            )
        except UsageError as error:
            raise ValueError(error.what) from None
        except (ArithmeticError, RecursionError):  # of an expression
            raise ValueError("its options cannot be read") from None

    def differences(self, wanted: Plan) -> Iterator[str]:
        """Yield what differs in a plan that is wanted instead of this one."""
        ours, theirs = ({**p.pop("params"), **p} for p in (self.to_json(), wanted.to_json()))
        for name, value in ours.items():
            if value != theirs[name]:
                yield f"{name} is {_shown(value)}, not {_shown(theirs[name])}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"
