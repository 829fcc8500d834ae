"""piper: neural voices. Needs the extra `piper` and a voice: a file, or an installed package."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child
from pi_runtime.speech.engines.base import Voice, Wishes
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sanitise import ANY

_ADVICE = 'pip install "textgenrnn-pi[piper]", and name a voice file with --voice'


class Piper:
    """One process a sentence."""

    name = "piper"
    alphabet = ANY

    def __init__(self, wishes: Wishes) -> None:
        """See `Engine`."""
        if not self.available():
            raise SpeechError("piper is not installed", _ADVICE)
        if wishes.voice and Path(wishes.voice).is_file():
            model = str(Path(wishes.voice).resolve())
        else:
            wanted = wishes.voice or wishes.language
            found = [voice.name for voice in self.voices() if voice.speaks(wanted)]
            if not found:
                raise SpeechError(f"piper has no voice {wanted!r} here", _ADVICE)
            model = found[0]
        stretch = f"{1 / wishes.rate:.3f}"
        self._argv = (
            *(sys.executable, "-m", "piper", "-m", model),
            *("--length-scale", stretch, "-f", "sound.wav"),
        )
        self._child = Child(wishes.seconds)

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
                    # Piper's names begin with the locale: en_US-joe-medium.onnx
                    voices.append(Voice(cls.name, str(model), model.name[:2].lower()))
        return voices

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._child.folder() as folder:
            self._child.run(self._argv, text=text, folder=folder)
            sound = folder / "sound.wav"
            return Pcm.from_wav(sound.read_bytes() if sound.exists() else b"")

    def stop(self) -> None:
        """See `Engine`."""
        self._child.stop()
