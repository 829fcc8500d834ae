"""Real engines: festival, espeak-ng and pyttsx3. What they share is tested on each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech import SpeechConfig, SpeechSession
from pi_runtime.speech.engines import ENGINES, Engine, open_engines
from pi_runtime.speech.engines.piper import language_of_file
from pi_runtime.speech.language import UNSPOKEN, language_name
from tests.helpers.speech import LONG, PATIENCE, SHORT, VOICES, loudness, need_engine


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_longer_text_sounds_longer_and_nothing_is_silence(
    engine: Callable[..., Engine], name: str, language: str
) -> None:
    voice = engine(name, language)
    short, long = voice.synthesize(SHORT[language]), voice.synthesize(LONG[language])
    assert short.rate in (16_000, 22_050, 24_000)
    assert 0.5 < short.seconds < 3
    assert 2 < long.seconds / short.seconds < 9
    assert loudness(short) > 0.01
    assert loudness(long) > 0.01


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_rate_is_heard(engine: Callable[..., Engine], name: str, language: str) -> None:
    slow, fast = (
        engine(name, language, rate=rate).synthesize(LONG[language]).seconds for rate in (0.7, 1.6)
    )
    if (name, language) == ("festival", "ru"):
        assert slow > 0, "unit selection plays its units as they were recorded"
    else:
        assert slow > 1.5 * fast


def test_pyttsx3_speaks(engine: Callable[..., Engine]) -> None:
    if not ENGINES["pyttsx3"].voices():
        pytest.skip("pyttsx3 or libespeak-ng1 is not installed")
    for language, text in SHORT.items():
        assert loudness(engine("pyttsx3", language).synthesize(text)) > 0.01


def test_a_missing_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpeechError, match="sudo apt install festival festvox-ru"):
        next(open_engines(SpeechConfig(engine="festival"), "ru"))
    with pytest.raises(SpeechError, match="sudo apt install espeak-ng"):
        next(open_engines(SpeechConfig(engine="espeak-ng"), "ru"))


def test_a_language_without_a_voice() -> None:
    with pytest.raises(SpeechError, match="festival has no voice for xx – leave --engine out"):
        next(open_engines(SpeechConfig(engine="festival"), "xx"))


@pytest.mark.parametrize(
    ("name", "voice", "text", "fits"),
    [
        ("festival", "kal_diphone", "en", True),
        ("festival", "kal_diphone", "de", True),  # for all that its letters tell
        ("festival", "kal_diphone", "ru", False),
        ("festival", "msu_ru_nsh_clunits", "uk", True),
        ("festival", "msu_ru_nsh_clunits", "en", False),
        ("espeak-ng", "de", "en", True),
        ("espeak-ng", "en", "ru", False),
        ("espeak-ng", "en-us", "ru", False),
        ("espeak-ng", "ru", "uk", True),
        ("auto", "kal_diphone", "ru", False),
    ],
)
def test_a_voice_must_have_the_letters_of_the_text(
    name: str, voice: str, text: str, fits: bool
) -> None:
    need_engine("festival", "en")
    need_engine("festival", "ru")
    need_engine("espeak-ng", "en")
    config = SpeechConfig(engine=name, voice=voice)
    if fits:
        next(open_engines(config, text)).close()
        return
    with pytest.raises(SpeechError, match=f"the voice {voice} speaks .*, the text is "):
        next(open_engines(config, text))


@pytest.mark.parametrize(
    ("name", "voice", "language", "fits"),
    [
        ("festival", "kal_diphone", "en", True),
        ("festival", "kal_diphone", "en-gb", True),
        ("festival", "kal_diphone", "de", False),
        ("espeak-ng", "en-us", "english", True),
        ("espeak-ng", "ru", "uk", False),
        ("auto", "de", "en", False),
    ],
)
def test_and_the_language_if_that_is_given(
    name: str, voice: str, language: str, fits: bool
) -> None:
    need_engine("festival", "en")
    need_engine("espeak-ng", "en")
    config = SpeechConfig(engine=name, voice=voice, language=language)
    if fits:
        next(open_engines(config, config.language)).close()
        return
    with pytest.raises(SpeechError, match=f"the voice {voice} speaks .*, and not .*, as asked"):
        next(open_engines(config, config.language))


@pytest.mark.parametrize(
    ("name", "config", "language"),
    [
        ("v.onnx", '{"language": {"code": "ru_RU"}}', "ru-ru"),
        ("en_US-joe-medium.onnx", '{"language": {"code": "de_DE"}}', "de-de"),
        ("en_US-joe-medium.onnx", "{}", "en-us"),
        ("en_US-joe-medium.onnx", "", "en-us"),
        ("en_US-joe-medium.onnx", None, "en-us"),
        ("v.onnx", '{"language": 5}', ""),
        ("v.onnx", None, ""),
    ],
)
def test_a_piper_voice_file_tells_its_language(
    tmp_path: Path, name: str, config: str | None, language: str
) -> None:
    if config is not None:
        (tmp_path / f"{name}.json").write_text(config)
    assert language_of_file(tmp_path / name) == language


GREETINGS = {
    "el": "Καλησπέρα", "ja": "こんにちは", "ko": "안녕하세요", "th": "สวัสดีครับ", "he": "שלום",
    "ka": "გამარჯობა", "bo": "བཀྲ་ཤིས", "km": "ជំរាបសួរ", "und-runic": "ᚠᚢᚦᚨᚱᚲ", "und-gothic": "𐌰𐌱𐌲",
}  # fmt: skip


@pytest.mark.parametrize("language", GREETINGS)
@pytest.mark.parametrize("name", ["festival", "rhvoice", "espeak-ng", "auto"])
def test_no_text_is_read_by_the_voice_of_another_language(name: str, language: str) -> None:
    if name != "auto":
        need_engine(name, "en")
    text = GREETINGS[language]
    spoken = not (language in UNSPOKEN or language.startswith("und"))
    with SpeechSession(SpeechConfig(engine=name, sentence_time=PATIENCE)) as session:
        assert session.language(text) == language
        if spoken and name in ("espeak-ng", "auto"):
            pcm = session.synthesize(text)
            assert pcm
            assert pcm.seconds < 5
            return
        by = "" if name == "auto" else f"{name} has "
        with pytest.raises(SpeechError, match=f"^{by}no voice for {language_name(language)} – "):
            session.synthesize(text)


@pytest.mark.parametrize("language", ["en", "ru", "ka"])
def test_a_foreign_word_is_not_spelt_out_with_the_name_of_its_script(language: str) -> None:
    """As espeak-ng does by itself: "Thai letter E one six", for each letter."""
    need_engine("espeak-ng", language)
    with SpeechSession(SpeechConfig(engine="espeak-ng", language=language)) as session:
        for foreign in ("你好世界", "สวัสดีครับ"):
            assert session.synthesize(foreign) is None
        for word in ("Hello", "Привет", "Καλησπέρα"):
            pcm = session.synthesize(word)
            assert pcm
            assert pcm.seconds < 2, "it is written with letters of the voice's own"


def test_where_nothing_is_installed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for kind in ("piper", "pyttsx3"):
        monkeypatch.setattr(ENGINES[kind], "available", lambda *_: False)
    for language, what in (
        ("th", "no voice for Thai – sudo apt install espeak-ng"),
        ("el", "no voice for Greek – sudo apt install espeak-ng"),
        ("bo", "no voice for Tibetan – no engine here speaks it; "),
        ("ru", "festival is not installed – sudo apt install festival festvox-ru"),
    ):
        with pytest.raises(SpeechError) as caught:
            next(open_engines(SpeechConfig(), language))
        assert str(caught.value).startswith(what)


def test_an_engine_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="engine is 'sam' – take auto, piper, rhvoice, festival"):
        next(open_engines(SpeechConfig(engine="sam"), "en"))


ORDER = {
    "ru": ["piper", "rhvoice", "festival", "espeak-ng", "pyttsx3"],
    "en": ["piper", "rhvoice", "festival", "espeak-ng", "pyttsx3"],
    "de": ["piper", "rhvoice", "espeak-ng", "pyttsx3"],
}


@pytest.mark.parametrize("language", ORDER)
def test_auto_takes_the_best_engine_that_speaks_the_language_then_the_next(language: str) -> None:
    need_engine("espeak-ng", language)

    def speaks(name: str) -> bool:
        try:
            next(open_engines(SpeechConfig(engine=name), language)).close()
        except SpeechError:
            return False
        return True

    names = []
    for each in open_engines(SpeechConfig(), language):
        names.append(each.name)
        each.close()
    assert names == [name for name in ORDER[language] if speaks(name)]


@pytest.mark.parametrize(
    ("name", "language", "megabytes"),
    [("festival", "en", 64), ("festival", "ru", 256), ("rhvoice", "en", 64), ("rhvoice", "ru", 64)],
)
def test_an_engine_keeps_to_a_small_boards_memory(name: str, language: str, megabytes: int) -> None:
    need_engine(name, language)
    script = (
        "import resource; from pi_runtime.speech import SpeechConfig, SpeechSession; "
        f"session = SpeechSession(SpeechConfig(engine={name!r}, language={language!r})); "
        f"session.synthesize({LONG[language]!r}); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) / 1024 <= megabytes
