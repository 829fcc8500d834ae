"""Where sound goes: WAV files, raw samples, and a sound card that is a file."""

from __future__ import annotations

import io
import logging
import os
import wave
from pathlib import Path
from typing import IO

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import RawOutput, WavFile
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sinks import WavOutput
from tests.helpers.speech import TONE


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


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def written(stream: IO[bytes]) -> None:
    with WavOutput(stream) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.write(TONE.samples)


def test_a_wav_stream_begins_at_once_and_is_read_to_its_end() -> None:
    stream = Pipe()
    with WavOutput(stream) as sink:
        assert not stream.getvalue()
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        assert Pcm.from_wav(stream.getvalue()) == TONE
    assert stream.getvalue()[4:8] == stream.getvalue()[40:44] == b"\xff\xff\xff\xff"


def test_a_wav_stream_into_a_file_tells_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        written(file)
    with wave.open(str(path)) as wav:
        assert wav.getnframes() == 2 * len(TONE.samples) // 2
    memory = io.BytesIO()
    written(memory)
    assert memory.getvalue() == path.read_bytes()


def test_a_wav_stream_never_writes_into_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with path.open("ab") as file:
        written(file)
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        written(file)
    content = path.read_bytes()
    size = 44 + 2 * len(TONE.samples)
    assert content[:6] == b"before"
    assert Pcm.from_wav(content[6 : 6 + size]).samples == 2 * TONE.samples
    with wave.open(io.BytesIO(content[6 + size :])) as wav:
        assert wav.getnframes() == len(TONE.samples)


def test_a_wav_stream_of_nothing_is_empty() -> None:
    for stream in (Pipe(), io.BytesIO()):
        with WavOutput(stream):
            pass
        assert stream.getvalue() == b""


def test_an_interrupted_wav_stream_into_a_file_is_valid() -> None:
    stream = io.BytesIO()
    with pytest.raises(KeyboardInterrupt), WavOutput(stream) as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        raise KeyboardInterrupt
    with wave.open(io.BytesIO(stream.getvalue())) as wav:
        assert wav.getnframes() == len(TONE.samples) // 2


def test_raw_output_writes_at_once_and_says_what(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = io.BytesIO()
    with RawOutput(stream) as sink:
        sink.start(8_000)
        sink.write(b"abcd")
        assert stream.getvalue() == b"abcd"
    assert "raw sound: s16le, 1 channel, 8000 samples per second" in caplog.text
