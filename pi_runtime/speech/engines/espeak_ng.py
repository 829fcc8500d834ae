"""espeak-ng: small, fast, speaks every language, and sounds robotic."""

from __future__ import annotations

import shutil

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, alphabet_of, no_voice
from pi_runtime.speech.language import base_of
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess, query

WORDS_PER_MINUTE = 175
LICENCE = "GPL-3+"


class EspeakNg:
    """One process per sentence; 10 ms and 8 MB each."""

    name = "espeak-ng"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        program = shutil.which("espeak-ng")
        if not program:
            raise SpeechError("espeak-ng is not installed", "sudo apt install espeak-ng")
        voice = config.voice or config.language
        found = catalog.find(type(self), config)
        if not found:
            raise no_voice(self.name, config)
        if not found[0].speaks(voice):  # it is of no such region
            voice = base_of(voice)
        self.language = voice.lower()  # which is what its voices are called
        self.alphabet = alphabet_of(self.language)
        speed = str(round(WORDS_PER_MINUTE * config.engine_rate))
        # To a file: on a pipe it cannot go back and write the length into the WAV's header.
        self._argv = (program, "-v", voice, "-s", speed, "--stdin", "-w", "sound.wav")
        self._process = OneShotProcess(config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return shutil.which("espeak-ng") is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        if not cls.available():
            return []
        # Pty Language Age/Gender VoiceName File Other Languages. Not every voice's own name is
        # understood by -v; its language is.
        rows = (line.split() for line in query(["espeak-ng", "--voices"]).splitlines()[1:])
        return [Voice(cls.name, row[1], row[1], LICENCE) for row in rows if len(row) >= 4]

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._process.folder() as folder:
            self._process.run(self._argv, text=text, folder=folder)
            sound = folder / "sound.wav"
            return Pcm.from_wav(sound.read_bytes() if sound.exists() else b"")

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
