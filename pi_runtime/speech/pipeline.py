"""Speaking while thinking: the next sentence is made while the last one is played."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from pi_runtime.errors import SpeechError
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sinks import Sink
from pi_runtime.speech.speaker import Speaker

AHEAD = 2
"""Sentences that may wait to be played."""

STOPPING = 0.1
"""Seconds that the thread gets to end by itself."""

_LOGGER = logging.getLogger(__name__)


def speak(
    sentences: Iterable[str],
    speaker: Speaker,
    sink: Sink,
    spoken: Callable[[str], None] = lambda sentence: None,
    *,
    pre_silence: float = 0.0,
    sentence_silence: float = 0.0,
) -> int:
    """Speak sentences; return how many were.

    They are drawn from the iterable and synthesized in a thread of their own, a few ahead of the
    sink. `spoken` is called with each as its sound goes to the sink. A sentence that fails is left
    out, and logged. `pre_silence` seconds come before the first, `sentence_silence` after each.

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
                try:
                    pcm = speaker.say(sentence)
                except SpeechError as error:
                    if not given_up.is_set():
                        failures.append(error)
                        _LOGGER.warning("a sentence was left out: %s", error)
                else:
                    if pcm:
                        put((sentence, pcm))
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
            if pre_silence and not count:
                sink.write(Pcm.silence(pre_silence, pcm.rate))
            spoken(sentence)
            sink.write(pcm)
            if sentence_silence:
                sink.write(Pcm.silence(sentence_silence, pcm.rate))
            count += 1
    finally:
        given_up.set()
        speaker.stop()
        # It may be in the middle of a sentence that nobody waits for any more.
        worker.join(STOPPING)
    if failures and not count:
        raise failures[0]
    return count
