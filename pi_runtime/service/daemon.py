"""The service itself: what is spoken when, and who is answered what."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pi_runtime.cli import speech_options
from pi_runtime.errors import Error, UsageError
from pi_runtime.generation.sampling import random_seed
from pi_runtime.service.heartbeat import Pulse
from pi_runtime.service.playback import Spoken, Utterance
from pi_runtime.service.protocol import Request
from pi_runtime.service.server import Client, Server
from pi_runtime.service.systemd import Manager
from pi_runtime.service.worker import Defaults, Text, Writer, open_model

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds until a text that could not be spoken is tried again; doubled each time."""

LAST_WORDS = 0.7
"""Seconds that a text which is being spoken gets to stop."""

_LOGGER = logging.getLogger(__name__)


class Daemon:
    """Speaks a text, waits, speaks the next, and serves the control socket in between.

    `read_settings` returns the command line's settings, read anew at every reload.
    """

    def __init__(
        self, read_settings: Callable[[], argparse.Namespace], listener: socket.socket | None
    ) -> None:
        """Load the model, let it prove itself, and find an engine.

        Raises:
            Error: one of these failed.
        """
        self._manager = Manager()
        self._read_settings = read_settings
        self._settings = read_settings()
        self._listener = listener
        self._pulse = Pulse()
        generator = open_model(model_of(self._settings), *_backend(self._settings))
        speech_options.open_speaker(self._settings, "", generator.vocabulary.tokens())
        self._writer = Writer(generator, _defaults(self._settings), self._pulse)
        self._card = ThreadPoolExecutor(1, "card")
        self._playing = threading.Event()
        self._playing.set()
        self._waiting: list[Utterance] = []
        """Texts that are being spoken or wait for their turn."""
        self._turn = asyncio.Lock()
        self._reloaded = asyncio.Event()
        self._seed = self._settings.seed
        self._spoken = 0
        self._since = time.time()
        self._trouble = ""

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # Kept, or it might be collected while it runs.
        reloads: set[asyncio.Task[None]] = set()
        loop.add_signal_handler(
            signal.SIGHUP, lambda: reloads.add(loop.create_task(self._reload()))
        )
        if self._listener:
            await Server(self._answer).listen(self._listener)
        tasks = [loop.create_task(self._perform()), loop.create_task(self._watch())]
        self._manager.tell(READY=1)
        await asyncio.wait(
            [loop.create_task(stopping.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED
        )
        self._manager.tell(STOPPING=1, STATUS="stopping")
        for task in tasks:
            if task.done():
                task.result()  # neither ends by itself: this raises
        for utterance in self._waiting:
            utterance.stop()
        with_words = asyncio.wait_for(self._turn.acquire(), LAST_WORDS)
        await asyncio.gather(with_words, return_exceptions=True)
        await asyncio.sleep(0.05)  # for the answers to go out

    # What it does by itself

    async def _perform(self) -> None:
        """Speak a text, wait, and so on. The next is made while the present one is spoken."""
        upcoming: Text | None = None
        while True:
            self._reloaded.clear()
            seconds = None
            if not self._settings.on_demand:
                upcoming = await self._speak_at_last(upcoming or self._begin(Request("speak")))
                seconds = random.uniform(*self._settings.interval)  # noqa: S311 - no secret
            self._say_status(f"silent for {seconds:.0f} s" if seconds else "ready")
            try:
                await asyncio.wait_for(self._reloaded.wait(), seconds)
            except TimeoutError:
                continue
            upcoming = None  # the old model's

    async def _speak_at_last(self, text: Text) -> Text:
        """Speak a text, however often it takes; return the next, made meanwhile."""
        upcoming = self._begin(Request("speak"))
        pause = FIRST_PAUSE
        while True:
            try:
                await self._speak(text, text.seed)
            except Error as error:
                self._trouble = str(error)
                _LOGGER.error("%s", error)
                self._say_status(f"trying again in {pause:.0f} s: {error}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._trouble = ""
                return upcoming

    def _begin(self, request: Request) -> Text:
        return self._writer.begin(request, self._next_seed(request))

    def _next_seed(self, request: Request) -> int:
        if request.seed is not None:
            return request.seed
        if self._seed is None:
            return random_seed()
        seed: int = self._seed
        self._seed = (seed + 1) % 2**32
        return seed

    async def _speak(self, text: Text, seed: int | None, client: Client | None = None) -> Spoken:
        """Speak a text in its turn.

        Raises:
            SpeechError: no engine speaks, or there is no sound card.
        """
        loop = asyncio.get_running_loop()
        utterance = Utterance(text.pieces(), self._writer.generator.vocabulary.tokens())
        watching = loop.create_task(_stop_if_gone(utterance, client)) if client else None

        def tell(sentence: str) -> None:
            if client:
                loop.call_soon_threadsafe(client.send, {"sentence": sentence})

        self._waiting.append(utterance)
        try:
            async with self._turn:
                if utterance.stopped:
                    return Spoken(0, "none", stopped=True)
                self._say_status(f"speaking, seed {seed}" if seed is not None else "speaking")
                spoken = await loop.run_in_executor(
                    self._card, utterance.speak, self._settings, self._playing, self._pulse, tell
                )
        finally:
            self._waiting.remove(utterance)
            if watching:
                watching.cancel()
        self._spoken += 1
        said = json.dumps(text.text, ensure_ascii=False)
        origin = f"seed {seed}" if seed is not None else "given"
        _LOGGER.info("spoke (%s, %s): %s", spoken.engine, origin, said)
        self._say_status("ready")
        return spoken

    async def _watch(self) -> None:
        """Tell the service manager that the work gets on, as long as it does."""
        period = min(1.0, self._manager.watchdog_seconds / 4) or 1.0
        while True:
            if self._pulse.alive(self._settings.sentence_time + 5):
                self._manager.tell(WATCHDOG=1)
            await asyncio.sleep(period)

    def _say_status(self, status: str) -> None:
        self._manager.tell(STATUS=status if self._playing.is_set() else f"paused; {status}")

    async def _reload(self) -> None:
        """Take the model and the settings as they are now; keep the old ones if these are bad."""
        self._manager.tell(RELOADING=1)
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._reload_now)
        except (Error, OSError) as error:
            self._trouble = f"not reloaded: {error}"
            _LOGGER.error("not reloaded, the old model and settings stay: %s", error)
        else:
            self._trouble = ""
            self._since = time.time()
            self._reloaded.set()
            _LOGGER.info("reloaded %s", model_of(self._settings))
        self._manager.tell(READY=1)

    def _reload_now(self) -> None:
        settings = self._read_settings()
        generator = open_model(model_of(settings), *_backend(settings))
        speech_options.open_speaker(settings, "", generator.vocabulary.tokens())
        self._writer.exchange(generator, _defaults(settings))
        self._settings = settings

    # What it is asked for

    async def _answer(self, request: Request, client: Client) -> dict[str, Any]:
        match request.do:
            case "generate":
                future = self._writer.generate(request, self._next_seed(request))
                return await asyncio.wrap_future(future)
            case "speak":
                text = self._begin(request)
                return {"seed": text.seed, **vars(await self._speak(text, text.seed, client))}
            case "say":
                text = Text.given(request.text)
                return vars(await self._speak(text, None, client))
            case "stop":
                for utterance in self._waiting:
                    utterance.stop()
            case "pause":
                self._playing.clear()
            case "resume":
                self._playing.set()
            case _:
                return self._status()
        return {}

    def _status(self) -> dict[str, Any]:
        return {
            "model": str(model_of(self._settings)),
            "loaded": int(self._since),
            "backend": self._writer.generator.backend.name,
            "paused": not self._playing.is_set(),
            "waiting": len(self._waiting),
            "spoken": self._spoken,
            "trouble": self._trouble,
        }


async def _stop_if_gone(utterance: Utterance, client: Client) -> None:
    while not client.gone:
        await asyncio.sleep(0.1)
    utterance.stop()


def model_of(settings: argparse.Namespace) -> Path:
    """Return the model that the settings name."""
    return Path(settings.model)


def _backend(settings: argparse.Namespace) -> tuple[str, int]:
    return settings.backend, settings.threads


def _defaults(settings: argparse.Namespace) -> Defaults:
    return Defaults(settings.prefix, tuple(settings.temperature), settings.max_gen_length)


def open_listener(path: Path) -> socket.socket:
    """Listen on a control socket of our own, for this user and its group.

    Raises:
        UsageError: another service listens there.
        OSError: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if path.is_socket():
        try:
            listener.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # its owner is gone
        else:
            raise UsageError(f"a service already listens on {path}", "stop it first")
    mask = os.umask(0o117)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(64)
    return listener
