"""What an engine is, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pi_runtime.speech.normalise import Alphabet
from pi_runtime.speech.pcm import Pcm


@dataclass(frozen=True)
class Voice:
    """A voice that is installed."""

    engine: str
    name: str
    language: str
    """Its language's code, e.g. `en` or `pt-br`."""

    def speaks(self, wanted: str) -> bool:
        """Return whether it is the voice of that name, or speaks that language."""
        return wanted.lower() in (self.name.lower(), self.language, self.language.split("-")[0])


@dataclass(frozen=True)
class Wishes:
    """How to speak. What an engine cannot do itself is done to its sound."""

    language: str = "en"
    voice: str | None = None
    """A voice's name, or a voice file; None: the engine's best for the language."""
    rate: float = 1.0
    """Speed; 2 is twice as fast."""
    seconds: float = 60.0
    """The longest that a sentence may take."""
    command: tuple[str, ...] = ()
    """The program of the `command` engine and its arguments."""
    command_rate: int = 22_050
    """The sample rate of raw sound that it writes."""


class Engine(Protocol):
    """A voice that turns a sentence into sound."""

    name: str
    alphabet: Alphabet
    """What may be given to `synthesize`; see `sanitise`."""

    def __init__(self, wishes: Wishes) -> None:
        """Find the program and its voice.

        Raises:
            SpeechError: one is missing; the message says what to install.
        """

    @classmethod
    def available(cls) -> bool:
        """Return whether the engine is installed."""

    @classmethod
    def voices(cls) -> list[Voice]:
        """Return the voices that are installed."""

    def synthesize(self, text: str) -> Pcm:
        """Return a sanitised sentence as sound.

        Raises:
            SpeechError: no sound came of it.
        """

    def stop(self) -> None:
        """End what is being synthesized, and the engine's use, from another thread."""
