"""Sound in memory: mono, signed 16-bit little-endian samples."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass

from pi_runtime.errors import SpeechError

SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Pcm:
    """A stretch of sound."""

    rate: int
    """Samples a second."""
    samples: bytes
    """s16le, one channel."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_BYTES / self.rate

    @classmethod
    def silence(cls, seconds: float, rate: int) -> Pcm:
        """Return so much silence."""
        return cls(rate, bytes(SAMPLE_BYTES * int(seconds * rate)))

    @classmethod
    def from_wav(cls, content: bytes) -> Pcm:
        """Read a mono 16-bit RIFF WAV file.

        Raises:
            SpeechError: it is something else, or holds no sound.
        """
        try:
            with wave.open(io.BytesIO(content)) as file:
                if file.getnchannels() != 1 or file.getsampwidth() != SAMPLE_BYTES:
                    raise SpeechError("the engine's sound is not mono with 16 bits")
                # An engine that writes to a pipe cannot go back to fill in the length.
                pcm = cls(file.getframerate(), file.readframes(file.getnframes()))
        except (wave.Error, EOFError) as error:
            raise SpeechError(f"the engine made no sound ({str(error) or 'empty'})") from None
        if not pcm.samples:
            raise SpeechError("the engine made no sound")
        return pcm


HEADER_BYTES = 44


def wav_header(rate: int, sound_bytes: int) -> bytes:
    """Return the header of a RIFF WAV file that holds so many bytes of sound."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + sound_bytes,
        b"WAVE",
        b"fmt ",
        16,  # bytes of the format that follows: PCM, one channel, …
        1,
        1,
        rate,
        SAMPLE_BYTES * rate,
        SAMPLE_BYTES,
        8 * SAMPLE_BYTES,
        b"data",
        sound_bytes,
    )
