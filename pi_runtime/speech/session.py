"""Speech engines that stay open from text to text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from typing import Self

from pi_runtime.errors import SpeechError
from pi_runtime.sentences import split_sentences
from pi_runtime.speech import pipeline
from pi_runtime.speech.aplay import Aplay
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines import VoiceCatalog, open_engines
from pi_runtime.speech.language import AUTO, language_of
from pi_runtime.speech.pcm import Pcm, wav_header
from pi_runtime.speech.sinks import SILENT_RATE, Sink, WavOutput
from pi_runtime.speech.speaker import Speaker

COMMON_TOKENS = 40
"""How many of a vocabulary's tokens, commonest first, tell its language."""


@dataclass(frozen=True)
class Spoken:
    """The outcome of speaking a text."""

    sentences: int
    """How many were spoken."""
    engine: str
    """The engine that spoke the last one."""
    language: str
    """The language's code."""
    cancelled: bool
    """Whether it was cancelled before its end."""


class SpeechSession:
    """Speaks texts, one after the other, with engines that are found once and kept open.

    Each language gets the engine that suits it. One thread speaks at a time; `cancel` may be
    called from any other.

    >>> with SpeechSession(SpeechConfig(engine="none")) as session:
    ...     spoken = session.speak("Hello there. How are you?", WavFile("hello.wav"))
    >>> spoken.sentences
    2
    """

    def __init__(self, config: SpeechConfig | None = None, tokens: Iterable[str] = ()) -> None:
        """Open nothing yet. `tokens` are a model's, commonest first: they tell the language of a
        text that does not tell it itself."""
        self.config = config or SpeechConfig()
        self._tokens = list(islice(tokens, COMMON_TOKENS))
        self._catalog = VoiceCatalog()
        self._speakers: dict[str, Speaker] = {}
        self._cancelled = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def language(self, sentence: str = "") -> str:
        """Return the code of the language in which a sentence is spoken.

        >>> SpeechSession().language("Привет!")
        'ru'
        """
        return self._language(sentence) or "en"

    def _language(self, sentence: str) -> str:
        """Return the same; "" if nothing tells, and the voice that is given decides."""
        if self.config.language != AUTO:
            return self.config.language
        return language_of([sentence, *self._tokens], "" if self.config.voice else "en")

    def open(self, sentence: str = "") -> str:
        """Open the engine that speaks a sentence, if it is not open; return the engine's name.

        >>> SpeechSession(SpeechConfig(engine="none")).open("Hello")
        'none'

        Raises:
            SpeechError: no engine or no voice can be had; the message says what to install. Or the
                voice that is given speaks another language.
            UsageError: no engine has the name that the config gives.
        """
        return self._speaker(self._language(sentence)).engine.name

    def _speaker(self, language: str) -> Speaker:
        if language not in self._speakers:
            try:
                self._speakers[language] = Speaker(
                    open_engines(self.config, language, self._catalog),
                    language=language,
                    pitch=self.config.pitch,
                    volume=self.config.volume,
                    loudness=self.config.loudness,
                )
            except SpeechError:
                self._catalog = VoiceCatalog()  # the voice may be installed by the next time
                raise
        return self._speakers[language]

    def say(
        self,
        text: str | Iterable[str],
        sink: Sink | None = None,
        cancelled: threading.Event | None = None,
    ) -> Generator[str, None, Spoken]:
        """Speak a text, whole or in pieces as they come; yield each sentence as its sound begins.

        The sound goes to the default sound card, or into a `sink`, which is entered here. What is
        said of a sentence is heard while the next one is asked for. Closing the generator ends the
        text; so does `cancelled` when it is set, and `cancel`. The generator returns what `speak`
        does.

        >>> with SpeechSession(SpeechConfig(engine="none")) as session:
        ...     heard = list(session.say(["Hel", "lo. Bye."], WavFile("two.wav")))
        >>> heard
        ['Hello.', 'Bye.']

        Raises:
            SpeechError: there is no engine, the sink failed, or no sentence could be spoken.
            OSError: the sink cannot be written to.
            Exception: whatever the pieces raised.
        """
        sink = sink or Aplay()
        cancelled = self._cancelled = cancelled or threading.Event()
        sentences = split_sentences(
            [text] if isinstance(text, str) else text, self.config.max_sentence
        )
        first = next(sentences, "")
        language = self._language(first)
        speaker = self._speaker(language)
        count = 0
        try:
            with (
                sink,
                closing(
                    pipeline.play(chain([first], sentences), speaker, sink, self.config, cancelled)
                ) as playing,
            ):
                for sentence in playing:
                    yield sentence
                    count += 1
        except SpeechError:
            # Next time the engine is looked for again: it may be missing, or another one better.
            self._speakers.pop(language).close()
            self._catalog = VoiceCatalog()
            raise
        engine = speaker.engine
        spoken = engine.language if self.config.voice and engine.language else language
        return Spoken(count, engine.name, spoken, cancelled.is_set())

    def speak(
        self,
        text: str | Iterable[str],
        sink: Sink | None = None,
        on_sentence: Callable[[str], None] = lambda sentence: None,
        cancelled: threading.Event | None = None,
    ) -> Spoken:
        """Speak a text to its end, as `say` does; call `on_sentence` where that yields.

        >>> with SpeechSession(SpeechConfig(engine="none")) as session:
        ...     spoken = session.speak("Hello there. How are you?", WavFile("hello.wav"))
        >>> spoken.engine, spoken.sentences
        ('none', 2)
        """
        saying = self.say(text, sink, cancelled)
        while True:
            try:
                sentence = next(saying)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return] # what `say` returns
            try:
                on_sentence(sentence)
            except BaseException as error:
                saying.throw(error)  # for the sink: a failure is no end
                raise

    def wav(self, text: str | Iterable[str]) -> bytes:
        """Return a text as a WAV file: mono, 16 bits. Raises what `say` does.

        >>> with SpeechSession(SpeechConfig(engine="none")) as session:
        ...     session.wav("Hello there.")[:4]
        b'RIFF'
        """
        sound = BytesIO()
        self.speak(text, WavOutput(sound))
        return sound.getvalue() or wav_header(SILENT_RATE, 0)

    def synthesize(self, sentence: str) -> Pcm | None:
        """Return a sentence as sound; None if nothing in it can be pronounced.

        >>> SpeechSession(SpeechConfig(engine="none")).synthesize("Hello").rate
        16000

        Raises:
            SpeechError: there is no engine, or it failed.
        """
        return self._speaker(self._language(sentence)).synthesize(sentence)

    def cancel(self) -> None:
        """End the text that is being spoken, in the middle of a sentence too."""
        self._cancelled.set()
        for speaker in list(self._speakers.values()):
            speaker.cancel()

    def close(self) -> None:
        """Close the engines."""
        for speaker in self._speakers.values():
            speaker.close()
        self._speakers.clear()
