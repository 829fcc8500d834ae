"""Real engines: festival, espeak-ng and pyttsx3. What they share is tested on each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import ENGINES, Engine, open_engines
from pi_runtime.speech.engines.piper import language_of_file
from tests.helpers.speech import LONG, SHORT, VOICES, loudness, need_engine


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
    with pytest.raises(SpeechError, match="festival has no voice 'xx'"):
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
