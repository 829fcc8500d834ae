"""Engines are processes: run within a time limit, and cancelled from another thread."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pi_runtime.errors import SpeechError
from pi_runtime.speech.pcm import Pcm

MAX_REPLY_BYTES = 1 << 28
"""Upper bound on a persistent process's reply."""


class Cancelled(SpeechError):  # noqa: N818 - no error
    """The sentence was cancelled, which is no failure of the engine."""


class OneShotProcess:
    """Runs a process per sentence. One thread runs, any other may cancel or close."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds is what each process gets."""
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False
        self._closed = False

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a private folder for one sentence's files."""
        with TemporaryDirectory(prefix="rnn-speak-", ignore_cleanup_errors=True) as name:
            yield Path(name)

    def run(
        self, argv: Sequence[str], *, text: str = "", folder: Path | None = None
    ) -> tuple[bytes, str]:
        """Run `argv` (never through a shell) with `text` on stdin; return stdout and stderr.

        Exit codes say little: festival leaves with 0 if there was no sound. Look at the bytes.

        Raises:
            SpeechError: the program is missing, took too long, or was cancelled.
        """
        with self._lock:
            if self._closed:
                raise SpeechError(f"{argv[0]} was closed")
            self._cancelled = False
            process = self._process = _start(
                argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
            )
        try:
            out, err = process.communicate(text.encode("utf-8"), timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise SpeechError(
                f"{argv[0]} took longer than {self._timeout:g} s for a sentence"
            ) from None
        finally:
            with self._lock:
                self._process = None
            _end(process)
        if self._cancelled:
            raise Cancelled(f"{argv[0]} was cancelled")
        return out, err.decode("utf-8", "replace")

    def cancel(self) -> None:
        """Kill the process that is running, if one is."""
        with self._lock:
            if self._process:
                self._cancelled = True
                kill(self._process)

    def close(self) -> None:
        """Kill the process that is running, and let no other start."""
        with self._lock:
            self._closed = True
        self.cancel()


class PersistentProcess:
    """A process that stays: loading a neural voice takes longer than speaking a sentence with it.

    It reads one text per line, and replies to each with a line `RATE BYTES` and that many bytes of
    s16le. It is started for the first sentence, and again after one on which it died, hung or was
    cancelled; it ends when its stdin does.
    """

    def __init__(self, name: str, argv: Sequence[str], timeout: float) -> None:
        """`timeout` in seconds is what each reply gets."""
        self._name = name
        self._argv = argv
        self._timeout = timeout
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False
        self._closed = False

    def ask(self, text: str) -> Pcm:
        """Return its reply to a text.

        Raises:
            SpeechError: it died, took too long, made no sound, or was cancelled.
        """
        with self._asking:
            return self._ask(text)

    def _ask(self, text: str) -> Pcm:
        process = self._running()
        assert process.stdin  # noqa: S101 - it is a pipe
        deadline = time.monotonic() + self._timeout
        try:
            process.stdin.write(" ".join(text.split()).encode("utf-8") + b"\n")
            header = b""
            while not header.endswith(b"\n"):
                header += self._read(process, 1, deadline)
            rate, size = map(int, header.split())
            if not 0 <= size <= MAX_REPLY_BYTES:
                raise ValueError(size)
            samples = bytearray()
            while len(samples) < size:
                samples += self._read(process, size - len(samples), deadline)
        except (OSError, ValueError, TimeoutError) as error:
            self._end()
            if self._cancelled:
                raise Cancelled(f"{self._name} was cancelled") from None
            slow = isinstance(error, TimeoutError)
            what = f"took longer than {self._timeout:g} s for a sentence" if slow else "died"
            raise SpeechError(f"{self._name} {what}") from None
        if not samples:
            raise SpeechError(f"{self._name} made no sound")
        return Pcm(rate, bytes(samples))

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise SpeechError(f"{self._name} was closed")
            if self._process and self._cancelled:  # just as its reply was complete
                _end(self._process)
                self._process = None
            self._cancelled = False
            if self._process is None:
                self._process = _start(
                    self._argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
                )
            return self._process

    def _read(self, process: subprocess.Popen[bytes], most: int, deadline: float) -> bytes:
        assert process.stdout  # noqa: S101 - it is a pipe
        left = max(0.0, deadline - time.monotonic())
        if not select.select([process.stdout], [], [], left)[0]:
            raise TimeoutError
        piece = process.stdout.read(most)
        if not piece:
            raise OSError("it closed its output")
        return piece

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process:
            _end(process)

    def cancel(self) -> None:
        """End the reply that is being made, if one is; the next text starts the process again."""
        with self._lock:
            if self._asking.locked() and self._process:
                self._cancelled = True
                kill(self._process)

    def close(self) -> None:
        """End the process, and let no other start."""
        with self._lock:
            self._closed = True
        self.cancel()
        if self._asking.acquire(blocking=False):  # else whoever asks finds it dead
            self._end()
            self._asking.release()


def _start(argv: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that a Ctrl-C at the terminal is for us alone.

    Raises:
        SpeechError: it cannot be started.
    """
    try:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            argv, stdout=subprocess.PIPE, start_new_session=True, **options
        )
    except OSError as error:
        raise SpeechError(f"{argv[0]}: {(error.strerror or str(error)).lower()}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, and whatever it started."""
    if process.returncode is not None:
        return
    # Not `poll`, which would reap it: what it started may live on, in its process group.
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError, AttributeError):
        process.kill()


def query(argv: Sequence[str], timeout: float = 20.0) -> str:
    """Return what a program prints.

    Raises:
        SpeechError: it is missing or takes too long.
    """
    out, _ = OneShotProcess(timeout).run(argv)
    return out.decode("utf-8", "replace")
