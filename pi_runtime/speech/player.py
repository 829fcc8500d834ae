"""Where sound goes: a sound card through aplay, or a WAV file."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pi_runtime.errors import SpeechError
from pi_runtime.files import replacing
from pi_runtime.speech.pcm import HEADER_BYTES, Pcm, wav_header


class Sink(Protocol):
    """Takes sound, piece after piece, all of one sample rate."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def write(self, pcm: Pcm) -> None:
        """Take a piece; may wait until there is room for it.

        Raises:
            SpeechError: the card is missing or busy.
            OSError: the file cannot be written.
        """


class WavFile:
    """A WAV file that appears whole; interrupted, it holds what was spoken until then.

    Where it cannot be written, it does not appear, and an older one stays as it was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rate = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        self._replacing = replacing(self._path)
        self._file = self._replacing.__enter__()
        self._file.write(bytes(HEADER_BYTES))
        return self

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        self._rate = self._rate or pcm.rate
        if pcm.rate != self._rate:
            raise SpeechError(f"the sample rate changed from {self._rate} to {pcm.rate}")
        self._file.write(pcm.samples)
        self._bytes += len(pcm.samples)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self._bytes:
            kind, error, trace = None, None, None
        if error is None:
            self._file.seek(0)
            self._file.write(wav_header(self._rate or 16_000, self._bytes))
        self._replacing.__exit__(kind, error, trace)


class Aplay:
    """A sound card, through ALSA's own player."""

    def __init__(self, device: str = "default") -> None:
        """Find aplay.

        Raises:
            SpeechError: it is missing.
        """
        program = shutil.which("aplay")
        if not program:
            raise SpeechError("aplay is not installed", "sudo apt install alsa-utils")
        self._program = program
        self._device = device
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        if self._process is None:
            self._process = subprocess.Popen(
                (
                    *(self._program, "-q", "-D", self._device),
                    *("-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(pcm.rate), "-"),
                ),
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin  # noqa: S101 - it is a pipe
        try:
            rest = memoryview(pcm.samples)
            while rest:
                rest = rest[self._process.stdin.write(rest) :]
        except BrokenPipeError:
            raise self._failure() from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if error is not None:
            self._process.kill()
        failure = self._failure()  # waits until it has played what it has
        if error is None and self._process.returncode:
            raise failure

    def _failure(self) -> SpeechError:
        assert self._process  # noqa: S101 - it is what failed
        said = ""
        with contextlib.suppress(BrokenPipeError, ValueError):
            said = self._process.communicate()[1].decode("utf-8", "replace")
        # aplay's own line, behind ALSA's: "aplay: main:852: audio open error: No such device".
        reason = (said.strip().splitlines() or [""])[-1].partition(": ")[2]
        return SpeechError(
            f"the sound device {self._device!r} cannot be played to ({reason or 'aplay ended'})",
            "list the devices with `aplay -L` and name one with --device, or write a --wav",
        )
