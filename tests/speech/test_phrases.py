"""What a reader would read aloud, of 180 phrases, and whether real engines say it.

`phrases.tsv` is the table: a phrase, and what must reach festival and espeak-ng.
"""

from __future__ import annotations

import csv
import re
import subprocess
from pathlib import Path

import pytest

from pi_runtime.speech.normalise import ANY, ENGLISH, RUSSIAN, normalise
from tests.helpers.speech import need_engine

TABLE = Path(__file__).with_name("phrases.tsv")
with TABLE.open(encoding="utf-8", newline="") as file:
    PHRASES = list(csv.DictReader(file, dialect="excel-tab", quoting=csv.QUOTE_NONE))
FESTIVAL = {"en": ENGLISH, "ru": RUSSIAN}


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase["text"])
def test_a_phrase_reaches_each_engine_as_it_is_read_aloud(phrase: dict[str, str]) -> None:
    text, language = phrase["text"], phrase["language"]
    assert normalise(text, FESTIVAL[language], language) == phrase["festival"]
    assert normalise(text, ANY, language) == phrase["espeak-ng"]


def test_the_table_is_of_both_languages_and_long_enough() -> None:
    assert len({phrase["text"] for phrase in PHRASES}) >= 150
    for language in ("en", "ru"):
        assert sum(phrase["language"] == language for phrase in PHRASES) >= 75


ALOUD = {
    "en": [
        ("It was −5 outside.", "It was minus five outside."),
        ("It fell to –12.5 °C.", "It fell to minus twelve point five degrees Celsius."),
        ("They won 119:105.", "They won one hundred nineteen to one hundred five."),
        ("There were 10 000 people.", "There were ten thousand people."),
        ("There were 10,000 people.", "There were ten thousand people."),
        ("It costs $5.50.", "It costs five dollars fifty cents."),
        ("Only 50% came.", "Only fifty percent came."),
        ("The train leaves at 12:30.", "The train leaves at twelve thirty."),
        ("The train leaves at 9:05.", "The train leaves at nine oh five."),
        ("Take 2 1/2 cups.", "Take two and one half cups."),
        ("Call 555-1234 now.", "Call five five five, one two three four now."),
        ("Version 1.2.3 is out.", "Version one dot two dot three is out."),
        ("Room №5 is free.", "Room number five is free."),
        ("James Bond is 007.", "James Bond is zero zero seven."),
        ("5-3=2, they say.", "Five minus three equals two, they say."),
        ("Rooms 12, 13, 14 are free.", "Rooms twelve, thirteen, fourteen are free."),
        ("He is 5'10\" tall.", "He is five, ten tall."),
    ],
    "ru": [
        ("На улице -5.", "На улице минус пять."),
        ("Мороз - 5 градусов.", "Мороз, пять градусов."),
        ("Счёт 119:105.", "Счёт сто девятнадцать, сто пять."),
        ("Пришло 10 000 человек.", "Пришло десять тысяч человек."),
        ("Число 3,141 тоже.", "Число три запятая сто сорок один тоже."),
        ("Это стоит 99,50 ₽.", "Это стоит девяносто девять рублей пятьдесят копеек."),
        ("Лишь 21% пришёл.", "Лишь двадцать один процент пришёл."),
        ("Поезд в 9:05.", "Поезд в девять ноль пять."),
        ("Кабинет №5 свободен.", "Кабинет номер пять свободен."),
        ("Агент 007.", "Агент ноль ноль семь."),
        ("В 5-й раз.", "В пятый раз."),
        ("Число 12345678912.", "Число один два три четыре пять шесть семь восемь девять один два."),
    ],
}
"""Phrases, and the same in words."""

_WORDS_OF = """\
(voice_{voice})
(define (words text)
  (let ((utterance (Utterance Text text)))
    (utt.synth utterance)
    (format t "%l\\n" (mapcar (lambda (word) (item.name word))
                              (utt.relation.items utterance 'Word)))))
"""


def words_of_festival(texts: list[str], voice: str, folder: Path) -> list[list[str]]:
    """Return the words that festival makes of each text."""
    program = folder / "words.scm"
    said = [text.replace("\\", "").replace('"', "") for text in texts]
    lines = [_WORDS_OF.format(voice=voice), *(f'(words "{text}")' for text in said)]
    program.write_text("\n".join(lines), "utf-8")
    done = subprocess.run(
        ["festival", "--heap", "1000000", "-b", str(program)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [re.findall(r'"([^"]*)"', line.lower()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("language", "voice"), [("en", "kal_diphone"), ("ru", "msu_ru_nsh_clunits")]
)
def test_festival_says_them_as_if_they_were_written_in_words(
    language: str, voice: str, tmp_path: Path
) -> None:
    need_engine("festival", language)
    given = [normalise(text, FESTIVAL[language], language) for text, _ in ALOUD[language]]
    aloud = [words for _, words in ALOUD[language]]
    said = words_of_festival([*given, *aloud], voice, tmp_path)
    assert len(said) == 2 * len(given)
    for text, ours, theirs in zip(given, said[: len(given)], said[len(given) :], strict=True):
        assert ours == theirs, text


def sounds_of_espeak(text: str, language: str) -> str:
    """Return espeak-ng's phonemes, without stress, length and pauses."""
    done = subprocess.run(
        ["espeak-ng", "-q", "-x", "-v", language, "--stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    # It says "hundred and five" to digits and "hundred five" to words.
    return re.sub(r"[\s',_:!|;%=]", "", done.stdout).replace("VndrI2d@n", "VndrI2d")


def test_espeak_ng_says_them_as_if_they_were_written_in_words() -> None:
    need_engine("espeak-ng", "en")
    for text, words in ALOUD["en"]:
        said = sounds_of_espeak(normalise(text, ANY, "en"), "en")
        assert said == sounds_of_espeak(words.lower(), "en"), text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("На улице −5.", ["минус", "5"]),
        ("Счёт 119:105.", ["119", "105"]),
        ("Пришло 10 000 человек.", ["10000"]),
        ("Число 3,14.", ["3", "запятая", "14"]),
        ("Доля 0,05.", ["0", "запятая", "0", "5"]),
        ("Поезд в 12:30.", ["12", "30"]),
        ("Звони +7 (999) 123-45-67.", ["плюс", "7", "999", "123", "45", "67"]),
        ("Дом 5/2.", ["5", "дробь", "2"]),
        ("Кабинет №5.", ["номер", "5"]),
        ("Война 1939–1945 годов.", ["1939", "1945"]),
    ],
)
def test_espeak_ng_says_russian_numbers_in_order(text: str, parts: list[str]) -> None:
    """It has other vowels in numbers than in the same words, so each is compared with itself."""
    need_engine("espeak-ng", "ru")
    said = sounds_of_espeak(normalise(text, ANY, "ru"), "ru")
    at = 0
    for part in parts:
        sound = sounds_of_espeak(part, "ru")
        assert sound in said[at:], part
        at = said.index(sound, at) + len(sound)
