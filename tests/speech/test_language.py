"""Languages: of a text, by its script; and their codes, by all their names."""

from __future__ import annotations

import subprocess

import pytest

from pi_runtime.errors import UsageError
from pi_runtime.speech import SpeechConfig, SpeechSession
from pi_runtime.speech.engines.base import alphabet_of
from pi_runtime.speech.language import (
    _LANGUAGES,
    UNSPOKEN,
    language_name,
    language_of,
    script_of,
    scripts_of,
    share_a_script,
)
from tests.helpers.speech import need_engine

TABLE = [entry.split() for table in _LANGUAGES.values() for entry in table.split(";")]


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello", "en"), ("Привет abc", "ru"), ("γειά σου", "el"), ("你好", "cmn"), ("123", "xx"),
     ("สวัสดีครับ", "th"), ("ଓଡ଼ିଆ", "or"), ("ᚠᚢᚦ", "und-runic"), ("Hello ᚠᚢ", "en"), ("ʼ", "xx"),
     ("𝐇𝐞𝐥𝐥𝐨", "en"), ("Ｈｅｌｌｏ", "en"), ("ーーー", "xx"), ("\ue000 \U0010ffff", "xx")],
)  # fmt: skip
def test_language(text: str, language: str) -> None:
    assert language_of([text], default="xx") == language


@pytest.mark.parametrize("names", TABLE, ids=lambda names: names[0])
def test_every_name_of_a_language_stands_for_its_code(names: list[str]) -> None:
    code = names[0]
    for name in names:
        for spelt in (name, name.upper(), name.title(), f" {name} "):
            assert SpeechConfig(language=spelt).language == code
    assert language_name(code) == names[1].title()


def test_no_name_stands_for_two_languages() -> None:
    names = [name for entry in TABLE for name in dict.fromkeys(entry)]
    assert len(names) == len(set(names))
    assert len(TABLE) > 50


@pytest.mark.parametrize(
    ("given", "code"),
    [("auto", "auto"), ("AUTO", "auto"), ("pt_BR", "pt-br"), ("en-GB", "en-gb"), ("xx", "xx"),
     ("zh-CN", "cmn"), ("zh", "cmn"), ("no", "nb"), ("ru_RU.UTF-8", "ru-ru"), ("jbo", "jbo"),
     ("en-gb-x-rp", "en-gb-x-rp"), ("Ancient Greek", "grc"), ("th", "th"), ("thai", "th"),
     ("тайский", "th"), ("sr-Latn", "sr-latn"), ("zh-Hant-TW", "cmn"), ("Scottish Gaelic", "gd")],
)  # fmt: skip
def test_codes_and_regions(given: str, code: str) -> None:
    assert SpeechConfig(language=given).language == code


@pytest.mark.parametrize(
    ("given", "says"),
    [("rusian", "language is 'rusian', did you mean russian? – give a language such as en, "),
     ("англиский", "language is 'англиский', did you mean английский? – give a language"),
     ("quuxquux", "language is 'quuxquux' – give a language such as en, ru, "),
     ("", "language is '' – give a language"), ("r", "language is 'r' – give a language")],
)  # fmt: skip
def test_what_is_nobodys_language(given: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        SpeechConfig(language=given)
    assert str(caught.value).startswith(says)


def test_scripts() -> None:
    assert share_a_script("uk", "ru-lv")
    assert share_a_script("sr", "ru")
    assert share_a_script("sr", "hr")
    assert share_a_script("ja", "cmn"), "both have characters of CJK"
    assert share_a_script("xx", "ru"), "nothing is known of it here"
    assert not share_a_script("en-gb", "ru")
    assert not share_a_script("ka", "hy")


def test_espeak_ng_speaks_them_by_these_codes() -> None:
    need_engine("espeak-ng", "en")
    listed = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True)
    codes = {line.split()[1].partition("-")[0] for line in listed.stdout.splitlines()[1:]}
    newer = {"fo", "kaa", "mto", "ti"}  # those of espeak-ng 1.52; 1.51 has none
    known = {names[0] for names in TABLE}
    assert known - codes - newer == UNSPOKEN
    assert codes - known <= {"xex"}, "which is a test"


def test_each_of_its_voices_knows_the_letters_of_its_language() -> None:
    for names in TABLE:
        alphabet = alphabet_of(names[0])
        for letter in filter(str.isalpha, "".join(names[3:])):
            own = script_of(letter) in scripts_of(names[0])
            assert alphabet.knows(letter) or not own
        assert alphabet.knows("a") and alphabet.knows("5")


def test_a_region_without_a_voice_is_spoken_by_the_languages_own() -> None:
    need_engine("espeak-ng", "ru")
    with SpeechSession(SpeechConfig(engine="espeak-ng", language="ru-ru")) as session:
        assert session.open() == "espeak-ng"
