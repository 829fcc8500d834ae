"""piper: neural voices. Needs the extra `piper` and a voice: a file, or an installed package."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, alphabet_of
from pi_runtime.speech.language import language_code
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import PersistentProcess

MAX_CONFIG_BYTES = 1 << 20

_ADVICE = 'pip install "textgenrnn-pi[piper]", and name a voice file with --voice'
# Replies to each line on stdin as `PersistentProcess` expects.
_SPEAK = """\
import os, sys
# Of ONNX Runtime, which computes the voice: it would report each one to Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
from piper import PiperVoice, SynthesisConfig
voice = PiperVoice.load(sys.argv[1])
how = SynthesisConfig(length_scale=float(sys.argv[2]))
for line in sys.stdin.buffer:
    sound = b"".join(c.audio_int16_bytes for c in voice.synthesize(line.decode("utf-8"), how))
    sys.stdout.buffer.write(b"%d %d\\n" % (voice.config.sample_rate, len(sound)) + sound)
    sys.stdout.buffer.flush()
"""


def language_of_file(model: Path) -> str:
    """Return the language of a voice file, by its config or its name; "" if neither tells."""
    try:
        with Path(f"{model}.json").open("rb") as file:
            code = json.loads(file.read(MAX_CONFIG_BYTES))["language"]["code"]
        return language_code(code)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UsageError):
        pass
    # Piper's names begin with the locale: en_US-joe-medium.onnx
    locale = re.match(r"([a-z]{2,3}_[A-Z]{2})-", model.name)
    return language_code(locale[1]) if locale else ""


class Piper:
    """One process for all sentences, so that the voice is loaded once."""

    name = "piper"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        if not self.available():
            raise SpeechError("piper is not installed", _ADVICE)
        if config.voice and Path(config.voice).is_file():
            model = str(Path(config.voice).resolve())
            self.language = language_of_file(Path(model))
        else:
            wanted = config.voice or config.language
            found = catalog.find(type(self), config)
            if not found:
                raise SpeechError(f"piper has no voice {wanted!r} here", _ADVICE)
            model, self.language = found[0].name, found[0].language
        self.alphabet = alphabet_of(self.language)
        argv = (sys.executable, "-c", _SPEAK, model, f"{1 / config.engine_rate:.3f}")
        self._process = PersistentProcess(self.name, argv, config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return importlib.util.find_spec("piper") is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`: the voice files that installed `…piper_voice…` packages hold."""
        voices = []
        for package in packages_distributions():
            if "piper_voice" not in package:
                continue
            spec = importlib.util.find_spec(package)
            for folder in (spec.submodule_search_locations or []) if spec else []:
                for model in sorted(Path(folder).rglob("*.onnx")):
                    voices.append(Voice(cls.name, str(model), language_of_file(model)))
        return voices

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        return self._process.ask(text)

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
