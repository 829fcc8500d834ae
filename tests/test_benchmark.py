"""scripts/benchmark compares what ran at the same time, and names peers that there are."""

from __future__ import annotations

import subprocess
import sys

import compare
import processes
import pytest
import worker
from peer import Peer


def peer(*seconds: float) -> Peer:
    process = subprocess.Popen([sys.executable, "-c", ""], text=True)
    process.wait()
    return Peer("some", "litert", process, list(seconds))


def test_a_ratio_is_of_the_same_round() -> None:
    ours, theirs = peer(1.0, 10.0, 1.0), peer(2.0, 20.0, 40.0)
    assert ours.times_as_fast_as(theirs) == 2.0
    assert (ours.milliseconds, ours.least) == (1000.0, 1000.0)


def test_every_peer_is_one_that_a_worker_plays() -> None:
    assert {name for names in compare.PEERS.values() for name in names} <= set(worker.PEERS)


def test_whole_processes_take_turns() -> None:
    argvs = {
        "small": [sys.executable, "-c", "pass"],
        "large": [sys.executable, "-c", "x = bytearray(100_000_000)"],
    }
    small, large = processes.measure(argvs, {"large": "small"}, rounds=3)
    assert small["ratio"] is None
    assert large["ratio"] is not None
    assert large["megabytes"] > small["megabytes"] + 50
    assert 0 < large["least"] <= large["seconds"]


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(SystemExit, match="exit 3"):
        processes.measure({"bad": [sys.executable, "-c", "raise SystemExit(3)"]}, {}, rounds=1)
