"""espeak-ng: small, quick, every language, and sounds like it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sanitise import ANY

SECONDS = 30.0


class EspeakNg:
    """One process a sentence; 10 ms and 8 MB each."""

    name = "espeak-ng"
    alphabet = ANY

    def __init__(self, language: str) -> None:
        """Find the voice of a language.

        Raises:
            SpeechError: espeak-ng, or its voice, is missing.
        """
        program = shutil.which("espeak-ng")
        if not program:
            raise SpeechError("espeak-ng is not installed", "sudo apt install espeak-ng")
        self._argv = (program, "-v", language, "--stdin", "-w", "sound.wav")
        self._child = Child()
        voices, _ = self._child.run((program, f"--voices={language}"), seconds=SECONDS)
        if len(voices.splitlines()) < 2:
            raise SpeechError(
                f"espeak-ng has no voice for the language {language!r}",
                "choose one that `espeak-ng --voices` lists with --language",
            )

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        # To a file: on a pipe it cannot go back and write the length into the WAV's header.
        with TemporaryDirectory(prefix="rnn-speak-") as folder:
            self._child.run(self._argv, text=text, seconds=SECONDS, folder=Path(folder))
            sound = Path(folder, "sound.wav")
            return Pcm.from_wav(sound.read_bytes() if sound.exists() else b"")

    def stop(self) -> None:
        """See `Engine`."""
        self._child.stop()
