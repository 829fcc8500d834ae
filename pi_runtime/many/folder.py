"""A folder of shards. Any number of processes, on any machines, may write into one.

    manifest.json        what is to be generated, and each complete shard
    texts-0000.jsonl     a shard: {"index": 0, "text": "…"} for each text, one per line
    texts-0000.json      its record, which is written when the shard is there

What is complete is known from the records alone. The manifest says what is to be generated, which
never changes; its list of shards is written from the records and never read. So nobody has to wait
for a lock, which a shared folder may not have.

Threat model: a folder from a stranger. Nothing in it names a file: all names are made here. What is
read is a regular file within bounds, and links are neither followed nor written through.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from pi_runtime.errors import Error, UsageError, shown, shown_path
from pi_runtime.many.plan import Plan
from pi_runtime.model.documents import parse
from pi_runtime.model.manifest import bounded, typed
from pi_runtime.replacement import FLAGS, replacement

FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 16 << 20
"""Upper bound on the manifest: ten thousand shards take 3 MB, and options may hold words."""
MAX_RECORD_BYTES = 4096
MAX_SHARD_BYTES = 1 << 50
ATTEMPTS = 10
"""How often the manifest is written before others' changes are left to them: on a network's file
system two machines may see different records for a while."""

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Record:
    """What is known of a complete shard."""

    plan: str
    """The digest of the plan that it belongs to."""
    bytes: int
    sha256: str
    backend: str
    """What computed it."""

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> Record:
        """Read a record.

        Raises:
            ValueError: something is missing, of the wrong type or out of bounds.
        """
        plan, sha256, backend = (typed(members, key, str) for key in ("plan", "sha256", "backend"))
        return cls(plan, bounded(members, "bytes", MAX_SHARD_BYTES), sha256, shown(backend))


class ShardFolder:
    """The shards of a plan, in a folder."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """`path` is a folder that `settle` found to be for this plan."""
        self.path = path
        self.plan = plan
        self._digest = plan.digest

    def is_complete(self, shard: int) -> bool:
        """Return whether a shard is there, byte for byte as it was written."""
        record = self._record(shard)
        if record is None:
            return False
        digest = hashlib.sha256()
        with _opened(self._texts(shard)) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == record.sha256

    def write(self, shard: int, lines: Iterable[bytes], backend: str) -> None:
        """Write a shard, and its record once it is on the disk.

        Raises:
            OSError: it cannot be written; the file is not there, or is an older one.
        """
        digest, size = hashlib.sha256(), 0
        with _replaced(self._texts(shard)) as file:
            for line in lines:
                file.write(line)
                digest.update(line)
                size += len(line)
        record = Record(self._digest, size, digest.hexdigest(), backend)
        with _replaced(self._path(shard, "json")) as file:
            file.write(_document(asdict(record)))

    def write_manifest(self) -> int:
        """Bring the manifest up to date; return how many shards are complete.

        Whoever writes it last has looked at the records after all others, and so knows them all.

        Raises:
            OSError: it cannot be written.
        """
        path = self.path / MANIFEST
        for _ in range(ATTEMPTS):
            shards = list(self._entries())
            content = _document(manifest(self.plan, shards))
            with _opened(path) as file:
                if file.read(len(content) + 1) == content:
                    break
            with _replaced(path) as file:
                file.write(content)
        return len(shards)

    def _entries(self) -> Iterator[dict[str, Any]]:
        for shard in range(self.plan.shards):
            if record := self._record(shard):
                texts = self.plan.texts(shard)
                yield {
                    "file": self._texts(shard).name,
                    "first": texts.start,
                    "count": len(texts),
                    "bytes": record.bytes,
                    "sha256": record.sha256,
                    "backend": record.backend,
                }

    def _record(self, shard: int) -> Record | None:
        """Return the record of a shard of this plan whose file has its length."""
        try:
            with _opened(self._path(shard, "json")) as file:
                content = file.read(MAX_RECORD_BYTES)
            record = Record.from_json(parse("the record", content, 10, 100))
            with _opened(self._texts(shard)) as file:
                size = os.fstat(file.fileno()).st_size
        except (OSError, ValueError):
            return None
        return record if (record.plan, record.bytes) == (self._digest, size) else None

    def _texts(self, shard: int) -> Path:
        return self._path(shard, "jsonl")

    def _path(self, shard: int, suffix: str) -> Path:
        return self.path / f"texts-{shard:04}.{suffix}"


MANIFEST = "manifest.json"


def manifest(plan: Plan, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest of a plan of which these shards are complete."""
    return {
        "format_version": FORMAT_VERSION,
        **plan.to_json(),
        "complete": len(shards) == plan.shards,
        "shards": shards,
    }


def settle(path: Path, wanted: Plan, *, any_seed: bool) -> ShardFolder:
    """Make a folder one of a plan's shards, or find that it is.

    Of those who begin at once, one writes the manifest, and the others find it. With `any_seed` the
    seed is that of the manifest, if there is one.

    Raises:
        UsageError: the folder is for something else; or its manifest is damaged or no regular file.
        OSError: the folder cannot be made, read or written to.
    """
    path.mkdir(exist_ok=True)
    plan = read_plan(path)
    if plan is None and not _is_empty(path):
        plan = read_plan(path)  # if another process has begun in between
        if plan is None:
            raise UsageError(
                f"{shown_path(path)}: is not empty, and has no {MANIFEST}",
                "name a new folder with --shards",
            )
    if plan is None:
        try:
            with replacement(path / MANIFEST, new=True) as file:
                file.write(_document(manifest(wanted, [])))
            return ShardFolder(path, wanted)
        except FileExistsError:
            plan = read_plan(path) or wanted
    if any_seed:
        wanted = replace(wanted, seed=plan.seed)
    if differences := list(plan.differences(wanted)):
        raise UsageError(
            f"{shown_path(path)} is for other texts: {'; '.join(differences)}",
            "ask for the same again, or name another folder with --shards",
        )
    return ShardFolder(path, plan)


def read_plan(path: Path) -> Plan | None:
    """Return what a folder's manifest says is to be generated; None if there is no manifest.

    Raises:
        UsageError: it is damaged, or of another format.
        OSError: it cannot be read.
    """
    file = path / MANIFEST
    try:
        with _opened(file) as opened:
            content = opened.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return None
    try:
        if len(content) > MAX_MANIFEST_BYTES:
            raise ValueError("it is too large")
        members = parse(MANIFEST, content, 100_000, 1_000_000)
        if (version := members.get("format_version")) != FORMAT_VERSION:
            raise ValueError(f"format version {version!r}, this package reads {FORMAT_VERSION}")
        return Plan.from_json(members)
    except ValueError as error:
        raise UsageError(
            f"{shown_path(file)}: not a manifest of rnn-generate, or damaged ({shown(error, 200)})",
            "name another folder with --shards",
        ) from None


def _is_empty(path: Path) -> bool:
    """Return whether nothing is in a folder but hidden files, such as what a killed run left."""
    with os.scandir(path) as entries:
        return all(entry.name.startswith(".") for entry in entries)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file, whatever a stranger has put in its place.

    Raises:
        Error: it is something else.
        OSError: it cannot be opened.
    """
    _check_kind(path)
    with open(os.open(path, os.O_RDONLY | FLAGS | _NO_LINKS), "rb") as file:  # noqa: PTH123
        yield file


def _replaced(path: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    _check_kind(path)
    return replacement(path)


def _check_kind(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise Error(f"{shown_path(path)}: is no regular file", "remove it")


def _document(members: dict[str, Any]) -> bytes:
    return (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode()
