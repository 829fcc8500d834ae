"""The thread that generates: one request after the other, with a model that can be exchanged."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.params import SamplingParams
from pi_runtime.service.heartbeat import BeatingBackend, Heartbeat
from pi_runtime.service.protocol import Request
from pi_runtime.service.settings import ServiceSettings

_LOGGER = logging.getLogger(__name__)


def load_generator(settings: ServiceSettings) -> TextGenerator:
    """Load the model, which is proved in another process first, and verify it here.

    Raises:
        ModelFileError: the file is missing or damaged.
        BackendError: nothing here can run it, or it computes something else here.
    """
    generator = TextGenerator.load(settings.model, settings.backend, settings.threads, verify=True)
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
        self._arriving: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._arrived: list[str] = []
        self._complete = False

    @classmethod
    def given(cls, text: str) -> TextStream:
        """Return a text that was given, not generated."""
        whole = cls(seed=None)
        whole.put(text)
        whole.put(None)
        return whole

    @property
    def text(self) -> str:
        """What has been read of it."""
        return "".join(self._arrived)

    def put(self, piece: str | BaseException | None) -> None:
        """Add a piece; None is the end, an exception a failure that its reader raises."""
        self._arriving.put(piece)

    def pieces(self) -> Iterator[str]:
        """Yield its pieces, waiting for them; a second time, from the beginning."""
        yield from list(self._arrived)
        while not self._complete:
            piece = self._arriving.get()
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                self._complete = True
            else:
                self._arrived.append(piece)
                yield piece


class GenerationWorker:
    """Owns the model. Requests are served in one thread, in order."""

    def __init__(
        self, generator: TextGenerator, settings: ServiceSettings, heartbeat: Heartbeat
    ) -> None:
        self._heartbeat = heartbeat
        self._thread = ThreadPoolExecutor(1, "generation")
        self._exchange(generator, settings)

    def generate(self, request: Request, seed: int) -> Future[dict[str, Any]]:
        """Generate the texts of a request; return the reply to come."""
        return self._thread.submit(self._generate, request, seed)

    def begin(self, request: Request, seed: int) -> TextStream:
        """Begin to generate a text; it is generated even if it is never read."""
        stream = TextStream(seed)
        self._thread.submit(self._fill, stream, request)
        return stream

    def exchange(self, generator: TextGenerator, settings: ServiceSettings) -> None:
        """Take another model, and other settings, for what is asked for from now on."""
        self._thread.submit(self._exchange, generator, settings).result()

    def _exchange(self, generator: TextGenerator, settings: ServiceSettings) -> None:
        self.generator = TextGenerator(
            BeatingBackend(generator.backend, self._heartbeat),
            generator.vocabulary,
            generator.config,
        )
        self._settings = settings

    def _prefix(self, request: Request) -> str | None:
        return self._settings.prefix if request.prefix is None else request.prefix

    def _params(self, request: Request) -> SamplingParams:
        return replace(self._settings.params, **request.sampling)

    def _generate(self, request: Request, seed: int) -> dict[str, Any]:
        prefix = self._prefix(request)
        with self._heartbeat.work():
            texts = self.generator.generate(
                request.n, prefix, seed=seed, params=self._params(request)
            )
        return {
            "texts": texts,
            "seed": seed,
            "backend": self.generator.backend.name,
            "unknown": self.generator.vocabulary.unknown(prefix) if prefix else [],
        }

    def _fill(self, stream: TextStream, request: Request) -> None:
        with self._heartbeat.work():
            try:
                for piece in self.generator.stream(
                    self._prefix(request), seed=stream.seed, params=self._params(request)
                ):
                    stream.put(piece)
            except Exception as error:  # noqa: BLE001 - its reader raises it
                stream.put(error)
            stream.put(None)
