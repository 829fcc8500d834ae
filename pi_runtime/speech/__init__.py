"""Text becomes sound: pieces → sentences → normalised text → PCM → sink.

with SpeechSession(SpeechConfig(language="ru")) as session:
    session.speak("Привет, мир.", Aplay("default"))
"""

from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.session import SpeechSession, Spoken
from pi_runtime.speech.sinks import Aplay, RawOutput, Sink, WavFile

__all__ = ["Aplay", "RawOutput", "Sink", "SpeechConfig", "SpeechSession", "Spoken", "WavFile"]
