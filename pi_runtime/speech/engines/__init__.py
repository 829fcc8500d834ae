"""The speech engines: one module each, one Protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Engine, Voice, VoiceCatalog, VoiceError
from pi_runtime.speech.engines.command import Command
from pi_runtime.speech.engines.espeak_ng import EspeakNg
from pi_runtime.speech.engines.festival import Festival
from pi_runtime.speech.engines.piper import Piper
from pi_runtime.speech.engines.pyttsx3 import Pyttsx3
from pi_runtime.speech.engines.rhvoice import RHVoice
from pi_runtime.speech.engines.silent import Silent
from pi_runtime.speech.language import (
    AUTO,
    UNSPOKEN,
    base_of,
    language_name,
    scripts_of,
    share_a_script,
)

__all__ = ["ENGINES", "Engine", "Voice", "VoiceCatalog", "open_engines"]

ENGINES: dict[str, type[Engine]] = {
    "piper": Piper,
    "rhvoice": RHVoice,
    "festival": Festival,
    "espeak-ng": EspeakNg,
    "pyttsx3": Pyttsx3,
    "command": Command,
    "none": Silent,
}
# By language, as Whisper understood them and by what they cost: see docs/speech.md.
_BEST_FIRST = {
    "ru": ("piper", "rhvoice", "festival", "espeak-ng", "pyttsx3"),
    "en": ("piper", "rhvoice", "festival", "espeak-ng", "pyttsx3"),
}
_OTHERS = ("piper", "rhvoice", "espeak-ng", "pyttsx3")


def open_engines(
    config: SpeechConfig, language: str, catalog: VoiceCatalog | None = None
) -> Iterator[Engine]:
    """Yield the engine that the config names, then, for "auto", those to fall back on.

    Raises:
        UsageError: no engine has that name.
        VoiceError: the voice that the config names speaks another language.
        SpeechError: there is none. The message says what to install: festival if it has a voice for
            the language, else espeak-ng.
    """
    catalog = catalog or VoiceCatalog()
    asked = config.language
    if language:
        config = replace(config, language=language)
    if config.engine != "auto":
        if config.engine not in ENGINES:
            raise UsageError(
                f"engine is {config.engine!r}", f"take {', '.join(['auto', *ENGINES])}"
            )
        engine = ENGINES[config.engine](config, catalog)
        _check_voice(engine, config, asked)
        yield engine
        return
    errors: dict[str, SpeechError] = {}
    found = False
    for kind in _BEST_FIRST.get(base_of(language), _OTHERS):
        try:
            engine = ENGINES[kind](config, catalog)
        except SpeechError as error:
            errors[kind] = error
        else:
            _check_voice(engine, config, asked)
            found = True
            yield engine
    if not found:
        raise _no_voice(config, errors)


def _no_voice(config: SpeechConfig, errors: Mapping[str, SpeechError]) -> SpeechError:
    """Return what to say where no engine has a voice: what to install, if anything would help."""
    if config.voice:
        return SpeechError(
            f"no voice {config.voice!r} here", "list them with rnn-speak --list-voices"
        )
    if "festival" in errors:
        return errors["festival"]
    known = scripts_of(config.language) and base_of(config.language) not in UNSPOKEN
    todo = "no engine here speaks it; name a piper voice with --voice, or take --engine command"
    return SpeechError(
        f"no voice for {language_name(config.language)}",
        "sudo apt install espeak-ng" if known and not EspeakNg.available() else todo,
    )


def _check_voice(engine: Engine, config: SpeechConfig, asked: str) -> None:
    """Check that the voice that is given speaks the language: `asked`, or that of the text.

    A text's letters tell its script for certain, but not its language.
    """
    voice, language = config.voice, config.language
    if not voice or not engine.language or language == AUTO:
        return
    speaks = language_name(engine.language)
    if asked == AUTO and not share_a_script(engine.language, language):
        engine.close()
        base = base_of(language)
        raise VoiceError(
            f"the voice {voice} speaks {speaks}, the text is {language_name(language)}",
            f"leave --voice out, or take one of rnn-speak --list-voices {base}, "
            f"or add --language {base_of(engine.language)} to have it read all the same",
        )
    if asked != AUTO and base_of(engine.language) != base_of(language):
        engine.close()
        raise VoiceError(
            f"the voice {voice} speaks {speaks}, and not {language_name(language)}, as asked",
            f"leave --voice out, or take one of rnn-speak --list-voices {base_of(language)}",
        )
