"""Speaking while thinking: the next sentence is made while the last one is played."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from pi_runtime.errors import SpeechError
from pi_runtime.speech.engines import Engine
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.player import Sink
from pi_runtime.speech.sanitise import sanitise

AHEAD = 2
"""Sentences that may wait to be played."""

_LOGGER = logging.getLogger(__name__)


def speak(
    sentences: Iterable[str],
    engine: Engine,
    sink: Sink,
    spoken: Callable[[str], None] = lambda sentence: None,
) -> int:
    """Speak sentences; return how many were.

    They are drawn from the iterable and synthesized in a thread of their own, a few ahead of the
    sink. `spoken` is called with each as its sound goes to the sink. A sentence that the engine
    fails on is left out, and logged.

    Raises:
        SpeechError: the sink failed, or no sentence could be spoken at all.
        Exception: whatever the iterable raised.
    """
    waiting: queue.Queue[tuple[str, Pcm] | BaseException | None] = queue.Queue(AHEAD)
    given_up = threading.Event()
    failures: list[SpeechError] = []

    def put(item: tuple[str, Pcm] | BaseException | None) -> None:
        while not given_up.is_set():
            with suppress(queue.Full):
                waiting.put(item, timeout=0.05)
                return

    def synthesize() -> None:
        try:
            for sentence in sentences:
                if given_up.is_set():
                    return
                text = sanitise(sentence, engine.alphabet)
                if not text:
                    _LOGGER.info("nothing in %r can be pronounced", sentence)
                    continue
                try:
                    put((sentence, engine.synthesize(text)))
                except SpeechError as error:
                    failures.append(error)
                    _LOGGER.warning("a sentence was left out: %s", error)
        except BaseException as error:  # noqa: BLE001 - it is raised again by the reader
            put(error)
        else:
            put(None)

    worker = threading.Thread(target=synthesize, name="synthesizer", daemon=True)
    worker.start()
    count = 0
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            sentence, pcm = item
            spoken(sentence)
            sink.write(pcm)
            count += 1
    finally:
        given_up.set()
        engine.stop()
        worker.join()
    if failures and not count:
        raise failures[0]
    return count
