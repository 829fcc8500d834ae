"""scripts/benchmark compares what ran at the same time, and names peers that there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import compare
import processes
import pytest
import worker
from peer import Peer

from tests.helpers.commands import ROOT


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
    code = (
        "import json, sys, processes; "
        "print(json.dumps(processes.measure(json.loads(sys.argv[1]), {'large': 'small'}, 3)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(argvs)],
        cwd=Path(processes.__file__).parent, check=True, capture_output=True,
    )  # fmt: skip
    small, large = json.loads(done.stdout)
    assert small["ratio"] is None
    assert large["ratio"] is not None
    assert large["megabytes"] > small["megabytes"] + 50
    assert 0 < large["least"] <= large["seconds"]


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(SystemExit, match="exit 3"):
        processes.measure({"bad": [sys.executable, "-c", "raise SystemExit(3)"]}, {}, rounds=1)


def test_an_unknown_option_is_refused_before_anything_is_set_up() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "benchmark", "--quik"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: scripts/benchmark: --quik is unknown – take --quick, --count or --speech, "
        "or nothing\n"
    )
