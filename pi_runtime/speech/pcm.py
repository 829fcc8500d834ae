"""Sound in memory: mono, signed 16-bit little-endian samples."""

from __future__ import annotations

import random
import struct
import sys
from array import array
from dataclasses import dataclass

from pi_runtime.errors import SpeechError
from pi_runtime.speech.defaults import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

SAMPLE_BYTES = 2

NOISE_PEAK = 8
"""Amplitude of `Pcm.faint_noise`, of 32768: its RMS is -76 dB relative to full scale."""

_NOISE_SAMPLES = 4096


@dataclass(frozen=True)
class Pcm:
    """A stretch of sound."""

    rate: int
    """Samples per second."""
    samples: bytes
    """s16le, one channel."""

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.samples) / SAMPLE_BYTES / self.rate

    @classmethod
    def silence(cls, seconds: float, rate: int) -> Pcm:
        """Return silence of that duration."""
        return cls(rate, bytes(SAMPLE_BYTES * int(seconds * rate)))

    @classmethod
    def faint_noise(cls, seconds: float, rate: int) -> Pcm:
        """Return noise that nobody hears, but that keeps a sink awake which sleeps in silence."""
        values = range(-NOISE_PEAK, NOISE_PEAK + 1)
        block = array("h", random.Random(0).choices(values, k=_NOISE_SAMPLES))  # noqa: S311
        if sys.byteorder == "big":
            block.byteswap()
        size = SAMPLE_BYTES * int(seconds * rate)
        repeats = -(-size // len(block.tobytes()))
        return cls(rate, (block.tobytes() * repeats)[:size])

    @classmethod
    def from_wav(cls, content: bytes) -> Pcm:
        """Read a mono 16-bit RIFF WAV file.

        Raises:
            SpeechError: it is something else, or holds no sound.
        """
        if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
            raise SpeechError("the engine made no sound (no WAV file)")
        at, rate = 12, 0
        while at + 8 <= len(content):
            name, size = struct.unpack_from("<4sI", content, at)
            at += 8
            if name == b"fmt " and at + 16 <= len(content):
                kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, at)
                if (kind, channels, bits) != (1, 1, 8 * SAMPLE_BYTES):
                    raise SpeechError("the engine's sound is not mono PCM with 16 bits")
            if name == b"data":
                # A writer to a pipe cannot go back to fill in the length: it is 0, or far too much.
                samples = content[at : at + size] if size else content[at:]
                samples = samples[: len(samples) // SAMPLE_BYTES * SAMPLE_BYTES]
                if not samples:
                    break
                if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
                    raise SpeechError(f"the engine's sound claims {rate} samples per second")
                return cls(rate, samples)
            at += size + size % 2
        raise SpeechError("the engine made no sound")

    def resampled(self, rate: int) -> Pcm:
        """Return the same sound at another rate, by linear interpolation."""
        if rate == self.rate:
            return self
        if not self.samples:
            return Pcm(rate, b"")
        import numpy as np  # speech that needs no conversion does without

        old = np.frombuffer(self.samples, "<i2")
        at = np.arange(int(len(old) * rate / self.rate)) * (self.rate / rate)
        new = np.interp(at, np.arange(len(old)), old)
        return Pcm(rate, new.round().astype("<i2").tobytes())

    def louder(self, volume: float) -> Pcm:
        """Return the sound with its amplitude multiplied, and clipped to 16 bits."""
        if volume == 1.0:
            return self
        import numpy as np

        samples = np.frombuffer(self.samples, "<i2") * float(volume)
        clipped = samples.round().clip(-32768, 32767).astype("<i2")
        return Pcm(self.rate, clipped.tobytes())


HEADER_BYTES = 44

OPEN_END = 0xFFFFFFFF
"""A length in the header of a WAV stream: it goes on to the end of the stream."""


def wav_header(rate: int, sound_bytes: int) -> bytes:
    """Return the header of a RIFF WAV file that holds `sound_bytes` of sound, or `OPEN_END`."""
    sound_bytes = min(sound_bytes, OPEN_END)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(HEADER_BYTES - 8 + sound_bytes, OPEN_END),
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
