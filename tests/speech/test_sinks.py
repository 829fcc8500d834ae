"""Where sound goes: WAV files, raw samples, and a sound card that is a file."""

from __future__ import annotations

import io
import logging
import os
import wave
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import Aplay, RawOutput, WavFile
from pi_runtime.speech.pcm import Pcm
from tests.helpers.speech import TONE, alsa_config, need_aplay


def test_a_wav_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavFile(path) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.write(TONE.samples)
        assert not path.exists(), "it appears whole"
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(file.getnframes()) == TONE.samples * 2
    assert Pcm.from_wav(path.read_bytes()) == Pcm(16_000, TONE.samples * 2)


def test_an_interrupted_wav_file_is_a_valid_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(KeyboardInterrupt), WavFile(path) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        raise KeyboardInterrupt
    assert Pcm.from_wav(path.read_bytes()) == TONE


def test_a_link_is_followed_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    link, target, pipe = tmp_path / "link.wav", tmp_path / "target.wav", tmp_path / "pipe"
    link.symlink_to(target)
    with WavFile(link) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
    assert link.is_symlink()
    assert Pcm.from_wav(target.read_bytes()) == TONE
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="is not a regular file"), WavFile(pipe) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
    assert pipe.is_fifo()


def test_a_failed_wav_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(SpeechError), WavFile(path) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        raise SpeechError("the engine died")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_raw_output_writes_at_once_and_says_what(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = io.BytesIO()
    with RawOutput(stream) as sink:
        sink.start(8_000)
        sink.write(b"abcd")
        assert stream.getvalue() == b"abcd"
    assert "raw sound: s16le, 1 channel, 8000 samples per second" in caplog.text


def test_aplay_plays_every_sample(file_card: Path) -> None:
    with Aplay() as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.write(TONE.samples)
    assert TONE.samples * 2 in file_card.read_bytes()


def test_a_sink_is_entered_again_for_the_next_text(file_card: Path, tmp_path: Path) -> None:
    louder = TONE.louder(2).resampled(8_000)
    path = tmp_path / "a.wav"
    wav, card = WavFile(path), Aplay()
    for pcm in (TONE, louder):
        for sink in (wav, card):
            with sink:
                assert sink.rate is None
                sink.start(pcm.rate)
                sink.write(pcm.samples)
        assert Pcm.from_wav(path.read_bytes()) == pcm
        assert pcm.samples in file_card.read_bytes()


def test_what_is_aborted_is_not_waited_for(file_card: Path) -> None:
    with Aplay() as sink:
        sink.abort()  # before it was started
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.abort()


def test_no_card_is_one_line_that_names_the_device() -> None:
    need_aplay()
    expected = r"'nosuchcard' cannot be played to \(.*list the devices"
    with pytest.raises(SpeechError, match=expected), Aplay("nosuchcard") as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)


def test_no_aplay_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpeechError, match="sudo apt install alsa-utils"):
        Aplay()


def test_a_card_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    need_aplay()
    config, heard = alsa_config(tmp_path, "late")
    present = config.read_text()
    config.write_text("</usr/share/alsa/alsa.conf>\npcm.late { type hw card 31 }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))

    class PlugIn(logging.Handler):
        """Plugs the card in as soon as it is said to be waited for."""

        def emit(self, record: logging.LogRecord) -> None:
            config.write_text(present)

    handler = PlugIn()
    logger = logging.getLogger("pi_runtime.speech.sinks")
    logger.addHandler(handler)
    try:
        with Aplay("late", wait=60) as sink:
            sink.start(TONE.rate)
            sink.write(TONE.samples)
    finally:
        logger.removeHandler(handler)
    assert "waiting for the sound device 'late'" in caplog.text
    assert TONE.samples in heard.read_bytes()
