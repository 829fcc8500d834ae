"""Where sound goes besides a sound card: a WAV file, or a stream such as stdout."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from pi_runtime.files import replacing
from pi_runtime.speech.pcm import HEADER_BYTES, OPEN_END, wav_header

_LOGGER = logging.getLogger(__name__)

SILENT_RATE = 16_000
"""Samples per second where no engine gave a rate."""


_ENDED_EARLY = (KeyboardInterrupt, SystemExit, BrokenPipeError, GeneratorExit)
"""Ends of a text before its own, none of them a failure."""


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

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """Fix the sample rate. Once `cancelled` is set, this and `write` wait for nothing.

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

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
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
        if isinstance(error, _ENDED_EARLY) and self._bytes:
            kind, error, trace = None, None, None
        try:
            if error is None:
                self._file.seek(0)
                self._file.write(wav_header(self.rate or SILENT_RATE, self._bytes))
        except BaseException as failure:
            self._replacing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._replacing.__exit__(kind, error, trace)


class WavOutput:
    """A WAV file to a stream such as stdout, which begins before its length is known.

    >>> with open("hello.wav", "wb") as file, SpeechSession(SpeechConfig(engine="none")) as session:
    ...     spoken = session.speak("Hello there.", WavOutput(file))
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.rate: int | None = None
        self._stream = stream
        self._bytes = 0

    def __enter__(self) -> Self:
        self.rate = None
        self._bytes = 0
        # A pipe cannot go back to write the length into the header; nor can what appends.
        self._can_go_back = self._stream.seekable() and not _appends(self._stream)
        self._begin = self._stream.tell() if self._can_go_back else 0
        return self

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """See `Sink`."""
        self.rate = rate
        self._stream.write(wav_header(rate, OPEN_END))

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        self._stream.write(samples)
        self._stream.flush()
        self._bytes += len(samples)

    def abort(self) -> None:
        """See `Sink`: what was written is gone."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.rate and self._can_go_back:
            self._stream.seek(self._begin)
            self._stream.write(wav_header(self.rate, self._bytes))
            self._stream.seek(0, os.SEEK_END)
            self._stream.flush()


def _appends(stream: IO[bytes]) -> bool:
    try:
        from fcntl import F_GETFL, fcntl

        return bool(fcntl(stream.fileno(), F_GETFL) & os.O_APPEND)
    except (OSError, ImportError):  # it has no descriptor, as a stream in memory; or on Windows
        return False


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

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
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
