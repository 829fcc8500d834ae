"""A sentence as sound: pitch, volume, and another engine if one keeps failing."""

from __future__ import annotations

from array import array

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import VoiceCatalog
from pi_runtime.speech.engines.silent import Silent
from pi_runtime.speech.loudness import loudness_of
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import Cancelled
from pi_runtime.speech.speaker import MAX_FAILURES, Speaker
from tests.helpers.speech import TONE, Broken, Humming, Stumbling, loudness, speaker


class Toning(Silent):
    def synthesize(self, text: str) -> Pcm:
        return TONE


def test_pitch_and_volume_are_heard() -> None:
    toning = Toning(SpeechConfig(), VoiceCatalog())
    high = Speaker(iter([toning]), pitch=2.0, volume=0.5).synthesize("x")
    assert high is not None
    assert high.rate == TONE.rate
    assert high.seconds == pytest.approx(TONE.seconds / 2, rel=0.01)
    assert loudness(high) == pytest.approx(loudness(TONE) / 2, rel=0.05)


def test_the_volume_comes_on_top_of_the_loudness_and_nothing_clips() -> None:
    for target in (0.0, -19.0):
        toning = Toning(SpeechConfig(), VoiceCatalog())
        loud = Speaker(iter([toning]), volume=10, loudness=target).synthesize("x")
        assert loud is not None
        samples = array("h", loud.samples)
        assert max(samples) < 32_767 * 10 ** (-1 / 20) + 1
        assert loudness_of(loud) > -6


class Noting(Broken):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1


def fail(failing: Speaker, error: type[SpeechError] = SpeechError, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(error):
            failing.synthesize("bad")


def test_an_engine_that_gives_way_is_closed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noting, "closed", 0)
    failing = speaker(Noting, Humming)
    fail(failing, times=MAX_FAILURES)
    assert Noting.closed == 0
    assert failing.synthesize("Hello"), "the other speaks from now on"
    assert failing.engine.name == "humming"
    assert Noting.closed == 1
    assert "broken keeps failing; humming speaks now" in caplog.text


def test_an_engine_without_another_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noting, "closed", 0)
    failing = speaker(Noting)
    fail(failing, times=3 * MAX_FAILURES)
    assert Noting.closed == 0


def test_failures_count_in_a_row() -> None:
    stumbling = speaker(Stumbling, Humming)
    for _ in range(MAX_FAILURES):
        fail(stumbling, times=MAX_FAILURES - 1)
        assert stumbling.synthesize("Hello")
    assert stumbling.engine.name == "stumbling"


def test_a_cancelled_sentence_is_no_failure() -> None:
    class Stopped(Silent):
        name = "stopped"

        def synthesize(self, text: str) -> Pcm:
            raise Cancelled("it was cancelled")

    stopped = speaker(Stopped, Humming)
    fail(stopped, Cancelled, times=3 * MAX_FAILURES)
    assert stopped.engine.name == "stopped"


def test_where_nothing_can_be_pronounced_no_engine_is_asked() -> None:
    asked = speaker(Broken)
    assert asked.synthesize("… 👍") is None


@pytest.mark.parametrize(
    ("voice", "language", "said"),
    [("ru", "en", "минус 5"), ("", "ru", "минус 5"), ("", "de", "minus 5"), ("", "", "minus 5")],
)
def test_numbers_are_said_in_the_voices_language_or_the_texts(
    voice: str, language: str, said: str
) -> None:
    given: list[str] = []

    class Listening(Silent):
        def synthesize(self, text: str) -> Pcm:
            given.append(text)
            return super().synthesize(text)

    engine = Listening(SpeechConfig(), VoiceCatalog())
    engine.language = voice
    Speaker(iter([engine]), language=language).synthesize("-5")
    assert given == [said]
