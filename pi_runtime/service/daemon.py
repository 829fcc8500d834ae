"""The service's life: start, reload, watchdog, stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pi_runtime.errors import Error, shown
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.service.events import Events
from pi_runtime.service.handlers import Handlers
from pi_runtime.service.heartbeat import Heartbeat
from pi_runtime.service.scheduler import Scheduler
from pi_runtime.service.server import Server
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.service.status import ServiceStatus
from pi_runtime.service.systemd import SystemdNotifier
from pi_runtime.service.worker import GenerationWorker, load_generator
from pi_runtime.speech import SpeechSession
from pi_runtime.speech.aplay import STALL_SECONDS

FLUSH_SECONDS = 0.05
"""How long the last replies get to go out."""

_LOGGER = logging.getLogger(__name__)


class Daemon:
    """Speaks a text, waits, speaks the next, and serves the control socket in between.

    `read_settings` returns the settings as they are now; it is called again at every reload.
    """

    def __init__(
        self, read_settings: Callable[[], ServiceSettings], listener: socket.socket | None
    ) -> None:
        """Load and verify the model, and find an engine.

        Raises:
            Error: one of these failed.
        """
        self._notifier = SystemdNotifier()
        self._heartbeat = Heartbeat()
        self._read_settings = read_settings
        self._listener = listener
        settings = read_settings()
        generator, session = _open(settings)
        self._patience = _patience(settings)
        self._status = ServiceStatus(settings.model)
        self._events = Events()
        self._reloading = asyncio.Lock()
        self._worker = GenerationWorker(generator, settings, self._heartbeat)
        self._scheduler = Scheduler(
            settings,
            session,
            self._worker,
            self._status,
            self._events,
            self._heartbeat,
            self._notifier,
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_trouble)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # Kept, or it might be collected while it runs.
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = loop.create_task(self._reload_or_log())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        if self._listener:
            handlers = Handlers(
                self._scheduler, self._worker, self._status, self._events, self._reload
            )
            await Server(handlers.reply).listen(self._listener)
        tasks = [
            loop.create_task(self._scheduler.run()),
            loop.create_task(self._scheduler.keep_awake()),
            loop.create_task(self._watch()),
        ]
        self._notifier.tell(READY=1)
        await asyncio.wait(
            [loop.create_task(stopping.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED
        )
        self._notifier.tell(STOPPING=1, STATUS="stopping")
        for task in tasks:
            if task.done():
                task.result()  # neither ends by itself: this raises
        begun = time.monotonic()
        await self._scheduler.close()
        await asyncio.sleep(FLUSH_SECONDS)
        _LOGGER.info("stopped within %.2f s", time.monotonic() - begun)

    async def _watch(self) -> None:
        """Tell systemd that work makes progress, as long as it does."""
        period = min(1.0, self._notifier.watchdog_seconds / 4) or 1.0
        while True:
            if self._heartbeat.alive(self._patience):
                self._notifier.tell(WATCHDOG=1)
            await asyncio.sleep(period)

    async def _reload_or_log(self) -> None:
        """Reload at a signal, which has nobody to answer."""
        with suppress(Error):
            await self._reload()

    async def _reload(self) -> None:
        """Take the model and the settings as they are now; keep the old ones if these are bad.

        Raises:
            Error: they are.
        """
        async with self._reloading:
            self._notifier.tell(RELOADING=1)
            try:
                loop = asyncio.get_running_loop()
                settings, session = await loop.run_in_executor(None, self._load_again)
            except (Error, OSError) as error:
                self._status.reload_trouble = f"not reloaded: {error}"
                _LOGGER.error("not reloaded, the old model and settings stay: %s", error)
                raise Error(self._status.reload_trouble) from error
            else:
                self._patience = _patience(settings)
                self._status.model, self._status.loaded = settings.model, time.time()
                self._status.reload_trouble = self._status.speech_trouble = ""
                self._scheduler.exchange(settings, session)
                _LOGGER.info("reloaded %s", settings.model)
            finally:
                self._notifier.tell(READY=1)

    def _load_again(self) -> tuple[ServiceSettings, SpeechSession]:
        settings = self._read_settings()
        generator, session = _open(settings)
        self._worker.exchange(generator, settings)
        return settings, session


def _log_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log in one line what went wrong with a connection; anything else as asyncio does."""
    error = context.get("exception")
    if isinstance(error, OSError):
        _LOGGER.warning("%s: %s", shown(context["message"]), shown(error))
    else:
        loop.default_exception_handler(context)


def _patience(settings: ServiceSettings) -> float:
    """Return the seconds that work may take between two signs of life."""
    return max(settings.speech.sentence_time, settings.wait + STALL_SECONDS) + 5


def _open(settings: ServiceSettings) -> tuple[TextGenerator, SpeechSession]:
    """Load the model, and find the engine that speaks its language."""
    generator = load_generator(settings)
    session = SpeechSession(settings.speech, generator.vocabulary.tokens())
    session.open()
    return generator, session
