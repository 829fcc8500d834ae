"""What a speech engine is, and what it is told."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from typing import Protocol

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.language import base_of, language_name, script_of, scripts_of
from pi_runtime.speech.normalise import ANY, ENGLISH, Alphabet
from pi_runtime.speech.pcm import Pcm


class VoiceError(SpeechError):
    """The voice that was asked for does not speak the language."""

    exit_code = 2


@dataclass(frozen=True)
class Voice:
    """A voice that is installed."""

    engine: str
    name: str
    language: str
    """Its language's code, e.g. `en` or `pt-br`."""
    licence: str = ""
    """What its makers allow, by the name of the licence; "" if it is not known."""

    def speaks(self, wanted: str) -> bool:
        """Return whether it is the voice of that name, or speaks that language."""
        return wanted.lower() in (self.name.lower(), self.language, base_of(self.language))


class VoiceCatalog:
    """The voices that are installed. An engine is asked once: festival starts to list its own."""

    def __init__(self) -> None:
        self._voices: dict[str, list[Voice]] = {}

    def voices(self, kind: type[Engine]) -> list[Voice]:
        """Return the voices of an engine."""
        if kind.name not in self._voices:
            self._voices[kind.name] = kind.voices()
        return self._voices[kind.name]

    def find(self, kind: type[Engine], config: SpeechConfig) -> list[Voice]:
        """Return the engine's voices of the name that is given, else of the language.

        Where none is of its region, such as "pt-br", they are of the language at large.
        """
        wanted = [config.voice] if config.voice else [config.language, base_of(config.language)]
        for each in wanted:
            if found := [voice for voice in self.voices(kind) if voice.speaks(each)]:
                return found
        return []


@dataclass(frozen=True)
class ScriptAlphabet(Alphabet):
    """What a voice pronounces whose engine has one for each language."""

    scripts: frozenset[str] = frozenset()
    """The scripts whose letters it knows, by `script_of`."""

    def knows(self, character: str) -> bool:
        """See `Alphabet`."""
        if not super().knows(character):
            return False
        is_sign = not (character.isalpha() or unicodedata.category(character).startswith("M"))
        return is_sign or script_of(character) in {*self.scripts, ""}


def alphabet_of(language: str) -> Alphabet:
    """Return the alphabet of a voice that reads the letters of its language, and Latin ones.

    An engine would say "Thai letter E one six" for each of the others. "" is any language.

    >>> alphabet_of("ka").knows("ქ"), alphabet_of("ka").knows("ท")
    (True, False)
    """
    scripts = scripts_of(language)
    if not scripts:
        return ANY
    shared = {field.name: getattr(ANY, field.name) for field in fields(ANY)}
    shared["latinised"] = ENGLISH.latinised
    return ScriptAlphabet(**shared, scripts=scripts | {"LATIN"})


def no_voice(engine: str, config: SpeechConfig) -> SpeechError:
    """Return the error of an engine without the voice that is given, or any for the language."""
    if config.voice:
        todo = f"list them with rnn-speak --list-voices --engine {engine}"
        return SpeechError(f"{engine} has no voice {config.voice!r}", todo)
    language = language_name(config.language)
    return SpeechError(
        f"{engine} has no voice for {language}", "leave --engine out, or take another"
    )


class Engine(Protocol):
    """A voice that turns a sentence into sound."""

    name: str
    alphabet: Alphabet
    """What may be given to `synthesize`; see `normalise`."""
    language: str
    """The code of its voice's language; "" if it is any, or not known."""

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """Find the program and its voice; `config.language` is a language's code.

        Raises:
            SpeechError: one is missing; the message says what to install.
        """

    @classmethod
    def available(cls) -> bool:
        """Return whether the engine is installed."""

    @classmethod
    def voices(cls) -> list[Voice]:
        """Return the voices that are installed. `VoiceCatalog` remembers them."""

    def synthesize(self, text: str) -> Pcm:
        """Return a normalised sentence as sound.

        Raises:
            SpeechError: no sound came of it.
        """

    def cancel(self) -> None:
        """End the sentence that is being synthesized, if one is; called from another thread."""

    def close(self) -> None:
        """End for good, with whatever the engine keeps running."""
