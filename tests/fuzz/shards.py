"""A folder of shards from a stranger: its manifest, its records and its shards.

A wrong success is a plan that is not what Python's json reads, with the defaults for options that
are not there; a shard that counts as complete and is not the one that was written; or a manifest
that tells of anything else than what is there. A file outside of the folder never changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from pi_runtime import SamplingParams
from pi_runtime.many.folder import MANIFEST, settle
from pi_runtime.many.plan import Plan
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked

NEEDS = ()

PLAN = Plan("0" * 64, 35, 7, "", SamplingParams(temperature=0.5), 10)
STRANGE: tuple[Any, ...] = (
    0, -1, 1, 7, 10, 35, 1.0, 2**70, True, None, "", "7", "\x1b[2J", "\ud800", "../outside", [], {},
    [1.0], [0.5], "0.2..1.0", "a" * 5000, 1e308, {"file": "../outside"}, "0" * 64, [[]] * 2000,
    ["("], ["(" * 5000], ["a{99999999999}"], ["(?:a{9999}){9999}"],
)  # fmt: skip
RAW = (
    b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"a":' * 100_000, b'{"a":[' + b"[]," * 200_000,
    b"\xff", b'"', b'{"format_version": NaN}', b'{"a":' + b"9" * 5000 + b"}", b"\0" * 5000,
)  # fmt: skip
RECORDS = tuple(f"texts-{shard:04}.json" for shard in range(PLAN.shards))
SHARDS = tuple(f"texts-{shard:04}.jsonl" for shard in range(PLAN.shards))


def _shard(shard: int) -> bytes:
    return b"".join(f'{{"index": {index}, "text": "a"}}\n'.encode() for index in PLAN.texts(shard))


class _Shards:
    def __init__(self, folder: Path) -> None:
        self._original, self._folder = folder / "original", folder / "texts"
        self._outside = folder / "outside"
        written = settle(self._original, PLAN, any_seed=False)
        for shard in range(PLAN.shards):
            written.write(shard, [_shard(shard)], "numpy")
        written.write_manifest()

    def run(self, number: int) -> Outcome:
        random = Random(number)
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._original, self._folder)
        self._outside.write_bytes(_shard(0))
        changes = [self._change(random) for _ in range(random.choice((1, 1, 2, 3)))]
        files = {
            path.name: path.read_bytes()
            for path in self._folder.iterdir()
            if path.is_file() and not path.is_symlink()
        }

        def read() -> None:
            folder = settle(self._folder, PLAN, any_seed=random.random() < 0.5)
            _check_plan(files.get(MANIFEST), folder.plan)
            complete = []
            for shard, name in enumerate(SHARDS):
                if folder.is_complete(shard):
                    complete.append(name)
                    record = json.loads(files[RECORDS[shard]])
                    if record["sha256"] != hashlib.sha256(files[name]).hexdigest():
                        raise WrongSuccess(f"{name} is not what its record says")
                    if record["plan"] != folder.plan.digest:
                        raise WrongSuccess(f"{name} is of another plan")
            folder.write_manifest()
            written = json.loads((self._folder / MANIFEST).read_text("utf-8"))
            named = [entry["file"] for entry in written["shards"]]
            if not set(complete) <= set(named) <= set(SHARDS):
                raise WrongSuccess(f"{named} for {complete}")

        verdict, what = read_forked(read, sum(map(len, files.values())))
        if self._outside.read_bytes() != _shard(0):
            raise AssertionError(f"{number}: a file outside was changed")
        return Outcome(verdict, f"{changes}: {what}", files)

    def _change(self, random: Random) -> str:
        name = random.choice((MANIFEST, MANIFEST, random.choice(RECORDS), random.choice(SHARDS)))
        path = self._folder / name
        kind = random.randrange(8)
        if kind == 0:
            path.unlink(missing_ok=True)
            if random.random() < 0.5:
                path.symlink_to(self._outside)
            else:
                os.mkfifo(path)
        elif path.is_symlink() or not path.is_file():
            return f"{name} was changed before"
        elif kind == 1:
            path.write_bytes(random.choice(RAW))
        elif kind == 2:
            path.unlink()
        elif kind == 3 or name in SHARDS:
            content = bytearray(path.read_bytes())
            if content:
                content[random.randrange(len(content))] ^= 1 << random.randrange(8)
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(_changed(random, path.read_bytes())), "utf-8")
        return f"{name} {kind}"


def _changed(random: Random, content: bytes) -> Any:
    """Change a member of a document, anywhere in it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return random.choice(STRANGE)
    members = document
    while isinstance(members, dict) and members:
        key = random.choice(list(members))
        if isinstance(members[key], dict) and random.random() < 0.7:
            members = members[key]
            continue
        if random.random() < 0.2:
            del members[key]
        else:
            members[key] = random.choice(STRANGE)
        break
    return document


def _check_plan(content: bytes | None, plan: Plan) -> None:
    if content is None:  # it was written anew
        if plan != PLAN:
            raise WrongSuccess("a plan from nowhere")
        return
    found = json.loads(content)
    for name in ("model", "n", "prefix", "shard_size", "seed"):
        if found[name] != getattr(plan, name) or isinstance(found[name], bool):
            raise WrongSuccess(f"{name} is not {found[name]!r}")
    if plan != replace(PLAN, seed=plan.seed) or SamplingParams(**found["params"]) != plan.params:
        raise WrongSuccess("its options are others")


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Shards]:
    """Make folders, and go on from them as rnn-generate does."""
    yield _Shards(folder)
