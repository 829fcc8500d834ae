"""How text is to be spoken."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.speech.defaults import (
    COMMAND_RATE,
    LOUDNESS,
    MAX_FACTOR,
    MAX_LOUDNESS,
    MAX_SAMPLE_RATE,
    MAX_SECONDS,
    MAX_SENTENCE,
    MIN_FACTOR,
    MIN_LOUDNESS,
    MIN_SAMPLE_RATE,
    SENTENCE_SILENCE,
    SENTENCE_TIME,
)
from pi_runtime.speech.language import AUTO, language_code


@dataclass(frozen=True)
class SpeechConfig:
    """The options of a `SpeechSession`, checked when they are made.

    >>> SpeechConfig(engine="espeak-ng", language="ru", rate=0.8).rate
    0.8

    Raises:
        UsageError: an option cannot be right.
    """

    engine: str = "auto"
    """A name of `pi_runtime.speech.engines.ENGINES`, or "auto": the best one that is installed and
    speaks the language."""
    language: str = AUTO
    """A language's code or name, such as "en", "pt-br" or "russian", kept as its code; "auto": the
    language of the text."""
    voice: str | None = None
    """A voice's name, or a voice file; None: the engine's best for the language."""
    rate: float = 1.0
    """Speed; 2 is twice as fast."""
    pitch: float = 1.0
    """2 is an octave higher."""
    volume: float = 1.0
    """Factor on the amplitude, on top of the loudness."""
    loudness: float = LOUDNESS
    """LUFS of every sentence, whatever engine makes it; 0: as the engine makes it."""
    command: str | Sequence[str] = ()
    """The program of the "command" engine with its arguments, kept as a tuple of strings; a string
    is split as a shell would."""
    command_rate: int = COMMAND_RATE
    """Samples per second of raw sound that it writes."""
    max_sentence: int = MAX_SENTENCE
    """Characters after which a sentence is cut."""
    sentence_time: float = SENTENCE_TIME
    """Seconds of synthesis after which a sentence is given up."""
    sample_rate: int | None = None
    """Samples per second of what is played or written; None: the engine's own."""
    pre_silence: float = 0.0
    """Seconds of faint noise before a text, which wakes a sink that sleeps."""
    sentence_silence: float = SENTENCE_SILENCE
    """Seconds of silence after each sentence."""

    def __post_init__(self) -> None:
        def keep(name: str, value: object) -> None:
            object.__setattr__(self, name, value)  # a frozen dataclass is set through object

        for name in ("engine", "language"):
            keep(name, checks.text(name, getattr(self, name)))
        is_auto = self.language.lower() == AUTO
        keep("language", AUTO if is_auto else language_code(self.language))
        if self.voice is not None:
            keep("voice", checks.text("voice", self.voice))
        for name in ("rate", "pitch", "volume"):
            keep(name, checks.number(name, getattr(self, name), MIN_FACTOR, MAX_FACTOR))
        keep("loudness", checks.number("loudness", self.loudness, MIN_LOUDNESS, MAX_LOUDNESS))
        for name in ("sentence_time", "pre_silence", "sentence_silence"):
            keep(name, checks.number(name, getattr(self, name), 0, MAX_SECONDS))
        for name in ("command_rate", "sample_rate"):
            if (value := getattr(self, name)) is not None:
                keep(name, checks.whole_number(name, value, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE))
        keep(
            "max_sentence",
            checks.whole_number("max_sentence", self.max_sentence, 1, checks.MAX_COUNT),
        )
        keep("command", _command(self.command))

    @property
    def engine_rate(self) -> float:
        """The speed at which an engine speaks, so that after the change of pitch it is `rate`."""
        return self.rate / self.pitch


def _command(value: str | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, str):
        return tuple(checks.texts("command", value))
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise UsageError(
            f"command is {value!r}: {str(error).lower()}", "close every quote"
        ) from None
