"""A folder of shards: what is complete, who may write, and what a stranger may put into it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime import Error, SamplingParams, UsageError
from pi_runtime.many.folder import MANIFEST, MAX_MANIFEST_BYTES, ShardFolder, read_plan, settle
from pi_runtime.many.plan import Plan

PLAN = Plan("0" * 64, 35, 7, "", SamplingParams(), 10)
OTHER = replace(PLAN, seed=8)


def lines(shard: int) -> list[bytes]:
    return [f'{{"index": {index}, "text": "a"}}\n'.encode() for index in PLAN.texts(shard)]


def filled(path: Path, shards: range = range(4)) -> ShardFolder:
    folder = settle(path, PLAN, any_seed=False)
    for shard in shards:
        folder.write(shard, lines(shard), "numpy")
    folder.write_manifest()
    return folder


def manifest(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((path / MANIFEST).read_text("utf-8"))
    return found


def test_the_plan_is_there_before_the_first_shard(tmp_path: Path) -> None:
    settle(tmp_path / "texts", PLAN, any_seed=False)
    assert read_plan(tmp_path / "texts") == PLAN
    assert manifest(tmp_path / "texts")["shards"] == []


def test_the_manifest_tells_of_each_shard(tmp_path: Path) -> None:
    from hashlib import sha256

    filled(tmp_path, range(1, 3))
    found = manifest(tmp_path)
    assert found["complete"] is False
    content = b"".join(lines(1))
    assert found["shards"] == [
        {
            "file": f"texts-000{shard}.jsonl",
            "first": 10 * shard,
            "count": 10,
            "bytes": len(content),
            "sha256": sha256(b"".join(lines(shard))).hexdigest(),
            "backend": "numpy",
        }
        for shard in (1, 2)
    ]
    filled(tmp_path, range(4))
    assert manifest(tmp_path)["complete"] is True


def test_a_seed_that_was_drawn_stays(tmp_path: Path) -> None:
    settle(tmp_path, PLAN, any_seed=True)
    assert settle(tmp_path, OTHER, any_seed=True).plan == PLAN


def test_of_many_that_begin_at_once_one_chooses_the_seed(tmp_path: Path) -> None:
    together = Barrier(8)

    def begin(seed: int) -> Plan:
        together.wait()
        return settle(tmp_path / "texts", replace(PLAN, seed=seed), any_seed=True).plan

    with ThreadPoolExecutor(8) as threads:
        seeds = {plan.seed for plan in threads.map(begin, range(8))}
    assert seeds == {manifest(tmp_path / "texts")["seed"]}
    assert [path.name for path in (tmp_path / "texts").iterdir()] == [MANIFEST]


def test_a_file_system_without_links_takes_a_manifest_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    settle(tmp_path, PLAN, any_seed=False)
    assert read_plan(tmp_path) == PLAN
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_another_plan_is_refused_and_told_apart(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(UsageError, match="is for other texts: seed is 7, not 8 – ask for the same"):
        settle(tmp_path, OTHER, any_seed=False)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(UsageError, match=r"is not empty, and has no manifest.json"):
        settle(tmp_path, PLAN, any_seed=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def changed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"a", b"b"))


@pytest.mark.parametrize("damage", [cut, changed, Path.unlink])
@pytest.mark.parametrize("name", ["texts-0002.jsonl", "texts-0002.json"])
def test_a_shard_that_is_not_as_it_was_written_is_not_complete(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = filled(tmp_path)
    damage(tmp_path / name)
    assert [folder.is_complete(shard) for shard in range(4)] == [True, True, False, True]


def test_a_shard_of_another_plan_is_not_complete(tmp_path: Path) -> None:
    """As after somebody removed the manifest alone."""
    filled(tmp_path)
    assert not ShardFolder(tmp_path, OTHER).is_complete(0)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.sampled_from(range(4))), max_size=3), st.permutations(range(4)))
def test_whoever_writes_in_whatever_order_the_folder_is_the_same(
    tmp_path: Path, orders: list[list[int]], last: list[int]
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        shutil.rmtree(path, ignore_errors=True)
    filled(one)
    for order in [*orders, last]:
        folder = settle(other, PLAN, any_seed=False)
        for shard in order:
            if not folder.is_complete(shard):
                folder.write(shard, lines(shard), "numpy")
        folder.write_manifest()
    assert files(one) == files(other)


def files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir()}


def test_a_manifest_that_others_bring_up_to_date_meanwhile_knows_all(tmp_path: Path) -> None:
    folders = [settle(tmp_path, PLAN, any_seed=False) for _ in range(4)]

    def write(shard: int) -> None:
        folders[shard].write(shard, lines(shard), "numpy")
        folders[shard].write_manifest()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert manifest(tmp_path)["complete"] is True


RAW = {
    "empty": b"",
    "a list": b"[]",
    "deep": b"[" * 90_000,
    "many brackets": b'{"a": [' + b"[]," * 200_000 + b"[]]}",
    "no UTF-8": b'{"a": "\xff"}',
    "half a pair": b'{"format_version": 1, "a": "\\ud800"}',
    "NaN": b'{"format_version": NaN}',
    "another format": b'{"format_version": 2}',
    "terminal": b'{"format_version": "\\u001b[2J"}',
    "no plan": b'{"format_version": 1}',
    "a long number": b'{"format_version": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("content", RAW.values(), ids=RAW)
def test_a_damaged_or_forged_manifest_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(UsageError, match="not a manifest of rnn-generate, or damaged") as error:
        settle(tmp_path, PLAN, any_seed=False)
    assert str(error.value).isprintable()
    assert (tmp_path / MANIFEST).read_bytes() == content


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="it is too large"):
        settle(tmp_path, PLAN, any_seed=False)
    assert MAX_MANIFEST_BYTES < 1 << 25


def test_shards_that_a_manifest_names_are_neither_believed_nor_opened(tmp_path: Path) -> None:
    folder = filled(tmp_path / "texts", range(2))
    outside = tmp_path / "outside"
    outside.write_text("mine")
    forged = manifest(folder.path)
    forged["shards"] = [{"file": "../outside", "first": 0, "count": 10, "bytes": 4, "sha256": "0"}]
    (folder.path / MANIFEST).write_text(json.dumps(forged))
    again = settle(folder.path, PLAN, any_seed=False)
    assert again.write_manifest() == 2
    assert "outside" not in (folder.path / MANIFEST).read_text("utf-8")
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("name", [MANIFEST, "texts-0001.jsonl", "texts-0001.json"])
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_nothing_is_read_or_written_through_a_link_or_a_pipe(
    tmp_path: Path, name: str, kind: str
) -> None:
    folder = filled(tmp_path / "texts")
    outside = tmp_path / "outside"
    path = folder.path / name
    path.unlink()
    if kind == "link":
        outside.write_text("mine")
        path.symlink_to(outside)
    elif kind == "dangling":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(Error, match=f"{name}: is no regular file – remove it"):
        again = settle(folder.path, PLAN, any_seed=False)
        again.is_complete(1)
        again.write(1, lines(1), "numpy")
    if kind == "link":
        assert outside.read_text() == "mine"
    else:
        assert not outside.exists()


RECORDS: list[object] = [
    [], {}, None, {"plan": 1}, {"bytes": -1}, {"bytes": 1e9}, {"bytes": True}, {"sha256": None},
    {"sha256": "0" * 64}, {"backend": 3}, {"plan": "1" * 64},
]  # fmt: skip


@pytest.mark.parametrize("change", RECORDS, ids=repr)
def test_a_forged_record_makes_no_shard_complete(tmp_path: Path, change: object) -> None:
    folder = filled(tmp_path)
    path = tmp_path / "texts-0000.json"
    record: object = change
    if isinstance(change, dict) and change:
        record = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps(record))
    assert not folder.is_complete(0)
    assert folder.is_complete(1)


def test_the_backend_in_a_record_steers_no_terminal(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    path = tmp_path / "texts-0000.json"
    record = {**json.loads(path.read_text()), "backend": "\x1b[2J"}
    path.write_text(json.dumps(record))
    folder.write_manifest()
    assert "\\u001b" not in (tmp_path / MANIFEST).read_text("utf-8")
