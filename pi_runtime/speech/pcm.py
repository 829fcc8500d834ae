"""Sound in memory: mono, signed 16-bit little-endian samples."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass

from pi_runtime.errors import SpeechError

SAMPLE_BYTES = 2
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000


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
                pcm = cls(file.getframerate(), file.readframes(file.getnframes()))
        except (wave.Error, EOFError) as error:
            raise SpeechError(f"the engine made no sound ({str(error) or 'empty'})") from None
        if not pcm.samples:
            raise SpeechError("the engine made no sound")
        if not LOWEST_RATE <= pcm.rate <= HIGHEST_RATE:
            raise SpeechError(f"the engine's sound claims {pcm.rate} samples a second")
        return pcm

    def resampled(self, rate: int) -> Pcm:
        """Return the same sound at another rate, by linear interpolation."""
        if rate == self.rate:
            return self
        import numpy as np  # speech that needs no conversion does without

        old = np.frombuffer(self.samples, "<i2")
        at = np.arange(int(len(old) * rate / self.rate)) * (self.rate / rate)
        new = np.interp(at, np.arange(len(old)), old)
        return Pcm(rate, new.round().astype("<i2").tobytes())

    def louder(self, volume: float) -> Pcm:
        """Return the sound with its amplitude multiplied, and clipped where it must be."""
        if volume == 1.0:
            return self
        import numpy as np

        samples = np.frombuffer(self.samples, "<i2") * float(volume)
        clipped = samples.round().clip(-32768, 32767).astype("<i2")
        return Pcm(self.rate, clipped.tobytes())


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
