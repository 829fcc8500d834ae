"""Texts that several models write together: each goes on where the one before it stopped.

Source: `synthesize` and `textgenrnn_generate` in textgenrnn 2.0.0 (utils.py). Two things differ,
both where textgenrnn does not end. A text of a single_text model keeps its first T tokens, which
textgenrnn cuts off after each turn. And a text ends if no model may go on: if a prefix is as long
as `max_gen_length`, or a word-level model draws nothing but line breaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import cycle
from pathlib import Path
from random import Random
from typing import NamedTuple

from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.files import whole_lines
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, STOP_TOKENS, SYNTHESIS_SCHEDULE
from pi_runtime.generation.drawn import DrawnText
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.params import SamplingParams, Temperature
from pi_runtime.generation.random_stream import RandomStream, random_seed, random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import ChosenSequence, Probabilities
from pi_runtime.model.vocabulary import START, clean_up, space_punctuation

OPTIONS = (
    *("temperature", "max_gen_length", "top_k", "top_p", "min_p"),
    *("repetition_penalty", "repetition_window", "forbid", "allow", "min_length"),
)
"""The options of `SamplingParams` that concern a single draw; the others see one model's text."""


def synthesize(
    generators: Iterable[TextGenerator],
    n: int = 1,
    prefix: str | None = None,
    temperature: Temperature = SYNTHESIS_SCHEDULE,
    max_gen_length: int = MAX_GEN_LENGTH,
    stop_tokens: Iterable[str] = STOP_TOKENS,
    seed: int | None = None,
    *,
    params: SamplingParams | None = None,
) -> list[str]:
    """Return `n` texts that several models write in turns, in an order that is drawn per text.

    A turn of a character model ends with one of `stop_tokens`, or after each character if there is
    none; that of a word model after each word. `params` replaces `temperature` and
    `max_gen_length`, and takes the options of single draws as well.

    Text 0 of a seed is textgenrnn's after `random.seed(seed)` and `numpy.random.seed(seed)`.

    >>> generators = [TextGenerator.load("colab.tflite"), TextGenerator.load("colab.tflite")]
    >>> len(synthesize(generators, n=2, prefix="ea", seed=7))
    2

    Raises:
        UsageError: an argument cannot be right.
    """
    if params is None:
        params = SamplingParams(temperature, max_gen_length)
    elif temperature is not SYNTHESIS_SCHEDULE or max_gen_length != MAX_GEN_LENGTH:
        raise UsageError(
            "params and temperature or max_gen_length are given", "put them into params"
        )
    return list(_texts(generators, n, prefix, seed, params, stop_tokens))


def synthesize_to_file(
    generators: Iterable[TextGenerator],
    path: str | os.PathLike[str],
    n: int = 1,
    prefix: str | None = None,
    temperature: Temperature = SYNTHESIS_SCHEDULE,
    max_gen_length: int = MAX_GEN_LENGTH,
    stop_tokens: Iterable[str] = STOP_TOKENS,
    seed: int | None = None,
) -> None:
    """Write `n` texts to a UTF-8 file, one per line. See `synthesize`.

    The file appears when all of them are in it; until then, an older one stays.

    >>> generators = [TextGenerator.load("colab.tflite"), TextGenerator.load("colab.tflite")]
    >>> synthesize_to_file(generators, "texts.txt", n=5, seed=7)

    Raises:
        UsageError: an argument cannot be right.
        OSError: the file cannot be written; an older one is as it was.
    """
    params = SamplingParams(temperature, max_gen_length)
    texts = _texts(generators, n, prefix, seed, params, stop_tokens)
    with whole_lines(Path(path)) as write:
        for text in texts:
            write(text)


def synthesized(
    generators: Iterable[TextGenerator],
    n: int = 1,
    prefix: str | None = None,
    seed: int | None = None,
    *,
    params: SamplingParams,
    stop_tokens: Iterable[str] = STOP_TOKENS,
) -> Iterator[DrawnText]:
    """Yield the texts of `synthesize`, each with its number under `seed`.

    Raises:
        UsageError: an argument cannot be right.
    """
    texts = _texts(generators, n, prefix, seed, params, stop_tokens)
    return (DrawnText(index, text) for index, text in enumerate(texts))


def _texts(
    generators: Iterable[TextGenerator],
    n: int,
    prefix: str | None,
    seed: int | None,
    params: SamplingParams,
    stop_tokens: Iterable[str],
) -> Iterator[str]:
    """Check the arguments; return the texts."""
    if not isinstance(params, SamplingParams):
        raise UsageError(f"params is {type(params).__name__}", "give a SamplingParams")
    several = list(generators)
    if not several or not all(isinstance(each, TextGenerator) for each in several):
        raise UsageError("generators are not TextGenerators", "give a list of at least one")
    n, prefix, seed = checks.text_count(n), checks.prefix(prefix), checks.seed(seed)
    for option in fields(params):
        if option.name not in OPTIONS and getattr(params, option.name) != option.default:
            raise UsageError(f"{option.name} has no use in synthesize", "leave it out")
    for generator in several:
        Sampler(params, generator.vocabulary)
    stops = frozenset(checks.texts("stop_tokens", stop_tokens))
    drawn = random_seed() if seed is None else seed
    return (_text(several, prefix or "", params, stops, drawn, index) for index in range(n))


def _text(
    generators: Sequence[TextGenerator],
    prefix: str,
    params: SamplingParams,
    stops: frozenset[str],
    seed: int,
    index: int,
) -> str:
    random = random_stream(seed, index)
    writers = [_Writer(generator, params, stops, random) for generator in generators]
    # Python's own generator, as in textgenrnn: the order draws nothing from the tokens' stream.
    Random(index << 32 | seed).shuffle(writers)  # noqa: S311
    text = prefix
    # Each draw adds a token, but for line breaks at word level, which are lost before the next one.
    draws = sum(writer.limit for writer in writers)
    passed = 0
    for writer in cycle(writers):
        turn = writer.turn(text)
        text = turn.text
        draws -= turn.draws
        passed = 0 if turn.draws else passed + 1
        if turn.ended or draws <= 0 or passed == len(writers):
            return text
    raise AssertionError("a cycle ended")


class _Turn(NamedTuple):
    """The text after a turn, the tokens that were drawn in it, and whether the text is over."""

    text: str
    draws: int
    ended: bool


class _Writer:
    """A model that writes a text together with others, and what it has read of it."""

    def __init__(
        self,
        generator: TextGenerator,
        params: SamplingParams,
        stops: frozenset[str],
        random: RandomStream,
    ) -> None:
        self._backend = generator.backend
        self._vocabulary = generator.vocabulary
        self._max_length = generator.config.max_length
        self._stops = stops
        self._random = random
        self._sampler = Sampler(params, generator.vocabulary)
        self._start = [] if generator.vocabulary.single_text else [START]
        self.limit = params.max_gen_length + (0 if self._start else self._max_length)
        """The tokens that a text may have in this model's eyes, its start token counted."""
        self._begin([])

    def turn(self, text: str) -> _Turn:
        """Go on with a text, up to a stop token."""
        tokens = self._split(text)
        before = len(tokens)
        length = len(self._start) + before or 1  # a single_text model begins with an empty token
        ended = False
        if length < self.limit:
            self._catch_up(tokens)
        while length < self.limit:
            token_id = self._sampler.draw(
                self._probabilities(), self._sequence.token_ids, length, self.limit, self._random
            )
            token = self._vocabulary.token(token_id)
            if token == START:
                return _Turn(self._joined(tokens), len(tokens) - before + 1, True)
            tokens.append(token)
            self._add(token)
            length += 1
            ended = length >= self.limit
            if token in self._stops or self._vocabulary.word_level or not self._stops:
                break
        return _Turn(self._joined(tokens), len(tokens) - before, ended)

    def _split(self, text: str) -> list[str]:
        """Cut a text into tokens as textgenrnn cuts a prefix, line breaks at word level lost."""
        if self._vocabulary.word_level:
            return space_punctuation(text).lower().split()
        return list(text)

    def _joined(self, tokens: list[str]) -> str:
        return clean_up(" ".join(tokens)) if self._vocabulary.word_level else "".join(tokens)

    def _catch_up(self, tokens: list[str]) -> None:
        """Take what is new in the text; all of it, if what was taken is not its beginning."""
        if not self._taken or tokens[: len(self._taken)] != self._taken:
            self._begin(tokens)
        for token in tokens[len(self._taken) :]:
            self._add(token)

    def _begin(self, tokens: list[str]) -> None:
        """Take the last T tokens of a text into an empty window."""
        self._taken = list(tokens)
        self._sequence = ChosenSequence(
            self._vocabulary, self._max_length, [*self._start, *tokens], hidden=len(self._start)
        )
        self._steps = decode(self._backend, [self._sequence])

    def _add(self, token: str) -> None:
        self._taken.append(token)
        self._sequence.add(token, self._vocabulary.id(token))

    def _probabilities(self) -> Probabilities:
        """Read what was taken; return the probabilities of the token after it, [V]."""
        while self._sequence.waiting:
            next(self._steps)
        return self._sequence.probabilities
