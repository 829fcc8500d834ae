"""`--dask`: shards computed by the workers of dask.distributed, one of which is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import program, run_command
from tests.helpers.processes import GUARD_SECONDS, marked, wait_for

pytest.importorskip("distributed")

# A worker takes seconds to import what it needs.
pytestmark = pytest.mark.long

SHARDS = 24
OPTIONS = (
    "--backend", "numpy", "--max-gen-length", "30", "-n", "2400", "--seed", "7", "--shard-size",
    "100",
)  # fmt: skip
MARK = "RNN_TEST_CLUSTER"


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The shards as one process writes them."""
    folder = tmp_path_factory.mktemp("whole") / "texts"
    assert run_command("rnn-generate", model, *OPTIONS, "--shards", folder).returncode == 0
    return files(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextlib.contextmanager
def begun(model: Path, folder: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [program("rnn-generate"), model, *OPTIONS, "--shards", folder, "--dask", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, MARK: "1"},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_shards(folder: Path, least: int) -> None:
    wait_for(lambda: len(list(folder.glob("*.jsonl"))) >= least, f"{least} shards")


def workers() -> list[int]:
    """Return the worker processes of a local cluster."""
    spawned = []
    for process in marked(MARK):
        with contextlib.suppress(OSError):
            argv = Path(f"/proc/{process}/cmdline").read_bytes()
            if b"spawn_main" in argv:
                spawned.append(process)
    return spawned


def test_a_local_cluster_of_three_of_which_one_is_killed(
    model: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    folder = tmp_path / "texts"
    with begun(model, folder, "local:3") as process:
        wait_for_shards(folder, 3)
        before = workers()
        assert len(before) == 3
        os.kill(before[0], signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert (process.returncode, stdout) == (0, "")
    assert stderr.startswith("seed 7, 2400 texts, "), stderr
    assert len(stderr.splitlines()) == 1
    assert files(folder) == whole
    assert not workers()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_says_nothing_and_leaves_no_process(
    model: Path, tmp_path: Path, kind: int
) -> None:
    """Ctrl-C goes to the workers too."""
    folder = tmp_path / "texts"
    with begun(model, folder, "local:2") as process:
        wait_for_shards(folder, 2)
        (os.killpg if kind == signal.SIGINT else os.kill)(process.pid, kind)
        _, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert (process.returncode, stderr) == (128 + kind, "")
    wait_for(lambda: not workers(), "the workers to end")


class Cluster:
    """A scheduler and workers, as people start them on machines of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = contextlib.ExitStack()
        told = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler",
            "--port",
            "0",
            "--no-dashboard",
            "--host",
            "127.0.0.1",
            "--scheduler-file",
            told,
        )
        wait_for(lambda: told.exists() and told.read_text().endswith("}"), "the scheduler")
        self.address: str = json.loads(told.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> None:
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", self.address)
        self.workers.append(self._start("worker", *options))

    def _start(self, kind: str, *options: object) -> subprocess.Popen[bytes]:
        process = self._started.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "dask", kind, *map(str, options)],
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        self._started.callback(process.kill)
        return process

    def close(self) -> None:
        self._started.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.close()


def test_workers_that_come_and_die(
    model: Path, tmp_path: Path, whole: dict[str, bytes], cluster: Cluster
) -> None:
    """The only one is killed, with the model and all that it was at; then others come."""
    folder = tmp_path / "texts"
    cluster.add_worker()
    with begun(model, folder, cluster.address) as process:
        wait_for_shards(folder, 2)
        cluster.workers[0].kill()
        for _ in range(2):
            cluster.add_worker()
        _, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 0, stderr
    assert files(folder) == whole


def test_a_scheduler_that_dies_is_one_line_and_the_next_run_goes_on(
    model: Path, tmp_path: Path, whole: dict[str, bytes], cluster: Cluster
) -> None:
    folder = tmp_path / "texts"
    cluster.add_worker()
    with begun(model, folder, cluster.address) as process:
        wait_for_shards(folder, 2)
        cluster.scheduler.kill()
        _, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 1
    assert stderr == (
        "error: the Dask scheduler is gone – start it again; the same command goes on from here\n"
    )
    assert run_command("rnn-generate", model, *OPTIONS, "--shards", folder).returncode == 0
    assert files(folder) == whole


def test_the_client_is_killed_and_goes_on_elsewhere(
    model: Path, tmp_path: Path, whole: dict[str, bytes], cluster: Cluster
) -> None:
    folder = tmp_path / "texts"
    cluster.add_worker()
    for least in (2, 6):
        with begun(model, folder, cluster.address) as process:
            wait_for_shards(folder, least)
            process.kill()
    with begun(model, folder, cluster.address) as process:
        _, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 0, stderr
    assert files(folder) == whole


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere.invalid:8786", "odd://x:1"])
def test_no_scheduler_is_one_line(model: Path, tmp_path: Path, address: str) -> None:
    with begun(model, tmp_path / "texts", address) as process:
        _, stderr = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 1
    assert stderr.startswith(f"error: no Dask scheduler at {address} (")
    assert stderr.endswith("– start one with: dask scheduler\n")
    assert len(stderr.splitlines()) == 1


def test_without_distributed_it_says_what_to_install(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from pi_runtime.cli.generate import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            model,
            *OPTIONS,
            "--shards",
            tmp_path / "t",
            "--dask",
            "local",
        ],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert done.stderr == (
        'error: --dask needs dask.distributed – run: pip install "textgenrnn-pi[cluster]"\n'
    )
    assert not (tmp_path / "t").exists()
