"""After a fault at any point, what is there is the old or the new, and nothing else remains.

The full table: `python -m tests.faults all`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.shim import needs_compiler
from tests.faults.table import Result, Trial
from tests.faults.writers import EPOCHS_FILES, LOG, QUICK, SHARDS, WRITERS, Writer
from tests.helpers.commands import needs_tensorflow

pytestmark = [needs_compiler, pytest.mark.timeout(1200)]

SLOW = [writer for writer in WRITERS if writer.slow]
DISTINCT = ("eio", "enospc", "short", "kill", "torn")
"""The kinds without those that do at one point what another does at the next."""

SAMPLE = 12
"""Faults of a slow writer."""


def assert_nothing_was_lost(results: list[Result]) -> None:
    offences = [each for each in results if each.state == "lost" or each.stray or each.wrong]
    assert not offences


def names(writers: tuple[Writer, ...] | list[Writer]) -> list[str]:
    return [writer.name for writer in writers]


@pytest.mark.parametrize("writer", QUICK, ids=names(QUICK))
def test_each_fault_at_each_point(writer: Writer, tmp_path: Path) -> None:
    trial = Trial(writer, tmp_path)
    assert trial.points >= 4
    points = [point for point in trial.points_and_kinds() if point[1] in DISTINCT]
    assert_nothing_was_lost([trial.fault(*point) for point in points])


@pytest.mark.parametrize("writer", QUICK, ids=names(QUICK))
def test_killed_at_any_moment(writer: Writer, tmp_path: Path) -> None:
    trial = Trial(writer, tmp_path)
    assert_nothing_was_lost([trial.kill(seconds) for seconds in trial.moments(5)])


@pytest.mark.parametrize("writer", (LOG, SHARDS), ids=names((LOG, SHARDS)))
def test_some_faults_of_a_log_and_of_shards(writer: Writer, tmp_path: Path) -> None:
    trial = Trial(writer, tmp_path)
    points = random.Random(0).sample(trial.points_and_kinds(), 3 * SAMPLE)
    assert_nothing_was_lost([trial.fault(*point) for point in points])
    assert_nothing_was_lost([trial.kill(seconds) for seconds in trial.moments(5)])


def test_some_faults_of_the_files_of_an_epoch(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    trial = Trial(EPOCHS_FILES, tmp_path)
    points = random.Random(0).sample(trial.points_and_kinds(), 3 * SAMPLE)
    assert_nothing_was_lost([trial.fault(*point) for point in points])


@needs_tensorflow
@pytest.mark.long
@pytest.mark.parametrize("writer", SLOW, ids=names(SLOW))
def test_some_faults_of_slow_writers(writer: Writer, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trial = Trial(writer, tmp_path)
    points = random.Random(0).sample(trial.points_and_kinds(), SAMPLE)
    assert_nothing_was_lost([trial.fault(*point) for point in points])
    assert_nothing_was_lost([trial.kill(seconds) for seconds in trial.moments(3)])
