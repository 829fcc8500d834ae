"""Where sound goes: a sound card through aplay, a WAV file, or raw samples on stdout."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from pi_runtime.errors import SpeechError
from pi_runtime.files import replacing
from pi_runtime.speech.pcm import HEADER_BYTES, Pcm, wav_header

_LOGGER = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two attempts to open a card; doubled each time."""

# What ALSA says of a device that may yet come: not plugged in, or another program's.
_MAY_COME_BACK = ("busy", "no such device", "no such file or directory", "input/output error")


class Sink(Protocol):
    """Takes sound, piece after piece."""

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

    Where it cannot be written, it does not appear, and an older one stays as it was. `rate` is
    its sample rate; None: that of the first piece.
    """

    def __init__(self, path: Path, rate: int | None = None) -> None:
        self._path = path
        self._rate = rate
        self._bytes = 0

    def __enter__(self) -> Self:
        self._replacing = replacing(self._path)
        self._file = self._replacing.__enter__()
        self._file.write(bytes(HEADER_BYTES))
        return self

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        self._rate = self._rate or pcm.rate
        samples = pcm.resampled(self._rate).samples
        self._file.write(samples)
        self._bytes += len(samples)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, (KeyboardInterrupt, SystemExit, BrokenPipeError)) and self._bytes:
            kind, error, trace = None, None, None
        if error is None:
            self._file.seek(0)
            self._file.write(wav_header(self._rate or 16_000, self._bytes))
        self._replacing.__exit__(kind, error, trace)


class RawOutput:
    """Raw s16le samples, mono, to a stream such as stdout; the format is logged."""

    def __init__(self, stream: IO[bytes], rate: int | None = None) -> None:
        self._stream = stream
        self._rate = rate
        self._told = False

    def __enter__(self) -> Self:
        return self

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        self._rate = self._rate or pcm.rate
        if not self._told:
            _LOGGER.info("raw sound: s16le, 1 channel, %d samples a second", self._rate)
            self._told = True
        self._stream.write(pcm.resampled(self._rate).samples)
        self._stream.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Aplay:
    """A sound card, through ALSA's own player.

    A card that is missing or busy is waited for, up to `wait` seconds, with growing pauses; so is
    one that is pulled out while it plays. `rate` is what the card gets; None: that of the first
    piece.
    """

    def __init__(self, device: str = "default", rate: int | None = None, wait: float = 0.0) -> None:
        """Find aplay.

        Raises:
            SpeechError: it is missing.
        """
        program = shutil.which("aplay")
        if not program:
            raise SpeechError("aplay is not installed", "sudo apt install alsa-utils")
        self._argv = (program, "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r")
        self._device = device
        self._rate = rate
        self._wait = wait
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, pcm: Pcm) -> None:
        """See `Sink`."""
        self._rate = self._rate or pcm.rate
        samples = pcm.resampled(self._rate).samples
        if self._process is None:
            self._open()
        if not self._send(samples):
            self._close()
            self._open()
            if not self._send(samples):
                raise self._failure("it went away twice")

    def _send(self, samples: bytes) -> bool:
        assert self._process  # noqa: S101 - `_open` made it
        assert self._process.stdin  # noqa: S101 - it is a pipe
        rest = memoryview(samples)
        try:
            while rest:
                rest = rest[self._process.stdin.write(rest) :]
        except BrokenPipeError:
            return False
        return True

    def _open(self) -> None:
        """Start playing once the card can be had."""
        deadline = time.monotonic() + self._wait
        pause = FIRST_PAUSE
        while reason := self._refusal():
            left = deadline - time.monotonic()
            if left <= 0 or not reason.lower().endswith(_MAY_COME_BACK):
                raise self._failure(reason)
            _LOGGER.warning("waiting for the sound device %r (%s)", self._device, reason)
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
        self._process = subprocess.Popen(
            (*self._argv, str(self._rate), "-"),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )

    def _refusal(self) -> str:
        """Play a blink of silence; return why the card cannot be opened, or ''."""
        tried = subprocess.run(
            (*self._argv, str(self._rate), "-"),
            capture_output=True,
            input=Pcm.silence(0.01, self._rate or 16_000).samples,
            start_new_session=True,
            check=False,
        )
        if not tried.returncode:
            return ""
        said = tried.stderr.decode("utf-8", "replace").strip()
        if "Unknown PCM" in said:
            return "ALSA knows no such name"
        # aplay's own line, behind ALSA's: "aplay: main:852: audio open error: No such device".
        return said.rpartition(": ")[2] or "aplay failed"

    def _failure(self, reason: str) -> SpeechError:
        return SpeechError(
            f"the sound device {self._device!r} cannot be played to ({reason})",
            "list the devices with --list-devices and name one with --device, or write a --wav",
        )

    def _close(self, *, kill: bool = False) -> int:
        if self._process is None:
            return 0
        if kill:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()  # closing lets it play what it has
        code = self._process.returncode
        self._process = None
        return code

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            code = self._close(kill=error is not None)
        except BaseException:
            self._close(kill=True)
            raise
        if error is None and code:
            raise self._failure("it went away")


def list_devices() -> list[tuple[str, str]]:
    """Return the names of the sound devices that can be played to, and what each is.

    Raises:
        SpeechError: aplay is missing.
    """
    program = shutil.which("aplay")
    if not program:
        raise SpeechError("aplay is not installed", "sudo apt install alsa-utils")
    listed = subprocess.run((program, "-L"), capture_output=True, text=True, check=False).stdout
    devices: list[tuple[str, str]] = []
    for line in listed.splitlines():
        if not line.startswith(" "):
            devices.append((line, ""))
        elif devices and not devices[-1][1]:
            devices[-1] = (devices[-1][0], line.strip())
    return devices
