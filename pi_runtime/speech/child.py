"""Engines are processes: run one at a time, within a time limit, and stop it from outside."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from pi_runtime.errors import SpeechError


class Child:
    """Runs an engine's process; `stop` may be called from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(
        self, argv: Sequence[str], *, text: str = "", seconds: float, folder: Path | None = None
    ) -> tuple[bytes, str]:
        """Run `argv` (never through a shell) with `text` on stdin; return stdout and stderr.

        Exit codes say little: festival leaves with 0 where there was no sound. Look at the bytes.

        Raises:
            SpeechError: the program is missing, took longer than `seconds`, or was stopped.
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
                    # A Ctrl-C at the terminal is for us; we stop the engine ourselves.
                    start_new_session=True,
                )
            except OSError as error:
                raise SpeechError(f"{argv[0]}: {(error.strerror or str(error)).lower()}") from None
        try:
            out, err = process.communicate(text.encode("utf-8"), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise SpeechError(f"{argv[0]} took longer than {seconds:g} s for a sentence") from None
        finally:
            process.kill()
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
                self._process.kill()
