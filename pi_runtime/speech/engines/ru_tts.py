"""ru-tts: a Russian formant synthesizer of 1990 in half a megabyte, for the smallest boards."""

from __future__ import annotations

import shutil
from pathlib import Path

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, no_voice
from pi_runtime.speech.language import base_of
from pi_runtime.speech.normalise import RUSSIAN
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess

RATE = 10_000
"""Samples per second, of 8 bits each."""

_PROGRAM = "ru_tts"
_VOICES = {"male": (), "female": ("-a",)}
# Debian's rulex-data: where the stress is, which the spelling of Russian does not tell.
_STRESS = Path("/usr/share/freespeech/rulex.db")


class RuTts:
    """One process per sentence; 3 MB each."""

    name = "ru-tts"
    alphabet = RUSSIAN
    language = "ru"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        voice = (config.voice or "male").lower()
        if voice not in _VOICES or not (config.voice or base_of(config.language) == self.language):
            raise no_voice(self.name, config)
        program = shutil.which(_PROGRAM)
        if not program:
            raise SpeechError("ru-tts is not installed", "sudo apt install ru-tts rulex-data")
        stress = ("-s", str(_STRESS)) if _STRESS.exists() else ()
        self._argv = (program, "-r", f"{config.engine_rate:.3f}", *_VOICES[voice], *stress)
        self._process = OneShotProcess(config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return shutil.which(_PROGRAM) is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        return [Voice(cls.name, name, "ru", "MIT") for name in _VOICES] if cls.available() else []

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        out, _ = self._process.run(self._argv, text=f"{text}\n", encoding="koi8-r")
        if not out:
            raise SpeechError("ru-tts made no sound")
        samples = bytearray(2 * len(out))
        samples[1::2] = out  # the high bytes
        return Pcm(RATE, bytes(samples))

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
