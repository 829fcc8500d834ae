"""`rnn-generate --shards` and `--shard`: many texts, in files of thousands, on many machines."""

from __future__ import annotations

import argparse

from pi_runtime.checks import MAX_COUNT
from pi_runtime.cli.arguments import count, digits, whole
from pi_runtime.cli.models import model_is_named, model_path, note_fallback, warn_about_prefix
from pi_runtime.cli.output import note
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import UsageError
from pi_runtime.service.client import service_is_chosen

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from pi_runtime.many.folder import ShardFolder
    from pi_runtime.many.plan import Plan
    from pi_runtime.model.file import ModelFile

MANY = ("shards", "shard_size", "shard", "dask")
"""The options of many texts."""

MAX_WORKERS = 1024
"""Upper bound on the worker processes of `--dask local:N`."""


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add the options of many texts."""
    group = parser.add_argument_group("many texts (docs/many.md)")
    group.add_argument(
        "--shards",
        type=_folder,
        metavar="DIR",
        help="write the texts into files in DIR, each whole; the same command again goes on where "
        "a killed one ended",
    )
    group.add_argument(
        "--shard-size",
        type=count("--shard-size"),
        metavar="K",
        help="texts in each of these files (default 10000)",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="only the Ith of N parts, for N machines or jobs; give each the same --seed",
    )
    group.add_argument(
        "--dask",
        type=_address,
        metavar="ADDRESS",
        help="let the workers of this Dask scheduler do it, with --shards; local, or local:N: of N "
        "processes on this machine",
    )


def check_shards(args: argparse.Namespace) -> None:
    """Refuse options of many texts that mean nothing together with the others.

    Raises:
        UsageError: one does.
    """
    if args.shard:
        refuse(args, ("samples", "trace"), "with --shard")
        if args.seed is None:
            raise UsageError(
                "--shard needs --seed, or each part would draw another",
                "give every part the same --seed",
            )
    if not args.shards:
        refuse(args, ("shard_size", "dask"), "without --shards", "name a folder with --shards")
        return
    refuse(
        args,
        (
            *("output", "append", "samples", "separator", "null", "json", "csv"),
            *("log", "report_copies", "trace"),
        ),
        "with --shards, which writes JSON lines",
    )
    if args.service or (service_is_chosen() and not (args.local or model_is_named(args.model))):
        raise UsageError("--shards is nothing that a service does", "name the model file")


def write_shards(args: argparse.Namespace, sampling: dict[str, Any]) -> None:
    """Write the shards that are asked for and are not there yet."""
    import time

    from pi_runtime.cli.progress import open_bar
    from pi_runtime.many.folder import settle
    from pi_runtime.many.plan import part
    from pi_runtime.model.file import ModelFile

    if args.dask:
        from pi_runtime.many.cluster import check_installed

        check_installed()
    model = ModelFile(model_path(args.model))
    if args.prefix:
        warn_about_prefix(model.vocabulary.unknown(args.prefix))
    folder = settle(args.shards, _plan(args, model, sampling), any_seed=args.seed is None)
    plan = folder.plan
    own = part(plan.shards, *args.shard) if args.shard else range(plan.shards)
    total = sum(len(plan.texts(shard)) for shard in own)
    bar = open_bar(total, quiet=args.quiet, unit="text", leave=False)

    def missing() -> Iterator[int]:
        for shard in own:
            if not folder.is_complete(shard):
                yield shard
            elif bar is not None:
                bar.update(len(plan.texts(shard)))

    begun = time.perf_counter()
    texts = sum(len(plan.texts(shard)) for shard in _made(folder, missing(), model, args, bar))
    if bar is not None:
        bar.close()
    rate = texts / max(time.perf_counter() - begun, 1e-9)
    complete = folder.write_manifest()
    note(
        f"seed {plan.seed}, {texts} texts, {rate:.0f} per second; "
        f"{complete} of {plan.shards} shards are complete"
    )


def _plan(args: argparse.Namespace, model: ModelFile, sampling: dict[str, Any]) -> Plan:
    from pi_runtime.generation.params import SamplingParams
    from pi_runtime.generation.random_stream import random_seed
    from pi_runtime.generation.redrawing import acceptance
    from pi_runtime.generation.sampling import Sampler
    from pi_runtime.many.plan import SHARD_SIZE, Plan

    params = SamplingParams(**sampling)
    # Both refuse options that are nothing for this model, before there is a folder.
    Sampler(params, model.vocabulary)
    acceptance(params, model.vocabulary, model.ngrams(), args.prefix, None)
    seed = random_seed() if args.seed is None else args.seed
    return Plan(
        model.sha256, args.n, seed, args.prefix or "", params, args.shard_size or SHARD_SIZE
    )


def _made(
    folder: ShardFolder,
    shards: Iterable[int],
    model: ModelFile,
    args: argparse.Namespace,
    bar: Any,
) -> Iterator[int]:
    """Compute and write shards; yield the number of each when it is there."""
    if args.dask:
        from pi_runtime.many.cluster import computed

        for shard, texts, backend in computed(
            args.dask, model.content, folder.plan, shards, args.backend, args.threads
        ):
            folder.write(shard, [texts], backend)
            if bar is not None:
                bar.update(len(folder.plan.texts(shard)))
            yield shard
        return
    from pi_runtime.cli.progress import counted
    from pi_runtime.generation.generator import TextGenerator
    from pi_runtime.many.shards import lines

    generator = None
    for shard in shards:
        if generator is None:  # nothing is loaded if nothing is missing
            generator = TextGenerator.of(model, args.backend, args.threads)
            note_fallback(generator)
        made = counted(lines(generator, folder.plan, shard), bar)
        folder.write(shard, made, generator.backend.name)
        yield shard


def _folder(name: str) -> Path:
    import shlex  # neither of which a warm one-off needs
    from pathlib import Path

    path, advice = Path(name), "name another with --shards"
    if path.exists() and not path.is_dir():
        raise UsageError(f"--shards {name} is no folder", advice)
    if not path.is_dir() and not path.parent.is_dir():
        create = f"create it (mkdir -p {shlex.quote(str(path.parent))})"
        raise UsageError(f"{path.parent}: no such folder", f"{create}, or {advice}")
    return path


def _shard(text: str) -> tuple[int, int]:
    which, slash, parts = text.partition("/")
    try:
        found = digits(which), digits(parts)
    except ValueError:
        found = 0, 0
    if not slash or not 1 <= found[0] <= found[1] <= MAX_COUNT:
        raise UsageError(f"--shard is {text!r}", "write I/N: the Ith of N parts, such as 1/4")
    return found


def _address(text: str) -> str:
    kind, colon, workers = text.partition(":")
    if kind == "local" and colon:
        whole("--dask local", 1, MAX_WORKERS)(workers)
    elif kind != "local" and not workers:
        raise UsageError(
            f"--dask is {text!r}", "give a scheduler's address such as tcp://host:8786, or local"
        )
    return text
