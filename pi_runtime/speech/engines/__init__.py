"""The speech engines: one module each, one Protocol."""

from __future__ import annotations

from typing import Protocol

from pi_runtime.errors import SpeechError
from pi_runtime.speech.engines.espeak_ng import EspeakNg
from pi_runtime.speech.engines.festival import Festival
from pi_runtime.speech.engines.silent import Silent
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sanitise import Alphabet

NAMES = ("festival", "espeak-ng", "none")


class Engine(Protocol):
    """A voice that turns a sentence into sound."""

    name: str
    alphabet: Alphabet
    """What may be given to `synthesize`; see `sanitise`."""

    def synthesize(self, text: str) -> Pcm:
        """Return a sanitised sentence as sound.

        Raises:
            SpeechError: no sound came of it.
        """

    def stop(self) -> None:
        """End what is being synthesized, and the engine's use, from another thread."""


def open_engine(name: str, language: str) -> Engine:
    """Return the engine `name` with a voice for a language; "auto" takes the best one present.

    Raises:
        SpeechError: the engine or its voice is missing; the message says what to install.
    """
    if name == "none":
        return Silent()
    if name == "festival":
        return Festival(language)
    if name == "espeak-ng":
        return EspeakNg(language)
    if Festival.speaks(language):
        try:
            return Festival(language)
        except SpeechError:
            pass
    return EspeakNg(language)
