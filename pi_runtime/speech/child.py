"""Engines are processes: run one at a time, within a time limit, and stop it from outside."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pi_runtime.errors import SpeechError


class Child:
    """Runs an engine's processes; `stop` may be called from another thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a private folder for one sentence's files."""
        with TemporaryDirectory(prefix="rnn-speak-", ignore_cleanup_errors=True) as name:
            yield Path(name)

    def run(
        self, argv: Sequence[str], *, text: str = "", folder: Path | None = None
    ) -> tuple[bytes, str]:
        """Run `argv` (never through a shell) with `text` on stdin; return stdout and stderr.

        Exit codes say little: festival leaves with 0 where there was no sound. Look at the bytes.

        Raises:
            SpeechError: the program is missing, took too long, or was stopped.
        """
        with self._lock:
            if self._stopped:
                raise SpeechError(f"{argv[0]} was stopped")
            try:
                process = self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=folder,
                    # A Ctrl-C at the terminal is for us; we stop the engine ourselves, and with
                    # it whatever it started.
                    start_new_session=True,
                )
            except OSError as error:
                raise SpeechError(f"{argv[0]}: {(error.strerror or str(error)).lower()}") from None
        try:
            out, err = process.communicate(text.encode("utf-8"), timeout=self._seconds)
        except subprocess.TimeoutExpired:
            raise SpeechError(
                f"{argv[0]} took longer than {self._seconds:g} s for a sentence"
            ) from None
        finally:
            kill(process)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        if self._stopped:
            raise SpeechError(f"{argv[0]} was stopped")
        return out, err.decode("utf-8", "replace")

    def stop(self) -> None:
        """Kill the process that is running, and let no other start."""
        with self._lock:
            self._stopped = True
            if self._process:
                kill(self._process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, and whatever it started."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError, AttributeError):
        process.kill()


def query(argv: Sequence[str], seconds: float = 20.0) -> str:
    """Return what a program prints, at once or not at all.

    Raises:
        SpeechError: it is missing or takes too long.
    """
    out, _ = Child(seconds).run(argv)
    return out.decode("utf-8", "replace")
