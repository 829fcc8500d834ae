"""The speech engines: one module each, one Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Engine, Voice, VoiceCatalog
from pi_runtime.speech.engines.command import Command
from pi_runtime.speech.engines.espeak_ng import EspeakNg
from pi_runtime.speech.engines.festival import Festival
from pi_runtime.speech.engines.piper import Piper
from pi_runtime.speech.engines.pyttsx3 import Pyttsx3
from pi_runtime.speech.engines.silent import Silent

__all__ = ["ENGINES", "Engine", "Voice", "VoiceCatalog", "open_engines"]

ENGINES: dict[str, type[Engine]] = {
    "piper": Piper,
    "festival": Festival,
    "espeak-ng": EspeakNg,
    "pyttsx3": Pyttsx3,
    "command": Command,
    "none": Silent,
}
_BEST_FIRST = ("piper", "festival", "espeak-ng", "pyttsx3")


def open_engines(
    config: SpeechConfig, language: str, catalog: VoiceCatalog | None = None
) -> Iterator[Engine]:
    """Yield the engine that the config names, then, for "auto", those to fall back on.

    Raises:
        UsageError: no engine has that name.
        SpeechError: there is none. The message is the best-known engine's: festival's if it has a
            voice for the language, else espeak-ng's.
    """
    catalog = catalog or VoiceCatalog()
    config = replace(config, language=language)
    if config.engine != "auto":
        if config.engine not in ENGINES:
            raise UsageError(
                f"engine is {config.engine!r}", f"take {', '.join(['auto', *ENGINES])}"
            )
        yield ENGINES[config.engine](config, catalog)
        return
    errors: dict[str, SpeechError] = {}
    found = False
    for kind in _BEST_FIRST:
        try:
            engine = ENGINES[kind](config, catalog)
        except SpeechError as error:
            errors[kind] = error
        else:
            found = True
            yield engine
    if not found:
        raise errors["festival" if language in ("en", "ru") else "espeak-ng"]
