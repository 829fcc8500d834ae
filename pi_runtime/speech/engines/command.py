"""The user's own program: text on stdin, sound out.

The sound is a WAV on stdout, or raw s16le there (its rate is said with `--command-rate`), or a
file that the program writes where an argument says `{wav}`. `{language}` is filled in too.
"""

from __future__ import annotations

import shutil

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog
from pi_runtime.speech.normalise import ANY
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess


class Command:
    """One process per sentence, never through a shell."""

    name = "command"
    alphabet = ANY
    language = ""

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        if not config.command:
            raise SpeechError("no command is named", 'give --command "PROGRAM ARGUMENT…"')
        if not shutil.which(config.command[0]):
            raise SpeechError(f"{config.command[0]} is no program", "name one with --command")
        self._rate = config.command_rate
        self._argv = tuple(part.replace("{language}", config.language) for part in config.command)
        self._process = OneShotProcess(config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return True

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        return []

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._process.folder() as folder:
            # In the user's own folder, where the program may have a relative name.
            sound = folder / "sound.wav"
            argv = tuple(part.replace("{wav}", str(sound)) for part in self._argv)
            out, noise = self._process.run(argv, text=text)
            if sound.exists():
                out = sound.read_bytes()
        if out.startswith(b"RIFF"):
            return Pcm.from_wav(out)
        if len(out) < 2 or len(out) % 2:
            reason = (noise.strip().splitlines() or [f"{len(out)} bytes"])[-1]
            raise SpeechError(f"{self._argv[0]} made no sound ({reason})")
        return Pcm(self._rate, out)

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
