"""Sound in memory, and in WAV files."""

from __future__ import annotations

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech.pcm import Pcm, wav_header
from tests.helpers.speech import TONE, loudness


@pytest.mark.parametrize(
    "content",
    [wav_header(1, 4) + b"abcd", wav_header(16_000, 4)[:36] + b"data", wav_header(16_000, 4)[:30]],
)
def test_damaged_sound_is_refused(content: bytes) -> None:
    with pytest.raises(SpeechError):
        Pcm.from_wav(content)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_read_to_its_end(length: int) -> None:
    content = wav_header(16_000, length % 2**31)[:40] + length.to_bytes(4, "little") + b"abcde"
    assert Pcm.from_wav(content) == Pcm(16_000, b"abcd")


@pytest.mark.parametrize("content", [b"", b"RIFF", wav_header(16_000, 0), b"x" * 99])
def test_what_is_no_sound_is_refused(content: bytes) -> None:
    with pytest.raises(SpeechError, match="made no sound"):
        Pcm.from_wav(content)


def test_the_header_of_a_file_that_is_too_long_has_an_open_end() -> None:
    for size in (2**32 - 20, 2**32 - 1, 2**40):
        header = wav_header(16_000, size)
        assert header[4:8] == b"\xff\xff\xff\xff"
    assert header[40:44] == b"\xff\xff\xff\xff"


def test_resampling_keeps_length_and_tone() -> None:
    up = TONE.resampled(44_100)
    assert up.rate == 44_100
    assert up.seconds == pytest.approx(TONE.seconds, abs=0.001)
    assert loudness(up) == pytest.approx(loudness(TONE), rel=0.05)


def test_no_sound_is_none_at_any_rate() -> None:
    assert Pcm.silence(0, 16_000).resampled(44_100) == Pcm(44_100, b"")


def test_what_is_too_loud_is_clipped() -> None:
    assert Pcm(16_000, b"\xff\x7f" * 9).louder(9).samples == b"\xff\x7f" * 9


def test_faint_noise_is_never_silent_and_never_heard() -> None:
    noise = Pcm.faint_noise(0.5, 22_050)
    assert noise.seconds == pytest.approx(0.5, abs=0.001)
    assert 0 < loudness(noise) < 2.5e-4, "-72 dB of full scale"
    assert bytes(64) not in noise.samples
