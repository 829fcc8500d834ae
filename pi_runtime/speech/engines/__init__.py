"""The speech engines: one module each, one Protocol."""

from __future__ import annotations

from collections.abc import Iterator

from pi_runtime.errors import SpeechError
from pi_runtime.speech.engines.base import Engine, Voice, Wishes
from pi_runtime.speech.engines.command import Command
from pi_runtime.speech.engines.espeak_ng import EspeakNg
from pi_runtime.speech.engines.festival import Festival
from pi_runtime.speech.engines.piper import Piper
from pi_runtime.speech.engines.pyttsx3 import Pyttsx3
from pi_runtime.speech.engines.silent import Silent

__all__ = ["ENGINES", "Engine", "Voice", "Wishes", "open_engine", "open_engines"]

ENGINES: dict[str, type[Engine]] = {
    "piper": Piper,
    "festival": Festival,
    "espeak-ng": EspeakNg,
    "pyttsx3": Pyttsx3,
    "command": Command,
    "none": Silent,
}
_BEST_FIRST = ("piper", "festival", "espeak-ng", "pyttsx3")


def open_engine(name: str, wishes: Wishes) -> Engine:
    """Return the engine `name`; "auto" takes the best one present that speaks the language.

    Raises:
        SpeechError: the engine or its voice is missing; the message says what to install.
    """
    return next(open_engines(name, wishes))


def open_engines(name: str, wishes: Wishes) -> Iterator[Engine]:
    """Yield the engine `name`, then, for "auto", those to fall back on.

    Raises:
        SpeechError: there is none. The message is the best-known engine's: festival's where it
            has a voice for the language, else espeak-ng's.
    """
    if name != "auto":
        yield ENGINES[name](wishes)
        return
    errors: dict[str, SpeechError] = {}
    found = False
    for kind in _BEST_FIRST:
        try:
            engine = ENGINES[kind](wishes)
        except SpeechError as error:
            errors[kind] = error
        else:
            found = True
            yield engine
    if not found:
        raise errors["festival" if wishes.language in ("en", "ru") else "espeak-ng"]
