"""What generates: requests in turns, with a model that can be exchanged."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pi_runtime.errors import Error
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.generator import Begin, TextGenerator
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.redrawing import RedrawnSequence, rejection
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.service import cost
from pi_runtime.service.heartbeat import BeatingBackend, Heartbeat
from pi_runtime.service.limits import SHORT
from pi_runtime.service.protocol import Request
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.service.turns import Job, Turns

JOINED = 256
"""How many pieces that nobody has read are kept apart."""

_LOGGER = logging.getLogger(__name__)


def load_generator(settings: ServiceSettings) -> TextGenerator:
    """Load the model, which is proved in another process first, and verify it here.

    Raises:
        ModelFileError: the file is missing or damaged.
        BackendError: nothing here can run it, or it computes something else here.
        UsageError: the settings are nothing for it.
    """
    generator = TextGenerator.load(settings.model, settings.backend, settings.threads, verify=True)
    generator.beginning(settings.params, settings.prefix)
    if generator.fallback_reason:
        _LOGGER.warning(
            "%s; %s computes instead", generator.fallback_reason, generator.backend.name
        )
    return generator


class TextStream:
    """A text on its way: its pieces arrive while it is generated."""

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
        """None: the text was given, not generated."""
        self._changed = threading.Condition()
        self._unread: list[str] = []
        """Joined now and then: a piece of one letter takes as much memory as 80 in one string."""
        self._read: list[str] = []
        self._error: Exception | None = None
        self._complete = False
        self.cancel: Callable[[], None] = lambda: None
        """End the generation; to be called in any thread, once nobody reads on."""

    @classmethod
    def given(cls, text: str) -> TextStream:
        """Return a text that was given, not generated."""
        whole = cls(seed=None)
        whole.put(text)
        whole.end()
        return whole

    @property
    def text(self) -> str:
        """What has been read of it."""
        return "".join(self._read)

    def put(self, piece: str) -> None:
        """Add a piece."""
        with self._changed:
            self._unread.append(piece)
            if len(self._unread) > JOINED:
                self._unread = ["".join(self._unread)]
            self._changed.notify()

    def end(self, error: Exception | None = None) -> None:
        """End it; an error is raised by its reader."""
        with self._changed:
            self._complete, self._error = True, error
            self._changed.notify()

    def pieces(self) -> Iterator[str]:
        """Yield its pieces, waiting for them; a second time, from the beginning.

        Raises:
            Exception: the generation failed.
        """
        yield from list(self._read)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unread or self._complete)
                piece = "".join(self._unread)
                self._unread.clear()
                self._read.append(piece)
            if not piece:
                break
            yield piece
        if self._error:
            raise self._error


@dataclass(frozen=True)
class Texts:
    """The texts of a request on their way."""

    reply: Future[dict[str, Any]]
    cancel: Callable[[], None]
    """End the generation within a step; the reply is an error then. To be called in any thread."""


class _Model(NamedTuple):
    generator: TextGenerator
    settings: ServiceSettings

    def params(self, request: Request) -> SamplingParams:
        return replace(self.settings.params, **request.sampling)

    def prefix(self, request: Request) -> str | None:
        return self.settings.prefix if request.prefix is None else request.prefix

    def beginning(self, request: Request, seed: int) -> Begin:
        return self.generator.beginning(self.params(request), self.prefix(request), seed)

    def cost(self, request: Request) -> int:
        config, classes = self.generator.config, self.generator.vocabulary.classes
        return cost.of_texts(config, classes, request.n, self.params(request))


class GenerationWorker:
    """Owns the model. Requests are computed in turns, by one thread."""

    def __init__(
        self, generator: TextGenerator, settings: ServiceSettings, heartbeat: Heartbeat
    ) -> None:
        self._heartbeat = heartbeat
        self._turns = Turns(heartbeat)
        self.exchange(generator, settings)

    @property
    def generator(self) -> TextGenerator:
        """The model that is used for what is asked for now."""
        return self._model.generator

    def exchange(self, generator: TextGenerator, settings: ServiceSettings) -> None:
        """Take another model, and other settings, for what is asked for from now on."""
        backend = BeatingBackend(generator.backend, self._heartbeat)
        self._model = _Model(
            TextGenerator(backend, generator.vocabulary, generator.config, ngrams=generator.ngrams),
            settings,
        )

    def check(self, request: Request) -> None:
        """Check what a request costs with this model, and whether it is anything for it.

        Raises:
            UsageError: it is too much, or nothing for it.
        """
        model = self._model
        config, vocabulary = model.generator.config, model.generator.vocabulary
        params = model.params(request)
        model.beginning(request, 0)
        token = cost.per_drawn_token(config, vocabulary.classes, params)
        cost.check(model.cost(request), model.cost(Request("speak")), token)

    def generate(self, request: Request, seed: int, owner: int | None = None) -> Texts:
        """Generate the texts of a request. `owner` is the client's uid."""
        future: Future[dict[str, Any]] = Future()
        future.set_running_or_notify_cancel()  # it has a result in any case

        def end(error: Exception | None) -> None:
            if error:
                future.set_exception(error)
            elif not future.done():
                future.set_exception(Error("stopped", "somebody asked for silence; ask again"))

        steps = _generated(self._model, request, seed, future)
        return Texts(future, self._begin(steps, end, request, owner))

    def begin(self, request: Request, seed: int, owner: int | None = None) -> TextStream:
        """Begin to generate a text; it is generated even if it is never read."""
        stream = TextStream(seed)

        steps = _streamed(self._model, request, seed, stream)
        stream.cancel = self._begin(steps, stream.end, request, owner)
        return stream

    def _begin(
        self,
        steps: Generator[None],
        end: Callable[[Exception | None], None],
        request: Request,
        owner: int | None,
    ) -> Callable[[], None]:
        """Have it computed; return what cancels it."""
        job = Job(steps, end, owner, is_short=self._model.cost(request) <= SHORT)
        self._turns.add(job)
        return lambda: self._turns.cancel(job)

    def stop(self) -> None:
        """End what is being generated for clients, and what waits for its turn."""
        self._turns.cancel_all()


def _generated(
    model: _Model, request: Request, seed: int, future: Future[dict[str, Any]]
) -> Generator[None]:
    begin = model.beginning(request, seed)
    sequences = [begin(0)]

    def upcoming() -> Iterator[SampledSequence | RedrawnSequence]:
        yield sequences[0]
        for index in range(1, request.n):
            sequences.append(begin(index))
            yield sequences[-1]

    if sequences[0].done:  # the prefix alone reaches the limit
        sequences *= request.n
    else:
        batch = cost.batch_size(model.generator.config)
        for _ in decode(model.generator.backend, upcoming(), batch):
            yield
    for index, sequence in enumerate(sequences):
        if sequence.rejected:
            raise rejection(index, sequence.draws)
    prefix = model.prefix(request)
    future.set_result(
        {
            "texts": [sequence.text for sequence in sequences],
            "seed": seed,
            "backend": model.generator.backend.name,
            "unknown": model.generator.vocabulary.unknown(prefix) if prefix else [],
        }
    )


def _streamed(model: _Model, request: Request, seed: int, stream: TextStream) -> Generator[None]:
    sequence = model.beginning(request, seed)(0)
    if piece := sequence.settled():
        stream.put(piece)
    for _ in decode(model.generator.backend, [sequence]):
        if piece := sequence.settled():
            stream.put(piece)
        yield
    if sequence.rejected:
        raise rejection(0, sequence.draws)
