"""Speaking while generating: the next sentence is synthesized while the last one is played."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import suppress

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.pcm import SAMPLE_BYTES, Pcm
from pi_runtime.speech.sinks import Sink
from pi_runtime.speech.speaker import Speaker

AHEAD = 2
"""Sentences that may wait to be played."""

PIECE_SECONDS = 0.1
"""Sound that is written between two checks for cancellation."""

STOP_SECONDS = 2.0
"""How long a cancelled sentence's synthesis gets to end; killing its process takes no time."""

_LOGGER = logging.getLogger(__name__)


def play(
    sentences: Iterable[str],
    speaker: Speaker,
    sink: Sink,
    config: SpeechConfig,
    cancelled: threading.Event,
) -> Generator[str, None, None]:
    """Speak sentences into an entered sink; yield each just before its sound goes there.

    They are drawn from the iterable and synthesized in a thread of their own, a few ahead of the
    sink, which is started at `config.sample_rate`, else the first sentence's. A sentence that fails
    is left out, and logged. When `cancelled` is set, it ends within a fraction of a second.

    Raises:
        SpeechError: the sink failed, or no sentence could be spoken at all.
        Exception: whatever the iterable raised.
    """
    synthesis = _Synthesis(sentences, speaker, cancelled)
    count = 0
    try:
        while item := synthesis.next():
            sentence, pcm = item
            if sink.rate is None:
                sink.start(config.sample_rate or pcm.rate, cancelled)
            if not count:
                _write(Pcm.faint_noise(config.pre_silence, pcm.rate), sink, cancelled)
            if cancelled.is_set():  # while the card was waited for
                break
            yield sentence
            _write(pcm, sink, cancelled)
            _write(Pcm.silence(config.sentence_silence, pcm.rate), sink, cancelled)
            count += 1
        if cancelled.is_set():
            sink.abort()
    finally:
        synthesis.stop()
    if synthesis.failures and not count and not cancelled.is_set():
        raise synthesis.failures[0]


def _write(pcm: Pcm, sink: Sink, cancelled: threading.Event) -> None:
    samples = pcm.resampled(sink.rate or pcm.rate).samples
    size = SAMPLE_BYTES * round(PIECE_SECONDS * (sink.rate or pcm.rate))
    for at in range(0, len(samples), size):
        if cancelled.is_set():
            return
        sink.write(samples[at : at + size])


class _Synthesis:
    """The thread that draws and synthesizes sentences."""

    def __init__(
        self, sentences: Iterable[str], speaker: Speaker, cancelled: threading.Event
    ) -> None:
        self.failures: list[SpeechError] = []
        self._sentences = sentences
        self._speaker = speaker
        self._cancelled = cancelled
        self._stopped = threading.Event()
        self._at_work = threading.Lock()  # held while a sentence is synthesized
        self._ready: queue.Queue[tuple[str, Pcm] | BaseException | None] = queue.Queue(AHEAD)
        self._thread = threading.Thread(target=self._run, name="synthesizer", daemon=True)
        self._thread.start()

    def next(self) -> tuple[str, Pcm] | None:
        """Return the next sentence and its sound; None after the last, or once cancelled.

        Raises:
            BaseException: what drawing the sentences raised.
        """
        while not self._cancelled.is_set():
            try:
                item = self._ready.get(timeout=PIECE_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            return item
        return None

    def stop(self) -> None:
        """End the thread, and the sentence that it is synthesizing: the engine is free then.

        If it is waiting for a sentence, it ends when that comes.
        """
        self._stopped.set()
        self._thread.join(0.01)
        deadline = time.monotonic() + STOP_SECONDS
        while not self._at_work.acquire(timeout=0.02):
            if time.monotonic() > deadline:
                return
            # Again and again: it may have been about to begin when it was cancelled.
            self._speaker.cancel()
        self._at_work.release()

    def _is_over(self) -> bool:
        return self._stopped.is_set() or self._cancelled.is_set()

    def _run(self) -> None:
        try:
            for sentence in self._sentences:
                with self._at_work:
                    if self._is_over():
                        return
                    self._synthesize(sentence)
        except BaseException as error:  # noqa: BLE001 - it is raised again by `next`
            self._put(error)
        else:
            self._put(None)

    def _synthesize(self, sentence: str) -> None:
        try:
            pcm = self._speaker.synthesize(sentence)
        except SpeechError as error:
            if not self._is_over():
                self.failures.append(error)
                _LOGGER.warning("a sentence was left out: %s", error)
        else:
            if pcm:
                self._put((sentence, pcm))

    def _put(self, item: tuple[str, Pcm] | BaseException | None) -> None:
        while not self._is_over():
            with suppress(queue.Full):
                self._ready.put(item, timeout=0.05)
                return
