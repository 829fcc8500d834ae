"""A session: engines that stay open from text to text, and texts that are cancelled."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech import SpeechConfig, SpeechSession, Spoken, WavFile
from pi_runtime.speech.engines import ENGINES
from pi_runtime.speech.engines.silent import SECONDS_PER_CHARACTER
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import Cancelled
from tests.helpers.processes import NotedProgram, marked, once, wait_for
from tests.helpers.speech import (
    PATIENCE,
    Broken,
    Humming,
    Recorder,
    loudness,
    need_engine,
    open_engine,
)


def heard(session: SpeechSession, text: str) -> Pcm:
    """Return the sound of a text, all of whose sentences were spoken."""
    sink = Recorder()
    spoken = session.speak(text, sink)
    assert spoken.sentences == text.count(".")
    assert not spoken.cancelled
    return sink.heard


# --- engines that stay open ----------------------------------------------------------------------


def test_festival_lists_its_voices_once_for_all_texts_and_languages(
    noted_program: Callable[[str], NotedProgram],
) -> None:
    need_engine("festival", "en")
    need_engine("festival", "ru")
    festival = noted_program("festival")
    with SpeechSession(SpeechConfig(engine="festival")) as session:
        for text in ("Good evening. Sit down.", "Добрый вечер.", "Good night.", "Доброй ночи."):
            heard(session, text)
    listings = ["voice.list" in arguments for _, arguments in festival.starts]
    assert listings == [True] + 5 * [False]


def test_each_language_is_spoken_by_the_engine_that_speaks_it() -> None:
    need_engine("espeak-ng", "el")
    best = open_engine("auto", "ru").name
    rates = {"rhvoice": 24_000, "festival": 16_000, "espeak-ng": 22_050}
    with SpeechSession() as session:
        for _ in range(2):
            for text, engine, language, rate in (
                ("Добрый вечер.", best, "ru", rates[best]),
                ("Καλησπέρα σας.", "espeak-ng", "el", 22_050),
            ):
                sink = Recorder()
                spoken = session.speak(text, sink)
                assert (spoken.engine, spoken.language) == (engine, language)
                assert (spoken.sentences, spoken.cancelled) == (1, False)
                assert sink.rates == [rate]
                assert loudness(sink.heard) > 0.01


def test_the_language_is_the_texts_else_the_vocabularys_unless_it_is_given() -> None:
    session = SpeechSession(tokens=["а", "б", "w"])
    assert session.language("Hello") == "en"
    assert session.language("123") == session.language() == "ru"
    assert SpeechSession().language("123") == "en"
    assert SpeechSession(SpeechConfig(language="pt_BR")).language("Привет") == "pt-br"


class Counting(Humming):
    name = "counting"
    opened = closed = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        type(self).opened += 1

    def close(self) -> None:
        type(self).closed += 1


def test_it_opens_an_engine_once_and_closes_it_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "counting", Counting)
    monkeypatch.setattr(Counting, "opened", 0)
    monkeypatch.setattr(Counting, "closed", 0)
    config = SpeechConfig(engine="counting")
    with SpeechSession(config) as session:
        assert Counting.opened == 0
        assert session.open("Hello.") == "counting"
        heard(session, "One. Two.")
        heard(session, "Three.")
        assert session.synthesize("Four.") is not None
        assert (Counting.opened, Counting.closed) == (1, 0)
        heard(session, "Пять.")
        assert (Counting.opened, Counting.closed) == (2, 0), "another language's is another one"
    assert (Counting.opened, Counting.closed) == (2, 2)


def test_a_text_comes_whole_or_in_pieces_and_its_sentences_are_told() -> None:
    told: list[str] = []
    with SpeechSession(SpeechConfig(engine="none", max_sentence=16)) as session:
        session.speak("Hello. Bye.", Recorder(), told.append)
        session.speak(iter(["Hel", "lo. B", "ye. aaaa bbbb, cccc dddd"]), Recorder(), told.append)
    assert told == ["Hello.", "Bye.", "Hello.", "Bye.", "aaaa bbbb,", "cccc dddd"]


@pytest.mark.parametrize("text", ["", " \n", "… 👍", [], ["", "\n"]])
def test_a_text_without_words_is_no_error(text: str | list[str], tmp_path: Path) -> None:
    with SpeechSession(SpeechConfig(engine="none")) as session:
        spoken = session.speak(text, WavFile(tmp_path / "a.wav"))
    assert (spoken.sentences, spoken.cancelled) == (0, False)


def test_an_engine_that_nobody_knows_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match="engine is 'sam'"):
        SpeechSession(SpeechConfig(engine="sam")).speak("Hello.", Recorder())


# --- cancelling ----------------------------------------------------------------------------------

SLOW = """\
import subprocess, sys
if "on and on" in sys.stdin.read():
    subprocess.run(["sleep", "100000"])
sys.stdout.buffer.write(b"\\0\\x10" * 16000)
"""
ENDLESS = "and so it went on and on, " * 1000
"""One sentence. festival and espeak-ng need many seconds for it."""


def config_of(engine: str) -> SpeechConfig:
    """Return the options with which an endless sentence stays one."""
    return SpeechConfig(
        engine=engine,
        language="en",
        command=(sys.executable, "-c", SLOW),
        max_sentence=10**6,
        sentence_time=PATIENCE,
    )


@pytest.mark.parametrize(
    ("engine", "processes"), [("festival", 1), ("espeak-ng", 1), ("command", 2)]
)
def test_cancelled_in_mid_sentence_it_speaks_the_next_text_in_full(
    engine: str, processes: int, mark: str
) -> None:
    if engine != "command":
        need_engine(engine, "en")
    config = config_of(engine)
    with SpeechSession(config) as fresh:
        expected = heard(fresh, "Good evening. How are you.")
    with SpeechSession(config) as session:
        session.open()
        for _ in range(2):
            sink = Recorder()
            with once(lambda: len(marked(mark)) == processes, "the synthesis", session.cancel):
                spoken = session.speak(ENDLESS, sink)
            assert (spoken.cancelled, spoken.sentences, spoken.engine) == (True, 0, engine)
            assert not sink.samples
            wait_for(lambda: not marked(mark), "the end of the whole process group")
            assert heard(session, "Good evening. How are you.") == expected


def test_a_single_sentences_synthesis_is_cancelled_too(mark: str) -> None:
    with SpeechSession(config_of("command")) as session:
        with (
            once(lambda: len(marked(mark)) == 2, "the synthesis", session.cancel),
            pytest.raises(Cancelled),
        ):
            session.synthesize(ENDLESS)
        wait_for(lambda: not marked(mark), "the end of the whole process group")
        assert session.synthesize("Good evening.") is not None


def test_cancelled_while_it_plays_it_drops_the_rest() -> None:
    with SpeechSession(SpeechConfig(engine="none")) as session:
        sink, told = Recorder(), list[str]()

        def cancel(sentence: str) -> None:
            told.append(sentence)
            session.cancel()

        spoken = session.speak("One. Two. Three.", sink, cancel)
        assert (spoken.sentences, spoken.cancelled) == (1, True)
        assert told == ["One."]
        assert not sink.samples
        assert sink.aborted
        heard(session, "One. Two. Three.")


def started(program: NotedProgram, times: int) -> bool:
    return len(program.starts) >= times


def test_cancelled_texts_do_not_make_an_engine_give_way(
    noted_program: Callable[[str], NotedProgram],
) -> None:
    need_engine("espeak-ng", "ru")
    best = open_engine("auto", "ru").name
    program = noted_program({"rhvoice": "RHVoice-test"}.get(best, best))
    with SpeechSession() as session:
        assert session.open("Привет") == best
        for _ in range(4):
            starts = len(program.starts) + 1
            with once(partial(started, program, starts), "the synthesis", session.cancel):
                assert session.speak("Вечер был тёплый, и река тихо лежала.", Recorder()).cancelled
        spoken = session.speak("Добрый вечер.", Recorder())
        assert (spoken.engine, spoken.sentences) == (best, 1)


def test_with_the_event_already_set_nothing_is_spoken(
    noted_program: Callable[[str], NotedProgram],
) -> None:
    need_engine("espeak-ng", "en")
    espeak = noted_program("espeak-ng")
    cancelled = threading.Event()
    cancelled.set()
    sink, told = Recorder(), list[str]()
    with SpeechSession(SpeechConfig(engine="espeak-ng")) as session:
        spoken = session.speak("One. Two.", sink, told.append, cancelled)
        assert (spoken.sentences, spoken.cancelled) == (0, True)
        assert (told, sink.rates) == ([], [])
        assert all("--voices" in arguments for _, arguments in espeak.starts)
        heard(session, "One. Two.")


# --- failures ------------------------------------------------------------------------------------


def test_an_engine_killed_in_mid_sentence_costs_that_sentence(
    noted_program: Callable[[str], NotedProgram], caplog: pytest.LogCaptureFixture
) -> None:
    need_engine("festival", "ru")
    festival = noted_program("festival")
    sink, told = Recorder(), list[str]()
    with SpeechSession(SpeechConfig(engine="festival")) as session:
        session.open("Привет")
        times = len(festival.starts)

        def kill() -> None:
            os.kill(festival.starts[times][0], signal.SIGKILL)

        text = "Первое предложение довольно длинное, чтобы успеть. Второе предложение."
        with once(lambda: started(festival, times + 1), "festival", kill):
            spoken = session.speak(text, sink, told.append)
    assert spoken.sentences == 1
    assert told == ["Второе предложение."]
    assert sink.heard.seconds > 0.5
    assert "a sentence was left out: festival made no sound" in caplog.text


def test_a_program_that_appears_later_is_found(tmp_path: Path) -> None:
    program = tmp_path / "say"
    with SpeechSession(SpeechConfig(engine="command", command=[str(program)])) as session:
        for _ in range(2):
            with pytest.raises(SpeechError, match="say is no program"):
                session.speak("Hello.", Recorder())
        program.write_text("#!/bin/sh\ncat\n")
        program.chmod(0o755)
        heard(session, "Hello world.")


def test_an_engine_that_fails_a_whole_text_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_engine("espeak-ng", "en")
    real = shutil.which("espeak-ng")
    assert real
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
    monkeypatch.setenv("PATH", f"{before}{os.pathsep}{after}")
    (before / "espeak-ng").symlink_to(real)
    with SpeechSession(SpeechConfig(engine="espeak-ng")) as session:
        expected = heard(session, "One. Two.")
        (before / "espeak-ng").unlink()
        with pytest.raises(SpeechError, match="no such file"):
            session.speak("One. Two.", Recorder())
        with pytest.raises(SpeechError, match="espeak-ng is not installed"):
            session.speak("One. Two.", Recorder())
        (after / "espeak-ng").symlink_to(real)
        assert heard(session, "One. Two.") == expected


def test_a_voice_that_is_installed_later_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_engine("espeak-ng", "en")
    real = shutil.which("espeak-ng")
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\n")  # lists no voices
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with SpeechSession(SpeechConfig(engine="espeak-ng")) as session:
        with pytest.raises(SpeechError, match="espeak-ng has no voice for English"):
            session.speak("One. Two.", Recorder())
        program.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
        heard(session, "One. Two.")


def test_an_engine_that_fails_a_whole_text_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Broken):
        closed = 0

        def close(self) -> None:
            type(self).closed += 1

    monkeypatch.setitem(ENGINES, "failing", Failing)
    with SpeechSession(SpeechConfig(engine="failing")) as session:
        for text in range(1, 3):
            with pytest.raises(SpeechError, match="it is broken"):
                session.speak("Hello.", Recorder())
            assert Failing.closed == text


# --- sentence by sentence ------------------------------------------------------------------------


def test_each_sentence_is_yielded_before_its_sound() -> None:
    sink = Recorder()
    with SpeechSession(SpeechConfig(engine="none", sentence_silence=0)) as session:
        saying = session.say(["One tw", "o. Three."], sink)
        assert next(saying) == "One two."
        assert not sink.samples
        assert next(saying) == "Three."
        assert sink.heard.seconds == pytest.approx(SECONDS_PER_CHARACTER * len("One two."))
        with pytest.raises(StopIteration) as end:
            next(saying)
    assert end.value.value == Spoken(2, "none", "en", cancelled=False)


def test_closed_it_is_over_and_a_file_holds_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with SpeechSession(SpeechConfig(engine="none")) as session:
        for sentence in session.say("One. Two. Three.", WavFile(path)):
            if sentence == "Two.":
                break
        del sentence
        assert Pcm.from_wav(path.read_bytes()).seconds < 1
        assert session.speak("Four.", Recorder()).sentences == 1, "and the session goes on"


def test_a_failure_in_between_writes_no_file(tmp_path: Path) -> None:
    def fail(sentence: str) -> None:
        raise RuntimeError(sentence)

    with (
        SpeechSession(SpeechConfig(engine="none")) as session,
        pytest.raises(RuntimeError, match="One"),
    ):
        session.speak("One. Two.", WavFile(tmp_path / "a.wav"), fail)
    assert list(tmp_path.iterdir()) == []


def test_a_text_is_a_wav_file_in_memory() -> None:
    with SpeechSession(SpeechConfig(engine="none", sentence_silence=0)) as session:
        sound = Pcm.from_wav(session.wav(["One. ", "Two."]))
        assert sound.seconds == pytest.approx(8 * SECONDS_PER_CHARACTER)
        session.config = SpeechConfig(engine="none", sample_rate=8000)
        assert Pcm.from_wav(session.wav("One.")).rate == 8000
