"""RHVoice: its voices as they are installed, their licences, and what they read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import Engine, open_engines
from pi_runtime.speech.engines.rhvoice import RHVoice
from tests.helpers.speech import LONG, SHORT, loudness, need_engine

NOTICE = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: LGPL-2.1+

Files: data/voices/kim/*
       data/voices/pat/*
Copyright: somebody else
License: CC-BY-NC-ND-4.0

License: LGPL-2.1+
 The text of it.
"""


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What installs an RHVoice with voices that say what they are, and can do nothing."""
    program = tmp_path / "bin/RHVoice-test"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def install(name: str, info: str | bytes, package: str = "", notice: str = "") -> None:
        folder = tmp_path / "share/RHVoice/voices" / name
        folder.mkdir(parents=True)
        (folder / "voice.info").write_bytes(info.encode() if isinstance(info, str) else info)
        if package:
            copyright_ = tmp_path / "share/doc" / package / "copyright"
            copyright_.parent.mkdir(parents=True, exist_ok=True)
            copyright_.write_text(notice)

    return install


def test_voices_are_listed_with_language_and_licence(installation: Callable[..., None]) -> None:
    installation("kim", "name=Kim\nlanguage=Polish\n", "rhvoice-polish", NOTICE)
    installation("pat", "name=Pat\nlanguage=Brazilian-Portuguese\n")
    installation("sam", "name=Sam\nlanguage=Polish\n", "rhvoice-polish", NOTICE)
    assert [(voice.name, voice.language, voice.licence) for voice in RHVoice.voices()] == [
        ("Kim", "pl", "CC-BY-NC-ND-4.0"),
        ("Pat", "pt-br", ""),
        ("Sam", "pl", "LGPL-2.1+"),
    ]


def test_a_voice_that_says_nothing_of_itself_is_left_out(installation: Callable[..., None]) -> None:
    installation("a", "")
    installation("b", "name=B\nlanguage=the birds’\n")
    installation("c", b"\xff\xfe\x00name=C")
    assert RHVoice.voices() == []


def test_the_best_russian_voice_comes_first() -> None:
    need_engine("rhvoice", "ru")
    russian = [voice for voice in RHVoice.voices() if voice.language == "ru"]
    assert (russian[0].name, russian[0].licence) == ("Aleksandr-hq", "CC-BY-SA-4.0")
    assert all(voice.licence for voice in russian)


def test_without_that_voice_another_one_speaks(installation: Callable[..., None]) -> None:
    installation("zoya", "name=Zoya\nlanguage=Russian\n")
    installation("irina", "name=Irina\nlanguage=Russian\n")
    assert [voice.name for voice in RHVoice.voices()] == ["Irina", "Zoya"]


@pytest.mark.parametrize("voice", ["Irina", "irina", "Anna"])
def test_a_voice_is_chosen_by_name(engine: Callable[..., Engine], voice: str) -> None:
    chosen = engine("rhvoice", "ru", voice=voice)
    assert chosen.language == "ru"
    assert loudness(chosen.synthesize(SHORT["ru"])) > 0.01


def test_a_russian_voice_reads_an_english_sentence(engine: Callable[..., Engine]) -> None:
    voice = engine("rhvoice", "ru")
    alone = voice.synthesize(SHORT["ru"]).seconds
    assert voice.synthesize(f"{SHORT['ru']} {LONG['en']}").seconds > alone + 2


def test_markup_is_text(engine: Callable[..., Engine]) -> None:
    voice = engine("rhvoice", "en")
    marked = voice.synthesize('<speak>Good <break time="9s"/> evening.</speak>').seconds
    assert marked < 9


def test_a_sentence_without_sound_is_an_error(engine: Callable[..., Engine]) -> None:
    with pytest.raises(SpeechError, match="RHVoice made no sound"):
        engine("rhvoice", "ru").synthesize("…")


def test_a_rate_beyond_its_own_is_its_nearest(
    engine: Callable[..., Engine],
) -> None:
    slow, slowest = (
        engine("rhvoice", "en", rate=rate).synthesize(SHORT["en"]).seconds for rate in (0.5, 0.1)
    )
    assert slow == slowest


def test_what_is_missing_is_named(
    installation: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation("pat", "name=Pat\nlanguage=Polish\n")

    def refusal(language: str, voice: str | None = None) -> str:
        with pytest.raises(SpeechError) as caught:
            next(open_engines(SpeechConfig(engine="rhvoice", voice=voice), language))
        return str(caught.value)

    apt = "sudo apt install rhvoice"
    assert refusal("ru").startswith(
        f"RHVoice's Russian voices are not installed – {apt} rhvoice-russian (of Debian's contrib"
    )
    assert refusal("ru", voice="Zoya").startswith("rhvoice has no voice 'Zoya' – ")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert refusal("uk").startswith(f"RHVoice is not installed – {apt} rhvoice-ukrainian (of ")
