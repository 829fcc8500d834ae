"""Programs run with a library that lets their k-th change of a folder go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")

needs_compiler = pytest.mark.skipif(
    not shutil.which("gcc"), reason="no gcc – sudo apt install gcc libc6-dev"
)

KINDS = ("eio", "enospc", "edquot", "short", "kill", "killed", "torn")
"""An error; a disk or a quota that is full from here on, also in the middle of a write; SIGKILL
before the operation, after it, and in the middle of a write."""

KILLS = ("kill", "killed", "torn")


@dataclass(frozen=True)
class Run:
    """What became of a run."""

    returncode: int
    stderr: str
    points: int
    """How many operations changed something in the folder, or would have."""


def build(folder: Path) -> Path:
    """Compile the library into a folder; return its path."""
    library = folder / "shim.so"
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Werror", "-Wno-unused-result", "-shared", "-fPIC",
         "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
    )  # fmt: skip
    return library


def run(
    library: Path,
    argv: Sequence[str],
    folder: Path,
    at: int = 0,
    kind: str = "eio",
    *,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout: float = 300,
) -> Run:
    """Run a program; the operation `at` under `folder` goes wrong, none if it is 0.

    A kill takes its whole process group along, as a power cut would.
    """
    count = library.with_name(f"count.{os.getpid()}")
    count.write_bytes(bytes(8))
    preloaded = {
        **os.environ,
        **(environment or {}),
        "LD_PRELOAD": str(library),
        "FAULT_FOLDER": str(folder),
        "FAULT_COUNT": str(count),
        "FAULT_AT": str(at),
        "FAULT_KIND": kind,
        **({"FAULT_LOG": str(log)} if log else {}),
    }
    with subprocess.Popen(
        argv,
        cwd=folder,
        env=preloaded,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            _, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Run(process.returncode, stderr, int.from_bytes(count.read_bytes(), "little"))


def run_for(argv: Sequence[str], folder: Path, seconds: float) -> bool:
    """Run a program and kill it after that time; return whether it was still running."""
    with subprocess.Popen(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False
