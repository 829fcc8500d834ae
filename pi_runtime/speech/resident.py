"""An engine that stays: loading a neural voice takes longer than speaking a sentence with it."""

from __future__ import annotations

import select
import subprocess
import threading
import time
from collections.abc import Sequence

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import kill
from pi_runtime.speech.pcm import Pcm

MOST_BYTES = 1 << 28
"""The longest sound that is believed."""


class Resident:
    """A process that reads a text a line, and answers each with `RATE BYTES` and so much s16le.

    It is started for the first sentence, and anew after a sentence on which it died or hung; it
    ends when its stdin does. `stop` may be called from another thread.
    """

    def __init__(self, name: str, argv: Sequence[str], seconds: float) -> None:
        self._name = name
        self._argv = argv
        self._seconds = seconds
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def ask(self, text: str) -> Pcm:
        """Return its answer to a text.

        Raises:
            SpeechError: it died, took too long, made no sound, or was stopped.
        """
        with self._asking:
            return self._ask(text)

    def _ask(self, text: str) -> Pcm:
        process = self._running()
        assert process.stdin  # noqa: S101 - it is a pipe
        deadline = time.monotonic() + self._seconds
        try:
            process.stdin.write(" ".join(text.split()).encode("utf-8") + b"\n")
            header = b""
            while not header.endswith(b"\n"):
                header += self._read(process, 1, deadline)
            rate, size = map(int, header.split())
            if not 0 <= size <= MOST_BYTES:
                raise ValueError(size)
            samples = bytearray()
            while len(samples) < size:
                samples += self._read(process, size - len(samples), deadline)
        except (OSError, ValueError, TimeoutError) as error:
            self._end()
            if self._stopped:
                raise SpeechError(f"{self._name} was stopped") from None
            slow = isinstance(error, TimeoutError)
            what = f"took longer than {self._seconds:g} s for a sentence" if slow else "died"
            raise SpeechError(f"{self._name} {what}") from None
        if not samples:
            raise SpeechError(f"{self._name} made no sound")
        return Pcm(rate, bytes(samples))

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise SpeechError(f"{self._name} was stopped")
            if self._process is None:
                self._process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    start_new_session=True,  # see `Child`
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
            kill(process)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def stop(self) -> None:
        """End the process, and let no other start."""
        with self._lock:
            self._stopped = True
            if self._process:
                kill(self._process)
        if self._asking.acquire(blocking=False):  # else who asks finds it dead
            self._end()
            self._asking.release()
