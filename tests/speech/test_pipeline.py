"""Sentences into sound into a sink, at the same time."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import Aplay, RawOutput, Sink, SpeechConfig, WavFile, pipeline
from pi_runtime.speech.engines.silent import SECONDS_PER_CHARACTER, Silent
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.speaker import Speaker
from tests.helpers.processes import GUARD_SECONDS
from tests.helpers.speech import Broken, Humming, Recorder, Stumbling, speaker, stretches

CONFIG = SpeechConfig(sentence_silence=0)


def speak(
    sentences: Iterable[str],
    speaker: Speaker,
    sink: Sink,
    config: SpeechConfig,
    on_sentence: Callable[[str], None] = lambda sentence: None,
    cancelled: threading.Event | None = None,
) -> int:
    """Play to the end; return how many sentences were spoken."""
    count = 0
    with closing(
        pipeline.play(sentences, speaker, sink, config, cancelled or threading.Event())
    ) as playing:
        for sentence in playing:
            on_sentence(sentence)
            count += 1
    return count


def test_sentences_are_spoken_in_order_and_a_bad_one_costs_itself() -> None:
    sink, spoken = Recorder(), list[str]()
    sentences = ["One.", "A bad one.", "…", "Two."]
    count = speak(sentences, speaker(Stumbling), sink, CONFIG, spoken.append)
    assert (count, spoken) == (2, ["One.", "Two."])
    assert sink.heard.seconds == pytest.approx(2 * len("One.") * SECONDS_PER_CHARACTER)
    assert not sink.aborted


def test_where_nothing_could_be_spoken_the_reason_is_raised() -> None:
    sink = Recorder()
    with pytest.raises(SpeechError, match="it stumbled"):
        speak(["bad", "bad too"], speaker(Stumbling), sink, CONFIG)
    assert sink.rates == []


def test_an_error_of_the_text_is_raised_after_what_was_spoken() -> None:
    def sentences() -> Iterator[str]:
        yield "One."
        raise RuntimeError("the model broke")

    sink = Recorder()
    with pytest.raises(RuntimeError, match="the model broke"):
        speak(sentences(), speaker(Silent), sink, CONFIG)
    assert sink.heard.seconds == pytest.approx(len("One.") * SECONDS_PER_CHARACTER)


def test_an_engine_that_keeps_failing_gives_way(caplog: pytest.LogCaptureFixture) -> None:
    sink = Recorder()
    sentences = [f"Sentence {n}." for n in range(6)]
    count = speak(sentences, speaker(Broken, Silent), sink, CONFIG)
    assert count == 3, "the first three are lost"
    assert "broken keeps failing; none speaks now" in caplog.text


def test_silence_before_and_between() -> None:
    sink = Recorder()
    config = SpeechConfig(pre_silence=0.5, sentence_silence=0.25)
    speak(["One.", "Two."], speaker(Humming), sink, config)
    assert stretches(sink.heard) == [
        ("silence", 0.5), ("sound", 0.28), ("silence", 0.25), ("sound", 0.28), ("silence", 0.25),
    ]  # fmt: skip


def test_what_wakes_a_sink_first_is_faint_noise_and_no_digital_silence() -> None:
    sink = Recorder()
    speak(["One."], speaker(Silent), sink, SpeechConfig(pre_silence=0.5))
    woken = Pcm.faint_noise(0.5, 16_000).samples
    assert sink.samples.startswith(woken)
    assert not any(sink.samples[len(woken) :])


# --- while it plays ------------------------------------------------------------------------------

FIVE = [f"This is sentence number {number}, a longer one." for number in range(5)]


def test_the_first_sentence_sounds_before_the_last_is_drawn() -> None:
    sounds = threading.Event()
    waited: list[bool] = []

    def sentences() -> Iterator[str]:
        yield from FIVE[:-1]
        waited.append(sounds.wait(GUARD_SECONDS))
        yield FIVE[-1]

    class Sounding(Recorder):
        def write(self, samples: bytes) -> None:
            super().write(samples)
            sounds.set()

    assert speak(sentences(), speaker(Silent), Sounding(), CONFIG) == 5
    assert waited == [True]


def test_the_next_sentence_is_synthesized_while_one_is_played() -> None:
    synthesized: list[threading.Event] = [threading.Event() for _ in FIVE]
    waited: list[bool] = []
    played: list[str] = []

    class Telling(Silent):
        def synthesize(self, text: str) -> Pcm:
            synthesized[FIVE.index(text)].set()
            return super().synthesize(text)

    class Waiting(Recorder):
        """Plays a sentence for as long as the next one takes."""

        def write(self, samples: bytes) -> None:
            following = min(len(played), len(FIVE) - 1)
            waited.append(synthesized[following].wait(GUARD_SECONDS))

    assert speak(FIVE, speaker(Telling), Waiting(), CONFIG, played.append) == 5
    assert all(waited)


def test_no_more_than_a_few_sentences_are_drawn_ahead() -> None:
    drawn: list[str] = []
    ahead: list[int] = []

    def sentences() -> Iterator[str]:
        for sentence in FIVE * 4:
            drawn.append(sentence)
            yield sentence

    count = 0

    def note(sentence: str) -> None:
        nonlocal count
        count += 1
        ahead.append(len(drawn) - count)

    speak(sentences(), speaker(Silent), Recorder(), CONFIG, note)
    assert max(ahead) <= 4, "two in the queue, one at work, and one just taken"


# --- stopping ------------------------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "STOP_SECONDS", GUARD_SECONDS)


def test_stopping_does_not_wait_for_the_sentence_being_drawn(patient: None) -> None:
    wanted = threading.Event()
    drawn: list[bool] = []

    def sentences() -> Iterator[str]:
        yield "One."
        drawn.append(wanted.wait(GUARD_SECONDS))
        yield "Two."

    def interrupt(sentence: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speak(sentences(), speaker(Silent), Recorder(), CONFIG, interrupt)
    assert drawn == []
    wanted.set()


def test_cancelled_beforehand_it_speaks_nothing() -> None:
    cancelled = threading.Event()
    cancelled.set()
    asked: list[str] = []

    class Asked(Silent):
        def synthesize(self, text: str) -> Pcm:
            asked.append(text)
            return super().synthesize(text)

    sink, spoken = Recorder(), list[str]()
    assert speak(FIVE, speaker(Asked), sink, CONFIG, spoken.append, cancelled) == 0
    assert (asked, spoken, sink.rates) == ([], [], [])


def test_cancelled_while_it_plays_the_rest_is_dropped() -> None:
    cancelled = threading.Event()

    class Cancelling(Recorder):
        def write(self, samples: bytes) -> None:
            super().write(samples)
            cancelled.set()

    sink, spoken = Cancelling(), list[str]()
    assert speak(FIVE, speaker(Silent), sink, CONFIG, spoken.append, cancelled) == 1
    assert spoken == FIVE[:1]
    assert sink.heard.seconds == pytest.approx(0.1), "the piece that was being written"
    assert sink.aborted


def test_it_returns_after_the_sentence_that_was_cancelled_in_synthesis(patient: None) -> None:
    """Else the next text would begin while the engine is at work on this one."""
    cancelled, at_work = threading.Event(), threading.Event()
    order: list[str] = []

    class Dying(Silent):
        """Ends a moment after it was cancelled, as a process does on a busy machine."""

        dead = threading.Event()

        def synthesize(self, text: str) -> Pcm:
            at_work.set()
            assert self.dead.wait(GUARD_SECONDS)
            threading.Event().wait(0.3)
            order.append("synthesis ended")
            raise SpeechError("it was killed")

        def cancel(self) -> None:
            self.dead.set()

    def cancel() -> None:
        assert at_work.wait(GUARD_SECONDS)
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    assert speak(FIVE, speaker(Dying), Recorder(), CONFIG, cancelled=cancelled) == 0
    order.append("returned")
    thread.join()
    assert order == ["synthesis ended", "returned"]


# --- the sample rate ------------------------------------------------------------------------------


class Higher(Humming):
    name = "higher"
    rate = 22_050


def test_the_first_sentence_fixes_the_sample_rate_for_engines_of_any_other() -> None:
    sink = Recorder()
    sentences = ["One.", "bad", "bad", "bad", "Two.", "Three."]
    assert speak(sentences, speaker(Stumbling, Higher), sink, CONFIG) == 3
    assert sink.rates == [16_000]
    assert sink.heard.seconds == pytest.approx(14 * SECONDS_PER_CHARACTER, abs=0.001)
    sink = Recorder()
    assert speak(["Two."], speaker(Higher), sink, CONFIG) == 1
    assert sink.rates == [22_050]


def test_a_sample_rate_that_was_asked_for_is_every_sinks(tmp_path: Path, file_card: Path) -> None:
    path, stream, recorder = tmp_path / "a.wav", io.BytesIO(), Recorder()
    sinks: list[tuple[Sink, Callable[[], bytes]]] = [
        (recorder, lambda: bytes(recorder.samples)),
        (RawOutput(stream), stream.getvalue),
        (WavFile(path), lambda: Pcm.from_wav(path.read_bytes()).samples),
        (Aplay(), file_card.read_bytes),
    ]
    config = SpeechConfig(sample_rate=44_100, sentence_silence=0)
    sentences = ["One.", "bad", "bad", "bad", "Two."]
    for sink, heard in sinks:
        with sink:
            assert speak(sentences, speaker(Stumbling, Higher), sink, config) == 2
        assert sink.rate == 44_100
        seconds = len(heard().strip(b"\0")) / 2 / 44_100
        assert seconds == pytest.approx(8 * SECONDS_PER_CHARACTER, abs=0.001)
    assert Pcm.from_wav(path.read_bytes()).rate == 44_100
    assert recorder.rates == [44_100]
