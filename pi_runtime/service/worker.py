"""The model in the service: makes texts, one request after the other, and can be exchanged."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.backends import Backend, load_backend
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.model.file import ModelFile
from pi_runtime.service.heartbeat import Pulse
from pi_runtime.service.protocol import Request

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Defaults:
    """What a request leaves open."""

    prefix: str | None
    temperature: tuple[float, ...]
    max_gen_length: int


def open_model(path: Path, backend: str, threads: int) -> TextGenerator:
    """Open a model and let it prove itself on its golden windows.

    Raises:
        ModelFileError: the file is missing or damaged.
        BackendError: nothing here can run it, or it computes something else here.
    """
    model = ModelFile(path)
    chosen, fallback = load_backend(model, backend, threads, proved=True)
    generator = TextGenerator(chosen, model.vocabulary, model.config)
    if fallback:
        _LOGGER.warning("%s; numpy computes instead", fallback)
    return generator


class Text:
    """A text on its way: its pieces come while it is made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._arriving: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._arrived: list[str] = []
        self._complete = False

    @classmethod
    def given(cls, text: str) -> Text:
        """Return a text that somebody else made."""
        whole = cls(0)
        whole.arrive(text)
        whole.arrive(None)
        return whole

    @property
    def text(self) -> str:
        """What has been read of it."""
        return "".join(self._arrived)

    def arrive(self, piece: str | BaseException | None) -> None:
        """Add a piece; None is the end, an exception a bad one."""
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


class _Beating:
    """A backend that gives a sign of life with every token."""

    def __init__(self, backend: Backend, pulse: Pulse) -> None:
        self._backend = backend
        self._pulse = pulse
        self.name = backend.name
        self.reset, self.rearrange = backend.reset, backend.rearrange

    def advance(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """See `Backend`."""
        self._pulse.beat()
        return self._backend.advance(tokens)


class Writer:
    """Owns the model. Everything that touches it runs in one thread, in order."""

    def __init__(self, generator: TextGenerator, defaults: Defaults, pulse: Pulse) -> None:
        self._pulse = pulse
        self._thread = ThreadPoolExecutor(1, "writer")
        self._exchange(generator, defaults)

    def generate(self, request: Request, seed: int) -> Future[dict[str, Any]]:
        """Make the texts of a request."""
        return self._thread.submit(self._generate, request, seed)

    def begin(self, request: Request, seed: int) -> Text:
        """Begin to make a text; it is made whether anyone reads it or not."""
        text = Text(seed)
        self._thread.submit(self._fill, text, request)
        return text

    def exchange(self, generator: TextGenerator, defaults: Defaults) -> None:
        """Make what is asked for from now on with another model."""
        self._thread.submit(self._exchange, generator, defaults).result()

    def _exchange(self, generator: TextGenerator, defaults: Defaults) -> None:
        generator.backend = _Beating(generator.backend, self._pulse)
        self.generator, self.defaults = generator, defaults

    def _options(self, request: Request) -> dict[str, Any]:
        chosen = {}
        for name in ("prefix", "temperature", "max_gen_length"):
            value = getattr(request, name)
            chosen[name] = getattr(self.defaults, name) if value is None else value
        return chosen

    def _generate(self, request: Request, seed: int) -> dict[str, Any]:
        with self._pulse.work():
            options = self._options(request)
            texts = self.generator.generate(request.n, **options, seed=seed)
        prefix = options["prefix"]
        return {
            "texts": texts,
            "seed": seed,
            "backend": self.generator.backend.name,
            "unknown": self.generator.vocabulary.unknown(prefix) if prefix else [],
        }

    def _fill(self, text: Text, request: Request) -> None:
        with self._pulse.work():
            try:
                for piece in self.generator.stream(**self._options(request), seed=text.seed):
                    text.arrive(piece)
            except Exception as error:  # noqa: BLE001 - its reader raises it
                text.arrive(error)
            text.arrive(None)
