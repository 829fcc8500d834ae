"""What each request on the control socket does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from pi_runtime.errors import UsageError
from pi_runtime.service.events import Events
from pi_runtime.service.protocol import Request
from pi_runtime.service.scheduler import Scheduler
from pi_runtime.service.server import Connection
from pi_runtime.service.status import ServiceStatus
from pi_runtime.service.worker import GenerationWorker, TextStream
from pi_runtime.speech import Spoken


class Handlers:
    """Answers requests; see `protocol` for what they hold."""

    def __init__(
        self,
        scheduler: Scheduler,
        worker: GenerationWorker,
        status: ServiceStatus,
        events: Events,
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        self._scheduler = scheduler
        self._worker = worker
        self._status = status
        self._events = events
        self._reload = reload

    async def reply(self, request: Request, connection: Connection) -> dict[str, Any]:
        """Do what a request asks for; return the members of its reply.

        Raises:
            Error: it cannot be done.
        """
        match request.do:
            case "generate":
                return await self._generated(request, connection)
            case "speak":
                self._worker.check(request)
                stream = self._scheduler.begin(request, connection.uid)
                spoken = await self._scheduler.speak(stream, connection)
                return {"seed": stream.seed, **_members(spoken)}
            case "say":
                stream = TextStream.given(request.text)
                return _members(await self._scheduler.speak(stream, connection))
            case "stop":
                self._scheduler.stop()
                self._worker.stop()
            case "pause":
                self._scheduler.pause()
            case "resume":
                self._scheduler.resume()
            case "reload":
                if connection.uid not in (0, os.getuid()):
                    raise UsageError("only root may reload", "sudo systemctl reload rnn-speak")
                await self._reload()
            case "events":
                await self._events.listen(connection)
            case _:
                return self._status_members()
        return {}

    async def _generated(self, request: Request, connection: Connection) -> dict[str, Any]:
        """Generate texts, as long as the client is there."""
        self._worker.check(request)
        texts = self._worker.generate(request, self._scheduler.next_seed(request), connection.uid)
        watch = asyncio.ensure_future(connection.when_gone(texts.cancel))
        try:
            return await asyncio.wrap_future(texts.reply)
        finally:
            watch.cancel()

    def _status_members(self) -> dict[str, Any]:
        return {
            "model": str(self._status.model),
            "loaded": int(self._status.loaded),
            "backend": self._worker.generator.backend.name,
            "paused": self._scheduler.paused,
            "quiet_until": self._scheduler.quiet,
            "waiting": self._scheduler.waiting,
            "spoken": self._status.spoken,
            "trouble": self._status.trouble,
        }


def _members(spoken: Spoken) -> dict[str, Any]:
    return {
        "sentences": spoken.sentences,
        "engine": spoken.engine,
        "stopped": spoken.cancelled,
    }
