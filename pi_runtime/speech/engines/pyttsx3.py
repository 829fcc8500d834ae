"""pyttsx3: whatever voices the system has. In a child process, since it may never come back."""

from __future__ import annotations

import importlib.util
import json
import sys

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child, query
from pi_runtime.speech.engines.base import Voice, Wishes
from pi_runtime.speech.normalise import ANY
from pi_runtime.speech.pcm import Pcm

WORDS_A_MINUTE = 200

_LIST = """\
import json, pyttsx3
def codes(voice):
    for code in voice.languages:
        yield code.decode("utf-8", "replace").strip("\\x05") if isinstance(code, bytes) else code
print(json.dumps([[v.id, v.name, *codes(v)] for v in pyttsx3.init().getProperty("voices")]))
"""
_SPEAK = """\
import json, sys, pyttsx3
wishes = json.loads(sys.stdin.buffer.read())
engine = pyttsx3.init()
engine.setProperty("rate", wishes["rate"])
engine.setProperty("voice", wishes["voice"])
engine.save_to_file(wishes["text"], "sound.wav")
engine.runAndWait()
"""
_ADVICE = "pip install pyttsx3, and sudo apt install libespeak-ng1"


class Pyttsx3:
    """One process a sentence."""

    name = "pyttsx3"
    alphabet = ANY

    def __init__(self, wishes: Wishes) -> None:
        """See `Engine`."""
        if not self.available():
            raise SpeechError("pyttsx3 is not installed", _ADVICE)
        wanted = wishes.voice or wishes.language
        found = [voice.name for voice in self.voices() if voice.speaks(wanted)]
        if not found:
            raise SpeechError(f"pyttsx3 finds no voice {wanted!r} here", _ADVICE)
        self._wishes = {"rate": round(WORDS_A_MINUTE * wishes.rate), "voice": found[0]}
        self._child = Child(wishes.seconds)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return importlib.util.find_spec("pyttsx3") is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        if not cls.available():
            return []
        try:
            listed = json.loads(query([sys.executable, "-c", _LIST]))
        except (ValueError, SpeechError):
            return []  # pyttsx3 is there, the library that it speaks with is not
        return [
            Voice(cls.name, id_, language.lower())
            for id_, _, *codes in listed
            for language in codes
        ]

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._child.folder() as folder:
            request = json.dumps({**self._wishes, "text": text})
            self._child.run((sys.executable, "-c", _SPEAK), text=request, folder=folder)
            sound = folder / "sound.wav"
            return Pcm.from_wav(sound.read_bytes() if sound.exists() else b"")

    def stop(self) -> None:
        """See `Engine`."""
        self._child.stop()
