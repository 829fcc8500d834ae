"""`TextGenerator`: textgenrnn's methods on a converted model."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pi_runtime.backends import Backend, load_backend
from pi_runtime.errors import UsageError
from pi_runtime.files import whole_lines
from pi_runtime.generation.sampling import random_seed, random_stream
from pi_runtime.generation.sequence import Draft
from pi_runtime.model.file import Config, ModelFile
from pi_runtime.model.vocabulary import Vocabulary

__all__ = ["TextGenerator", "random_seed"]

SCHEDULE = (1.0, 0.5, 0.2, 0.2)
"""textgenrnn's default temperatures."""

STREAMS = 64
"""How many texts are in the making at once."""


class TextGenerator:
    """A model and the backend that computes it.

    Like textgenrnn's, a temperature is a number or a list that is cycled token by token, and
    `max_gen_length` counts tokens, the start mark among them.
    """

    def __init__(self, backend: Backend, vocabulary: Vocabulary, config: Config) -> None:
        self.backend = backend
        self.vocabulary = vocabulary
        self.config = config
        self.fallback = ""
        """Why the backend is not TFLite, where "auto" had to fall back."""

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], backend: str = "auto", threads: int = 1
    ) -> TextGenerator:
        """Open a model that rnn-convert wrote.

        `backend` is "tflite", "numpy" or "auto": TFLite, or NumPy where the interpreter cannot be
        had or cannot run this file. `threads` is for the TFLite interpreter.

        Raises:
            ModelFileError: the file is missing, damaged, or not a model.
            BackendError: the backend asked for cannot be had, or cannot run this file.
        """
        model = ModelFile(path)
        chosen, fallback = load_backend(model, backend, threads)
        generator = cls(chosen, model.vocabulary, model.config)
        generator.fallback = fallback
        return generator

    def stream(
        self,
        prefix: str | None = None,
        temperature: float | Sequence[float] = SCHEDULE,
        max_gen_length: int = 300,
        seed: int | None = None,
        index: int = 0,
    ) -> Iterator[str]:
        """Yield a text in pieces, as it is drawn; joined, they are what `generate` returns.

        `index` chooses the text of that number under `seed`.

        Raises:
            UsageError: a temperature, length or seed cannot be right.
        """
        make = self._drafts(prefix, temperature, max_gen_length, seed)
        return self._stream(make(index))

    def _stream(self, draft: Draft) -> Iterator[str]:
        self.backend.reset()
        while True:
            if piece := draft.settled():
                yield piece
            if draft.done:
                return
            draft.take(self.backend.advance([draft.next_id()])[0])

    def texts(
        self,
        n: int = 1,
        prefix: str | None = None,
        temperature: float | Sequence[float] = SCHEDULE,
        max_gen_length: int = 300,
        seed: int | None = None,
    ) -> Iterator[str]:
        """Yield `n` texts in order, each as soon as it and all before it are done.

        Texts are made side by side, yet each has a random stream of its own: a text depends on
        the seed and on its own number, not on `n`. Text 0 is `stream`'s.

        Raises:
            UsageError: an argument cannot be right.
        """
        if n < 1:
            raise UsageError(f"n is {n}", "give a whole number from 1 up")
        make = self._drafts(prefix, temperature, max_gen_length, seed)
        return self._texts(make(index) for index in range(n))

    def _texts(self, upcoming: Iterator[Draft]) -> Iterator[str]:
        begun: deque[Draft] = deque()
        """In order, until they are yielded."""
        seats: list[Draft] = []
        """Whose draft each of the backend's streams is."""
        while True:
            standing = list(range(len(seats)))
            # A finished draft's place goes to the next one, or else to the last in the row.
            sources: list[int | None] = [*standing]
            free = [place for place, draft in enumerate(seats) if draft.done]
            while len(seats) - len(free) < STREAMS and (draft := next(upcoming, None)):
                begun.append(draft)
                if draft.done:
                    continue
                if free:
                    seats[free[0]], sources[free.pop(0)] = draft, None
                else:
                    seats.append(draft)
                    sources.append(None)
            for place in reversed(free):
                seats[place], sources[place] = seats[-1], sources[-1]
                del seats[-1], sources[-1]
            while begun and begun[0].done:
                yield begun.popleft().text
            if not seats:
                return
            if sources != standing:
                self.backend.rearrange(sources)
            answers = self.backend.advance([draft.next_id() for draft in seats])
            for draft, probabilities in zip(seats, answers, strict=True):
                draft.take(probabilities)

    def generate(
        self,
        n: int = 1,
        prefix: str | None = None,
        temperature: float | Sequence[float] = SCHEDULE,
        max_gen_length: int = 300,
        seed: int | None = None,
    ) -> list[str]:
        """Return `n` texts. See `texts`."""
        return list(self.texts(n, prefix, temperature, max_gen_length, seed))

    def generate_samples(
        self,
        n: int = 3,
        temperatures: Sequence[float] = (0.2, 0.5, 1.0),
        prefix: str | None = None,
        max_gen_length: int = 300,
        seed: int | None = None,
    ) -> dict[float, list[str]]:
        """Return `n` texts for each of several temperatures. See `texts`."""
        return {t: self.generate(n, prefix, t, max_gen_length, seed) for t in temperatures}

    def generate_to_file(
        self,
        path: str | os.PathLike[str],
        n: int = 1,
        prefix: str | None = None,
        temperature: float | Sequence[float] = SCHEDULE,
        max_gen_length: int = 300,
        seed: int | None = None,
    ) -> None:
        """Write `n` texts to a UTF-8 file, one a line, in order, as they are done. See `texts`.

        Raises:
            OSError: the file cannot be written; it holds the whole lines that could be.
        """
        texts = self.texts(n, prefix, temperature, max_gen_length, seed)
        with whole_lines(Path(path)) as write:
            for text in texts:
                write(text)

    def _drafts(
        self,
        prefix: str | None,
        temperature: float | Sequence[float],
        max_gen_length: int,
        seed: int | None,
    ) -> Callable[[int], Draft]:
        """Check the arguments; return what begins the text of a number."""
        schedule = [temperature] if isinstance(temperature, (int, float)) else list(temperature)
        if not schedule or not all(0 <= t < math.inf for t in schedule):
            raise UsageError(f"the temperature is {temperature}", "give numbers from 0 up")
        if max_gen_length < 1:
            raise UsageError(f"max_gen_length is {max_gen_length}", "give a whole number from 1 up")
        if seed is None:
            seed = random_seed()
        elif not 0 <= seed < 2**32:
            raise UsageError(f"the seed is {seed}", "give a whole number from 0 to 4294967295")

        def begin(index: int) -> Draft:
            return Draft(
                self.vocabulary,
                self.config.max_length,
                prefix,
                schedule,
                max_gen_length,
                random_stream(seed, index),
            )

        return begin
