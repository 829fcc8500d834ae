"""The user's own program as an engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import VoiceCatalog
from pi_runtime.speech.engines.command import Command
from pi_runtime.speech.pcm import Pcm, wav_header
from tests.helpers.speech import PATIENCE

SCRIPT = "import sys, pathlib; text = sys.stdin.read(); "
HANGS = "import time; time.sleep(100000)"


def command(*argv: str, seconds: float = PATIENCE, language: str = "en") -> Command:
    config = SpeechConfig(
        command=argv, command_rate=16_000, sentence_time=seconds, language=language
    )
    return Command(config, VoiceCatalog())


def test_a_command_may_write_raw_sound_a_wav_or_a_file(tmp_path: Path) -> None:
    python = sys.executable
    raw = command(python, "-c", SCRIPT + "sys.stdout.buffer.write(b'ab' * len(text))")
    assert raw.synthesize("1234") == Pcm(16_000, b"abababab")
    wav = tmp_path / "tone.wav"
    wav.write_bytes(wav_header(8_000, 4) + b"abcd")
    assert command("cat", str(wav)).synthesize("x") == Pcm(8_000, b"abcd")
    assert command("cp", str(wav), "{wav}").synthesize("x") == Pcm(8_000, b"abcd")


def test_a_command_is_told_the_language() -> None:
    told = command("printf", "{language}", language="ru").synthesize("x")
    assert told.samples == b"ru"


@pytest.mark.parametrize(
    "script",
    ["", "sys.exit(3)", "sys.stdout.buffer.write(b'RIFFgarbage')", "sys.stdout.buffer.write(b'x')",
     "import os; os.kill(os.getpid(), 9)", HANGS,
     "sys.stdout.buffer.write(b'RIFF' + bytes(500))"],
)  # fmt: skip
def test_an_engine_that_dies_hangs_or_writes_garbage_is_one_error(script: str) -> None:
    engine = command(
        sys.executable, "-c", SCRIPT + script, seconds=2 if script == HANGS else PATIENCE
    )
    with pytest.raises(SpeechError) as caught:
        engine.synthesize("Hello")
    assert "\n" not in str(caught.value)
    assert ("took longer than 2 s" in str(caught.value)) == (script == HANGS)


def test_a_program_that_is_missing_or_not_named() -> None:
    with pytest.raises(SpeechError, match="no-such-engine is no program – name one with --command"):
        command("no-such-engine")
    with pytest.raises(SpeechError, match="no command is named"):
        command()
