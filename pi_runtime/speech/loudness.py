"""Loudness as it is heard: measured, and made the same for every sentence, without clipping.

Sources: ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio
level": K-weighting, gating and true peaks; its filters for any sample rate as B. De Man derived
them in "Evaluation of implementations of the EBU R128 loudness measurement" (AES 145, 2018).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pi_runtime.speech.pcm import Pcm

CEILING = 10 ** (-1 / 20)
"""The highest peak, between samples too, of a full scale of 1: -1 dBTP, as EBU R 128 has it."""

MAX_GAIN = 10 ** (24 / 20)
"""The largest factor by which a sentence is made louder; noise would only become louder noise."""

FULL_SCALE = 32768

_BLOCK, _STEP = 0.4, 0.1
"""Seconds of a block that is measured, and to the next one's beginning."""
_GATE, _RELATIVE_GATE = -70.0, -10.0
"""Blocks below the first, in LUFS, or so far below the mean of the others, are not counted."""
_TAIL = 0.2
"""Seconds after which the K-weighting of a sound has died away."""

_OVERSAMPLING, _TAPS = 4, 12
_ATTACK = 0.008
"""Seconds before and after a peak in which the sound is turned down for it."""
_ROUNDS, _NEAR = 4, 0.2
"""How often, and to how many dB, what the peaks cost in loudness is made up for."""

_Floats = npt.NDArray[np.float64]


def loudness_of(pcm: Pcm) -> float:
    """Return the integrated loudness in LUFS, of one channel; -inf for silence.

    A sound shorter than a block of 0.4 s is one block.

    >>> import numpy as np
    >>> sine = np.sin(np.arange(48_000) * 2 * np.pi * 997 / 48_000) * 32767
    >>> round(loudness_of(Pcm(48_000, sine.astype("<i2").tobytes())), 2)
    -3.01
    """
    return _loudness(_floats(pcm), pcm.rate)


def levelled(pcm: Pcm, target: float, volume: float = 1.0) -> Pcm:
    """Return a sound at a loudness (LUFS; 0: its own), times a volume, with no peak clipped.

    Silence stays silence, and what is fainter than the meter's gate gets the volume only.
    """
    samples = _floats(pcm)
    if not samples.any():
        return pcm
    present = _loudness(samples, pcm.rate) if target else target
    if present == -math.inf:
        present = target
    wanted = min(target - present, _decibels(MAX_GAIN)) + _decibels(volume)
    most = MAX_GAIN * volume
    gain = 10 ** (wanted / 20)
    peaks = _peaks(samples)
    louder = samples * gain
    if peaks.max() * gain > CEILING:
        louder = _limited(samples, peaks, gain, pcm.rate)
        for _ in range(_ROUNDS if target else 0):
            lacking = present + wanted - _loudness(louder, pcm.rate)
            if abs(lacking) < _NEAR or gain >= most:
                break
            gain = min(gain * 10 ** (lacking / 20), most)
            louder = _limited(samples, peaks, gain, pcm.rate)
    scaled = (louder * FULL_SCALE).round().clip(-FULL_SCALE, FULL_SCALE - 1)
    return Pcm(pcm.rate, scaled.astype("<i2").tobytes())


def true_peak_of(pcm: Pcm) -> float:
    """Return the highest peak, between samples too, of a full scale of 1."""
    return float(_peaks(_floats(pcm)).max(initial=0.0))


def _floats(pcm: Pcm) -> _Floats:
    return np.frombuffer(pcm.samples, "<i2") / FULL_SCALE


def _decibels(factor: float) -> float:
    return 20 * math.log10(factor)


# --- the meter -----------------------------------------------------------------------------------


def _loudness(samples: _Floats, rate: int) -> float:
    if not samples.any():
        return -math.inf
    size = _fast_size(len(samples) + round(_TAIL * rate))
    spectrum = np.fft.rfft(samples, size) * _weighting(rate, size)
    weighted = np.fft.irfft(spectrum, size)[: len(samples)]
    sums = np.concatenate(([0.0], np.cumsum(weighted**2)))
    block = min(round(_BLOCK * rate), len(samples))
    starts = np.arange(0, len(samples) - block + 1, round(_STEP * rate))
    powers = np.maximum((sums[starts + block] - sums[starts]) / block, 0.0)
    loud = powers[powers > _power(_GATE)]
    if not loud.size:
        return -math.inf
    loud = loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE / 10)]
    return float(-0.691 + 10 * np.log10(loud.mean()))


def _power(loudness: float) -> float:
    return float(10 ** ((loudness + 0.691) / 10))


def _fast_size(least: int) -> int:
    """Return a size, not much larger, that a Fourier transform is fast for."""
    power = 1 << (least - 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= least)


@lru_cache(maxsize=4)
def _weighting(rate: int, size: int) -> npt.NDArray[np.complex128]:
    """Return the frequency response of K-weighting: a high shelf, then a high-pass."""
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = _biquad(
        (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k), k, q, delay
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    # Its numerator is not divided by the first coefficient of its denominator, as in the standard.
    first = 1 + k / q + k * k
    response: npt.NDArray[np.complex128] = shelf * _biquad((first, -2 * first, first), k, q, delay)
    return response


def _biquad(
    numerator: tuple[float, float, float],
    k: float,
    q: float,
    delay: npt.NDArray[np.complex128],
) -> npt.NDArray[np.complex128]:
    b0, b1, b2 = numerator
    a0, a1, a2 = 1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k
    response: npt.NDArray[np.complex128] = (b0 + delay * (b1 + delay * b2)) / (
        a0 + delay * (a1 + delay * a2)
    )
    return response


# --- the limiter ---------------------------------------------------------------------------------


def _peaks(samples: _Floats) -> _Floats:
    """Return the height of the sound at each sample and between it and the next."""
    highest = np.abs(samples)
    if len(samples) < 2:
        return highest
    for phase in range(1, _OVERSAMPLING):
        between = np.convolve(samples, _interpolator(phase))
        begin = _TAPS // 2
        np.maximum(highest, np.abs(between[begin : begin + len(samples)]), out=highest)
    return highest


@lru_cache(maxsize=_OVERSAMPLING)
def _interpolator(phase: int) -> _Floats:
    """Return the filter that gives the sound a fraction of a sample later."""
    at = np.arange(_TAPS) - (_TAPS / 2 - phase / _OVERSAMPLING)
    return np.asarray(np.sinc(at) * np.cos(np.pi * at / (_TAPS + 1)) ** 2)


def _limited(samples: _Floats, peaks: _Floats, gain: float, rate: int) -> _Floats:
    """Return the sound times a gain, turned down around each peak that would pass the ceiling."""
    turned = np.minimum(gain, CEILING / np.maximum(peaks, 1e-9))
    half = max(2, round(_ATTACK * rate) // 2 * 2)
    low = np.pad(turned, 2 * half, mode="edge")
    width = 1  # the minimum over twice the width, and so on, up to 2 * half + 1
    while width < 2 * half + 1:
        step = min(width, 2 * half + 1 - width)
        low = np.minimum(low[:-step], low[step:])
        width += step
    # Two means over `half` reach no farther than the minimum did: no peak passes the ceiling.
    for _ in range(2):
        sums = np.concatenate(([0.0], np.cumsum(low)))
        low = (sums[half + 1 :] - sums[: -half - 1]) / (half + 1)
    return np.asarray(samples * low)
