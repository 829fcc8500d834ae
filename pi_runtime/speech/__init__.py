"""Text becomes sound: pieces → sentences → normalised text → PCM → sink.

from pi_runtime.speech import Aplay, SpeechConfig, SpeechSession

with SpeechSession(SpeechConfig(language="ru")) as session:
    session.speak("Привет, мир.", Aplay("default"))
"""

from __future__ import annotations

TYPE_CHECKING = False  # see pi_runtime
if TYPE_CHECKING:
    from pi_runtime.speech.aplay import Aplay
    from pi_runtime.speech.config import SpeechConfig
    from pi_runtime.speech.session import SpeechSession, Spoken
    from pi_runtime.speech.sinks import RawOutput, Sink, WavFile

__all__ = ["Aplay", "RawOutput", "Sink", "SpeechConfig", "SpeechSession", "Spoken", "WavFile"]

_MODULES = {
    "SpeechConfig": "config",
    "SpeechSession": "session",
    "Spoken": "session",
    "Aplay": "aplay",
    "RawOutput": "sinks",
    "Sink": "sinks",
    "WavFile": "sinks",
}


def __getattr__(name: str) -> object:
    # The engines and what they need would double the start of a command that asks the service.
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"pi_runtime.speech.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
