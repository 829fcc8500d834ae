"""pyttsx3: whatever voices the system has. In a child process, since it may never return."""

from __future__ import annotations

import importlib.util
import json
import sys

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, alphabet_of
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess, query

WORDS_PER_MINUTE = 200

_LIST = """\
import json, pyttsx3
def codes(voice):
    for code in voice.languages:
        yield code.decode("utf-8", "replace").strip("\\x05") if isinstance(code, bytes) else code
print(json.dumps([[v.id, v.name, *codes(v)] for v in pyttsx3.init().getProperty("voices")]))
"""
_SPEAK = """\
import json, sys, pyttsx3
options = json.loads(sys.stdin.buffer.read())
engine = pyttsx3.init()
engine.setProperty("rate", options["rate"])
engine.setProperty("voice", options["voice"])
engine.save_to_file(options["text"], "sound.wav")
engine.runAndWait()
"""
_ADVICE = "pip install pyttsx3, and sudo apt install libespeak-ng1"


class Pyttsx3:
    """One process per sentence."""

    name = "pyttsx3"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        if not self.available():
            raise SpeechError("pyttsx3 is not installed", _ADVICE)
        wanted = config.voice or config.language
        found = catalog.find(type(self), config)
        if not found:
            raise SpeechError(f"pyttsx3 finds no voice {wanted!r} here", _ADVICE)
        self.language = found[0].language
        self.alphabet = alphabet_of(self.language)
        rate = round(WORDS_PER_MINUTE * config.engine_rate)
        self._options = {"rate": rate, "voice": found[0].name}
        self._process = OneShotProcess(config.sentence_time)

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
        with self._process.folder() as folder:
            request = json.dumps({**self._options, "text": text})
            self._process.run((sys.executable, "-c", _SPEAK), text=request, folder=folder)
            sound = folder / "sound.wav"
            return Pcm.from_wav(sound.read_bytes() if sound.exists() else b"")

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
