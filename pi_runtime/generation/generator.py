"""`TextGenerator`: textgenrnn's methods on a converted model."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pi_runtime import checks
from pi_runtime.backends.base import Backend
from pi_runtime.backends.registry import load_backend
from pi_runtime.errors import UsageError
from pi_runtime.files import whole_lines
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE
from pi_runtime.generation.drawn import DrawnText
from pi_runtime.generation.params import SamplingParams, Temperature
from pi_runtime.generation.random_stream import random_seed, random_stream
from pi_runtime.generation.redrawing import Accept, RedrawnSequence, acceptance, rejection
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.model.file import ModelFile
from pi_runtime.model.manifest import Config
from pi_runtime.model.network import Network
from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary

MAX_BATCH = 64
"""How many texts are computed at once."""

Begin = Callable[[int], SampledSequence | RedrawnSequence]
"""Begins the text of an index."""


class TextGenerator:
    """A model and the backend that computes it. Any number of texts, in any threads, at once.

    The parameters of its methods are textgenrnn's. `temperature` and `max_gen_length` are the
    common ones of `SamplingParams`; `params` takes all of them at once, and replaces these two.

    >>> generator = TextGenerator.load("colab.tflite")
    >>> texts = generator.generate(n=3, temperature=[1.0, 0.5], max_gen_length=40, seed=7)
    >>> len(texts)
    3
    """

    def __init__(
        self,
        backend: Backend,
        vocabulary: Vocabulary,
        config: Config,
        fallback_reason: str | None = None,
        *,
        ngrams: NgramSet | None = None,
        sha256: str | None = None,
        network: Callable[[], Network] | None = None,
    ) -> None:
        """Put a generator together; `network` reads the weights, for what needs more than text."""
        self.backend = backend
        self.vocabulary = vocabulary
        self.config = config
        self.fallback_reason = fallback_reason
        """Why the backend is not the fastest one, if "auto" had to fall back."""
        self.ngrams = ngrams
        """What the network was trained on, if the model file says so."""
        self.sha256 = sha256
        """Of the model file, if it came from one."""
        self._network = network

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        backend: str = "auto",
        threads: int = 1,
        *,
        verify: bool = False,
    ) -> TextGenerator:
        """Open a model that rnn-convert wrote.

        `backend` is "tflite", "onnx", "numpy" or "auto": the fastest that can run this file here.
        `threads` is for the interpreter and ONNX Runtime. A file that was not proved here before is
        first run in a process of its own, which a forged one may crash; `onnx` and `numpy` run
        nothing of the file, and start none. `verify` computes the file's golden windows once more,
        in this process.

        >>> TextGenerator.load("colab.tflite", backend="numpy").backend.name
        'numpy'

        Raises:
            ModelFileError: the file is missing, damaged, or not a model.
            BackendError: the backend asked for cannot be had, cannot run this file, or computes
                something else than the converter did; or the file is forged.
            UsageError: `threads` cannot be right.
        """
        threads = checks.whole_number("threads", threads, 1, 1024)
        return cls.of(ModelFile(path), backend, threads, verify=verify)

    @classmethod
    def of(
        cls, model: ModelFile, backend: str = "auto", threads: int = 1, *, verify: bool = False
    ) -> TextGenerator:
        """Return the generator of a model that has been read. See `load`."""
        loaded = load_backend(model, backend, threads, verify=verify)
        return cls(
            loaded.backend,
            model.vocabulary,
            model.config,
            loaded.fallback_reason,
            ngrams=model.ngrams(),
            sha256=model.sha256,
            network=model.network,
        )

    def stream(
        self,
        prefix: str | None = None,
        temperature: Temperature = SCHEDULE,
        max_gen_length: int = MAX_GEN_LENGTH,
        seed: int | None = None,
        index: int = 0,
        *,
        params: SamplingParams | None = None,
        accept: Accept | None = None,
    ) -> Iterator[str]:
        """Yield a text in pieces, as it is drawn; joined, they are what `generate` returns.

        `index` chooses the text of that number under `seed`. A text that may be rejected comes in
        one piece, once it is accepted: see `texts`.

        >>> generator = TextGenerator.load("colab.tflite")
        >>> pieces = generator.stream(prefix="ea", temperature=0.5, seed=7)
        >>> "".join(pieces) == generator.generate(prefix="ea", temperature=0.5, seed=7)[0]
        True

        Raises:
            UsageError: an argument cannot be right.
            RejectedError: no draw of the text was accepted.
        """
        index = checks.whole_number("index", index, 0, checks.MAX_COUNT)
        params = _merged(temperature, max_gen_length, params)
        begin = self.beginning(params, prefix, seed, accept)
        return self._stream(index, begin(index))

    def _stream(self, index: int, sequence: SampledSequence | RedrawnSequence) -> Iterator[str]:
        if piece := sequence.settled():
            yield piece
        for _ in decode(self.backend, [sequence]):
            if sequence.rejected:
                raise rejection(index, sequence.draws)
            if piece := sequence.settled():
                yield piece

    def texts(
        self,
        n: int = 1,
        prefix: str | None = None,
        temperature: Temperature = SCHEDULE,
        max_gen_length: int = MAX_GEN_LENGTH,
        seed: int | None = None,
        *,
        params: SamplingParams | None = None,
        accept: Accept | None = None,
    ) -> Iterator[str]:
        """Yield `n` texts in order, each as soon as it and all before it are done.

        Texts are computed side by side, yet each has a random stream of its own: a text depends on
        the seed and on its own number, not on `n`. Text 0 is `stream`'s.

        `accept` gets each text, and returns whether it is good; if not, that text is drawn again,
        as with `SamplingParams.reject` and `original`, at most `SamplingParams.tries` times in all.

        >>> generator = TextGenerator.load("colab.tflite")
        >>> next(generator.texts(n=1000, seed=7)) == generator.generate(seed=7)[0]
        True

        >>> short = generator.generate(n=5, seed=7, accept=lambda text: len(text) < 200)
        >>> max(map(len, short)) < 200
        True

        Raises:
            UsageError: an argument cannot be right.
            RejectedError: no draw of a text was accepted; those before it have been yielded.
        """
        params = _merged(temperature, max_gen_length, params)
        return _accepted(self.drawn(n, prefix, seed, params=params, accept=accept))

    def drawn(
        self,
        n: int = 1,
        prefix: str | None = None,
        seed: int | None = None,
        *,
        params: SamplingParams | None = None,
        accept: Accept | None = None,
        first: int = 0,
    ) -> Iterator[DrawnText]:
        """Yield `n` texts as `texts` does, each with its number under `seed`, from `first` on.

        One that is rejected each time is yielded as None.

        Raises:
            UsageError: an argument cannot be right.
        """
        n = checks.text_count(n)
        first = checks.whole_number("first", first, 0, checks.MAX_COUNT)
        begin = self.beginning(params or SamplingParams(), prefix, seed, accept)
        return self._drawn(range(first, first + n), begin)

    def _drawn(self, indices: range, begin: Begin) -> Iterator[DrawnText]:
        same = begin(indices[0])
        if same.done:  # the prefix alone reaches the limit
            yield from (DrawnText(index, same.text) for index in indices)
            return
        begun: deque[tuple[int, SampledSequence | RedrawnSequence]] = deque()
        """In order, until they are yielded."""

        def upcoming() -> Iterator[SampledSequence | RedrawnSequence]:
            for index in indices:
                begun.append((index, begin(index)))
                yield begun[-1][1]

        for _ in decode(self.backend, upcoming(), MAX_BATCH):
            while begun and begun[0][1].done:
                index, sequence = begun.popleft()
                text = None if sequence.rejected else sequence.text
                yield DrawnText(index, text, sequence.draws)

    def generate(
        self,
        n: int = 1,
        prefix: str | None = None,
        temperature: Temperature = SCHEDULE,
        max_gen_length: int = MAX_GEN_LENGTH,
        seed: int | None = None,
        *,
        params: SamplingParams | None = None,
        accept: Accept | None = None,
    ) -> list[str]:
        """Return `n` texts. See `texts`."""
        return list(
            self.texts(n, prefix, temperature, max_gen_length, seed, params=params, accept=accept)
        )

    def generate_samples(
        self,
        n: int = 3,
        temperatures: Sequence[float] = (0.2, 0.5, 1.0),
        prefix: str | None = None,
        max_gen_length: int = MAX_GEN_LENGTH,
        seed: int | None = None,
    ) -> dict[float, list[str]]:
        """Return `n` texts for each of several temperatures. See `texts`.

        >>> generator = TextGenerator.load("colab.tflite")
        >>> {t: len(found) for t, found in generator.generate_samples(n=2, seed=7).items()}
        {0.2: 2, 0.5: 2, 1.0: 2}
        """
        each = checks.schedule(temperatures)
        return {t: self.generate(n, prefix, t, max_gen_length, seed) for t in each}

    def generate_to_file(
        self,
        path: str | os.PathLike[str],
        n: int = 1,
        prefix: str | None = None,
        temperature: Temperature = SCHEDULE,
        max_gen_length: int = MAX_GEN_LENGTH,
        seed: int | None = None,
        *,
        params: SamplingParams | None = None,
        accept: Accept | None = None,
    ) -> None:
        """Write `n` texts to a UTF-8 file, one per line, in order. See `texts`.

        The file appears when all of them are in it; until then, an older one stays.

        >>> TextGenerator.load("colab.tflite").generate_to_file("texts.txt", n=5, seed=7)

        Raises:
            OSError: the file cannot be written; an older one is as it was.
        """
        texts = self.texts(
            n, prefix, temperature, max_gen_length, seed, params=params, accept=accept
        )
        with whole_lines(Path(path)) as write:
            for text in texts:
                write(text)

    def beginning(
        self,
        params: SamplingParams,
        prefix: str | None = None,
        seed: int | None = None,
        accept: Accept | None = None,
        redraw: int = 0,
        kind: type[SampledSequence] = SampledSequence,
    ) -> Begin:
        """Check the arguments; return what begins the text of an index, for `decode` to go on.

        Its first draw is that of number `redraw`. `kind` is what draws are made as.

        Raises:
            UsageError: an argument cannot be right, or is nothing for this model.
        """
        prefix, seed = checks.prefix(prefix), checks.seed(seed)
        sampler, max_length = Sampler(params, self.vocabulary), self.config.max_length
        accepts = acceptance(params, self.vocabulary, self.ngrams, prefix, accept)
        drawn = random_seed() if seed is None else seed

        def draw(index: int, further: int = 0) -> SampledSequence:
            stream = random_stream(drawn, index, redraw + further)
            return kind(sampler, max_length, prefix, stream)

        if accepts is None:
            return draw
        return lambda index: RedrawnSequence(partial(draw, index), accepts, params.tries)

    def encode_text_vectors(
        self,
        texts: str | Iterable[str],
        pca_dims: int | None = 50,
        tsne_dims: int | None = None,
        tsne_seed: int | None = None,
        return_pca: bool = False,
        return_tsne: bool = False,
    ) -> Any:
        """Return what the network makes of each text's first tokens, float32 [N, F].

        With `pca_dims` they become [N, pca_dims] by scikit-learn's PCA, then with `tsne_dims`
        [N, tsne_dims] by its t-SNE. `return_pca` and `return_tsne` return a list instead: the
        vectors, then these objects of scikit-learn's. See `pi_runtime.generation.vectors`.

        >>> generator = TextGenerator.load("colab.tflite")
        >>> generator.encode_text_vectors(["eat a stone", "tea"], pca_dims=None).shape
        (2, 16)

        Raises:
            UsageError: an argument cannot be right, there are fewer texts than `pca_dims`, or
                scikit-learn is not installed.
            ModelFileError: the weights are damaged.
        """
        from pi_runtime.generation import vectors

        encoded = vectors.encode(self.network(), self.vocabulary, self.config, texts)
        return vectors.reduced(encoded, pca_dims, tsne_dims, tsne_seed, return_pca, return_tsne)

    def similarity(
        self, text: str, texts: Iterable[str], use_pca: bool = True
    ) -> list[tuple[str, float]]:
        """Return the texts with the cosine of the angle between their vector and that of `text`.

        The most similar one comes first. `use_pca` compares 50 dimensions, which takes 50 texts.

        >>> generator = TextGenerator.load("colab.tflite")
        >>> found = generator.similarity("tea", ["stone", "tea"], use_pca=False)
        >>> [(text, round(cosine, 3)) for text, cosine in found][0]
        ('tea', 1.0)

        Raises:
            UsageError: an argument cannot be right, there are fewer texts than 50 with `use_pca`,
                or scikit-learn is not installed.
            ModelFileError: the weights are damaged.
        """
        from pi_runtime.generation import vectors

        compared = [checks.text("text", text), *checks.texts("texts", texts)]
        encoded = vectors.encode(self.network(), self.vocabulary, self.config, compared)
        return vectors.ranked(compared[1:], encoded, use_pca=checks.truth("use_pca", use_pca))

    def network(self) -> Network:
        """Return the weights, for what needs more than text.

        Raises:
            UsageError: this generator was not made of a model file.
            ModelFileError: they are damaged.
        """
        if self._network is None:
            raise UsageError("this generator knows no weights", "make it with TextGenerator.load")
        return self._network()


def _accepted(drawn: Iterator[DrawnText]) -> Iterator[str]:
    for each in drawn:
        if each.text is None:
            raise rejection(each.index, each.draws)
        yield each.text


def _merged(
    temperature: Temperature, max_gen_length: int, params: SamplingParams | None
) -> SamplingParams:
    if params is None:
        return SamplingParams(temperature, max_gen_length)
    if not isinstance(params, SamplingParams):
        raise UsageError(f"params is {type(params).__name__}", "give a SamplingParams")
    if temperature is not SCHEDULE or max_gen_length != MAX_GEN_LENGTH:
        raise UsageError(
            "params and temperature or max_gen_length are given", "put them into params"
        )
    return params
