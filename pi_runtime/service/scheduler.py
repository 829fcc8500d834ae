"""What is spoken when: one text at a time, users in turns, and by itself in between."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Literal

from pi_runtime.errors import Error, RejectedError, shown
from pi_runtime.generation.random_stream import random_seed
from pi_runtime.service.events import Events
from pi_runtime.service.fair_lock import FairLock
from pi_runtime.service.heartbeat import Heartbeat
from pi_runtime.service.keep_awake import KeepAwake
from pi_runtime.service.narration import NarratedSink, Narration
from pi_runtime.service.playback import Playback
from pi_runtime.service.protocol import Request
from pi_runtime.service.quiet_hours import LOOK_SECONDS
from pi_runtime.service.server import Connection
from pi_runtime.service.settings import ServiceSettings
from pi_runtime.service.status import ServiceStatus
from pi_runtime.service.systemd import SystemdNotifier
from pi_runtime.service.worker import GenerationWorker, TextStream
from pi_runtime.speech import Aplay, SpeechSession, Spoken

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds until a text that could not be spoken is tried again; doubled each time."""

STOP_SECONDS = 0.7
"""How long the text that is being spoken gets to stop when the service does."""

LOGGED = 4000
"""Characters of a text that are logged."""

_LOGGER = logging.getLogger(__name__)


class Scheduler:
    """Owns the sound card. Its coroutines run in one event loop, the sound in one thread."""

    def __init__(
        self,
        settings: ServiceSettings,
        session: SpeechSession,
        worker: GenerationWorker,
        status: ServiceStatus,
        events: Events,
        heartbeat: Heartbeat,
        notifier: SystemdNotifier,
    ) -> None:
        self._settings = settings
        self._session = session
        self._worker = worker
        self._status = status
        self._events = events
        self._heartbeat = heartbeat
        self._notifier = notifier
        self._card = ThreadPoolExecutor(1, "card")
        self._playing = threading.Event()
        self._playing.set()
        self._waiting: dict[Playback, asyncio.Task[Literal[True]]] = {}
        """Texts that are being spoken or wait, each with what takes its turn."""
        self._turn = FairLock()
        self._exchanged = asyncio.Event()
        self._closed = False
        self._keep_awake = KeepAwake(self._card, self._noise_settings)
        self._own_seed = settings.seed

    def exchange(self, settings: ServiceSettings, session: SpeechSession) -> None:
        """Take other settings, and another session, for what is spoken from now on."""
        self._card.submit(self._session.close)  # after the text that is being spoken
        self._settings, self._session = settings, session
        self._exchanged.set()
        self._keep_awake.look()

    async def run(self) -> None:
        """Speak a text, wait, and so on. The next is generated while the present one is spoken."""
        upcoming: TextStream | None = None
        while True:
            self._exchanged.clear()
            seconds = None
            if not self._settings.on_demand:
                upcoming = await self._speak_at_last(upcoming or self.begin(Request("speak")))
                seconds = random.uniform(*self._settings.interval)  # noqa: S311 - no secret
            self._tell(f"silent for {seconds:.0f} s" if seconds else "ready")
            if await self._exchanged_within(seconds):
                upcoming = None  # the old model's

    async def keep_awake(self) -> None:
        """Play faint noise between texts, while the settings say so."""
        await self._keep_awake.run()

    async def _exchanged_within(self, seconds: float | None) -> bool:
        """Wait that long, or until there are other settings; return whether there are."""
        try:
            await asyncio.wait_for(self._exchanged.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _exchanged_while_quiet(self) -> bool:
        """Wait until no quiet hours are, or there are other settings; return whether there are."""
        while until := self.quiet:
            self._tell(f"quiet until {until}")
            if await self._exchanged_within(LOOK_SECONDS):
                return True
        return False

    async def _speak_at_last(self, stream: TextStream) -> TextStream:
        """Speak a text, trying until it succeeds; return the next one, generated meanwhile.

        A reload ends the attempts: the text is the old model's.
        """
        upcoming = self.begin(Request("speak"))
        pause = FIRST_PAUSE
        while True:
            if await self._exchanged_while_quiet():
                return upcoming
            try:
                await self.speak(stream)
            except RejectedError as error:
                _LOGGER.warning("%s", error)
                return upcoming
            except Error as error:
                self._status.speech_trouble = str(error)
                _LOGGER.error("%s", error)
                self._tell(f"trying again in {pause:.0f} s: {error}")
                if await self._exchanged_within(pause):
                    return upcoming
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._status.speech_trouble = ""
                return upcoming

    def begin(self, request: Request, owner: int | None = None) -> TextStream:
        """Begin to generate a text to be spoken. `owner` is the uid of the client that asked."""
        return self._worker.begin(request, self.next_seed(request), owner)

    def next_seed(self, request: Request) -> int:
        """Return the seed of a request: its own, the next one that is set, or a random one."""
        if request.seed is not None:
            return request.seed
        if self._own_seed is None:
            return random_seed()
        seed = self._own_seed
        self._own_seed = (seed + 1) % 2**32
        return seed

    async def speak(self, stream: TextStream, connection: Connection | None = None) -> Spoken:
        """Speak a text in its turn; tell the connection of each sentence.

        Raises:
            SpeechError: no engine speaks, or there is no sound card.
        """
        loop = asyncio.get_running_loop()
        playback = Playback(stream)
        narration = Narration(self._events, stream.seed)

        async with self._turn_of(playback, connection):
            if playback.stopped:
                return Spoken(0, "none", "", cancelled=True)
            self._tell("speaking" if stream.seed is None else f"speaking, seed {stream.seed}")
            card = NarratedSink(Aplay(self._settings.device, self._settings.wait), narration)

            def tell(sentence: str) -> None:
                card.sentence(sentence)
                if connection:
                    loop.call_soon_threadsafe(connection.send, {"sentence": sentence})

            try:
                spoken = await loop.run_in_executor(
                    self._card,
                    playback.run,
                    self._session,
                    card,
                    self._playing,
                    self._heartbeat,
                    tell,
                )
            except Exception as error:
                narration.end(error=str(error))
                raise
            narration.end(stopped=spoken.cancelled)
        self._status.spoken += 1
        origin = "given" if stream.seed is None else f"seed {stream.seed}"
        text = shown(json.dumps(stream.text, ensure_ascii=False), LOGGED)
        _LOGGER.info("spoke (%s, %s): %s", spoken.engine, origin, text)
        self._tell("ready")
        return spoken

    @asynccontextmanager
    async def _turn_of(
        self, playback: Playback, connection: Connection | None
    ) -> AsyncIterator[None]:
        """Wait until it is a text's turn at the card, or the text is stopped."""
        loop = asyncio.get_running_loop()
        user = connection.uid if connection else None
        turn = self._waiting[playback] = loop.create_task(self._turn.acquire(user))
        watch = None
        if connection:
            watch = loop.create_task(connection.when_gone(lambda: self._stop(playback)))
        try:
            await asyncio.wait([turn])
            yield
        finally:
            del self._waiting[playback]
            if watch:
                watch.cancel()
            if turn.cancelled() or not turn.done():
                turn.cancel()
            else:
                self._turn.release()
            self._keep_awake.look()

    def _stop(self, playback: Playback) -> None:
        playback.stop()
        self._waiting[playback].cancel()  # without effect if it has its turn

    def stop(self) -> None:
        """End what is being spoken and what waits for its turn."""
        for playback in self._waiting:
            self._stop(playback)

    def pause(self) -> None:
        """Be silent, in the middle of a sentence too, until `resume`."""
        if not self.paused:
            self._playing.clear()
            self._events.publish({"event": "pause"})

    def resume(self) -> None:
        """Go on speaking."""
        if self.paused:
            self._playing.set()
            self._keep_awake.look()
            self._events.publish({"event": "resume"})

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return not self._playing.is_set()

    @property
    def quiet(self) -> str:
        """The time of day at which the present quiet hours end; "" if there are none."""
        return self._settings.quiet_hours.until()

    def _noise_settings(self) -> ServiceSettings | None:
        """Return the settings of the noise that is wanted now, if it is. Called in any thread."""
        is_idle = not (self._waiting or self.paused or self._closed)
        return self._settings if self._settings.keep_awake and is_idle and not self.quiet else None

    @property
    def waiting(self) -> int:
        """How many texts are being spoken or wait for their turn."""
        return len(self._waiting)

    async def close(self) -> None:
        """Stop, and close the engines."""
        self._closed = True
        self.stop()
        idle = asyncio.get_running_loop().run_in_executor(self._card, int)  # noise included
        await asyncio.wait([idle], timeout=STOP_SECONDS)
        self._session.close()

    def _tell(self, status: str) -> None:
        self._notifier.tell(STATUS=f"paused; {status}" if self.paused else status)
