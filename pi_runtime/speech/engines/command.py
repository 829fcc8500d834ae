"""The user's own program: text on stdin, sound out.

The sound is a WAV on stdout, or raw s16le there (its rate is said with `--command-rate`), or a
file that the program writes where an argument says `{wav}`. `{language}` is filled in too.
"""

from __future__ import annotations

import shutil

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child
from pi_runtime.speech.engines.base import Voice, Wishes
from pi_runtime.speech.normalise import ANY
from pi_runtime.speech.pcm import Pcm


class Command:
    """One process a sentence, never through a shell."""

    name = "command"
    alphabet = ANY

    def __init__(self, wishes: Wishes) -> None:
        """See `Engine`."""
        if not wishes.command:
            raise SpeechError("no command is named", 'give --command "PROGRAM ARGUMENT…"')
        if not shutil.which(wishes.command[0]):
            raise SpeechError(f"{wishes.command[0]} is no program", "name one with --command")
        self._rate = wishes.command_rate
        self._argv = tuple(part.replace("{language}", wishes.language) for part in wishes.command)
        self._child = Child(wishes.seconds)

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
        with self._child.folder() as folder:
            # In the user's own folder, where the program may have a relative name.
            sound = folder / "sound.wav"
            argv = tuple(part.replace("{wav}", str(sound)) for part in self._argv)
            out, noise = self._child.run(argv, text=text)
            if sound.exists():
                out = sound.read_bytes()
        if out.startswith(b"RIFF"):
            return Pcm.from_wav(out)
        if len(out) < 2 or len(out) % 2:
            reason = (noise.strip().splitlines() or [f"{len(out)} bytes"])[-1]
            raise SpeechError(f"{self._argv[0]} made no sound ({reason})")
        return Pcm(self._rate, out)

    def stop(self) -> None:
        """See `Engine`."""
        self._child.stop()
