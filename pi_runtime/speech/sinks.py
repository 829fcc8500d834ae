"""Where sound goes: a sound card through aplay, a WAV file, or raw samples on stdout."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
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

SILENT_RATE = 16_000
"""Samples per second where no engine gave a rate."""

# What ALSA says of a device that may appear later: not plugged in, or used by another program.
_MAY_COME_BACK = ("busy", "no such device", "no such file or directory", "input/output error")


class Sink(Protocol):
    """Takes a text's sound: entered, then started once at a sample rate, then written to."""

    rate: int | None
    """Samples per second; None until it is started."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def start(self, rate: int) -> None:
        """Fix the sample rate.

        Raises:
            SpeechError: the card is missing or busy.
        """

    def write(self, samples: bytes) -> None:
        """Take s16le samples, one channel; may wait until there is room for them.

        Raises:
            SpeechError: the card went away.
            OSError: the file cannot be written.
        """

    def abort(self) -> None:
        """Drop what was written and has not been heard yet; nothing more is written."""


class WavFile:
    """A WAV file that appears whole; interrupted, it holds what was spoken until then.

    If it cannot be written, it does not appear, and an older one stays as it was.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.rate: int | None = None
        self._path = Path(path)
        self._bytes = 0

    def __enter__(self) -> Self:
        self.rate = None
        self._bytes = 0
        self._replacing = replacing(self._path)
        self._file = self._replacing.__enter__()
        self._file.write(bytes(HEADER_BYTES))
        return self

    def start(self, rate: int) -> None:
        """See `Sink`."""
        self.rate = rate

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        self._file.write(samples)
        self._bytes += len(samples)

    def abort(self) -> None:
        """See `Sink`: what was written stays."""

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
            self._file.write(wav_header(self.rate or SILENT_RATE, self._bytes))
        self._replacing.__exit__(kind, error, trace)


class RawOutput:
    """Raw s16le samples, mono, to a stream such as stdout; the format is logged.

    >>> with open("hello.raw", "wb") as file, SpeechSession(SpeechConfig(engine="none")) as session:
    ...     spoken = session.speak("Hello there.", RawOutput(file))
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.rate: int | None = None
        self._stream = stream

    def __enter__(self) -> Self:
        self.rate = None
        return self

    def start(self, rate: int) -> None:
        """See `Sink`."""
        self.rate = rate
        _LOGGER.info("raw sound: s16le, 1 channel, %d samples per second", rate)

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        self._stream.write(samples)
        self._stream.flush()

    def abort(self) -> None:
        """See `Sink`: what was written is gone."""

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
    one that is pulled out while it plays.
    """

    def __init__(self, device: str = "default", wait: float = 0.0) -> None:
        """Find aplay.

        Raises:
            SpeechError: it is missing.
        """
        program = shutil.which("aplay")
        if not program:
            raise SpeechError("aplay is not installed", "sudo apt install alsa-utils")
        self._argv = (program, "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r")
        self.rate: int | None = None
        self._device = device
        self._wait = wait
        self._process: subprocess.Popen[bytes] | None = None
        self.pipe_bytes = 0
        """How much sound may wait to be read by aplay."""

    def __enter__(self) -> Self:
        self.rate = None
        return self

    def start(self, rate: int) -> None:
        """See `Sink`."""
        self.rate = rate
        self._open()

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if not self._send(samples):
            self._close()
            self._open()
            if not self._send(samples):
                raise self._failure("it went away twice")

    def abort(self) -> None:
        """See `Sink`."""
        self._close(kill=True)

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
        """Start playing as soon as the card is available."""
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
            (*self._argv, str(self.rate), "-"),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self.pipe_bytes = _shrink(self._process.stdin)

    def _refusal(self) -> str:
        """Play a blink of silence; return why the card cannot be opened, or ''."""
        tried = subprocess.run(
            (*self._argv, str(self.rate), "-"),
            capture_output=True,
            input=Pcm.silence(0.01, self.rate or SILENT_RATE).samples,
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


def _shrink(pipe: IO[bytes] | None) -> int:
    """Make a pipe as short as Linux lets it be; return its size, 0 if it has none.

    Its usual 64 KB are two seconds of sound, that are heard after a pause.
    """
    assert pipe  # noqa: S101 - aplay's stdin
    with contextlib.suppress(OSError):
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1)  # a page is the least
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def list_devices() -> list[tuple[str, str]]:
    """Return the names of the sound devices that can be played to, each with its description.

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
