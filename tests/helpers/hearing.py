"""A listener: the numbers that a normalised text says, in order.

It shares nothing with `pi_runtime.speech.normalise`, or a test that reads back what that wrote
would prove nothing. It knows the words of numbers and how they are put together, and no signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# fmt: off
_ENGLISH = {
    "zero": 0, "oh": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}
_GERMAN = {
    "ein": 1, "million": 10**6, "millionen": 10**6, "milliarde": 10**9, "milliarden": 10**9,
    "billion": 10**12, "billionen": 10**12, "tausend": 10**3,
}
_RUSSIAN = {
    "ноль": 0, "один": 1, "одна": 1, "два": 2, "две": 2, "три": 3, "четыре": 4, "пять": 5,
    "шесть": 6, "семь": 7, "восемь": 8, "девять": 9, "десять": 10, "одиннадцать": 11,
    "двенадцать": 12, "тринадцать": 13, "четырнадцать": 14, "пятнадцать": 15, "шестнадцать": 16,
    "семнадцать": 17, "восемнадцать": 18, "девятнадцать": 19, "двадцать": 20, "тридцать": 30,
    "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "семьдесят": 70, "восемьдесят": 80,
    "девяносто": 90, "сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500,
    "шестьсот": 600, "семьсот": 700, "восемьсот": 800, "девятьсот": 900,
    "тысяча": 10**3, "тысячи": 10**3, "тысяч": 10**3,
    "миллион": 10**6, "миллиона": 10**6, "миллионов": 10**6,
    "миллиард": 10**9, "миллиарда": 10**9, "миллиардов": 10**9,
    "триллион": 10**12, "триллиона": 10**12, "триллионов": 10**12,
}
# What ordinals begin with, without their endings.
_RUSSIAN_ORDINALS = {
    "перв": 1, "втор": 2, "трет": 3, "четвёрт": 4, "пят": 5, "шест": 6, "седьм": 7, "восьм": 8,
    "девят": 9, "десят": 10, "одиннадцат": 11, "двенадцат": 12, "тринадцат": 13,
    "четырнадцат": 14, "пятнадцат": 15, "шестнадцат": 16, "семнадцат": 17, "восемнадцат": 18,
    "девятнадцат": 19, "двадцат": 20, "тридцат": 30, "сороков": 40, "пятидесят": 50,
    "шестидесят": 60, "семидесят": 70, "восьмидесят": 80, "девяност": 90, "сот": 100,
    "двухсот": 200, "трёхсот": 300, "четырёхсот": 400, "пятисот": 500, "шестисот": 600,
    "семисот": 700, "восьмисот": 800, "девятисот": 900, "тысячн": 1000, "двухтысячн": 2000,
    "трёхтысячн": 3000, "четырёхтысячн": 4000, "пятитысячн": 5000, "шеститысячн": 6000,
    "семитысячн": 7000, "восьмитысячн": 8000, "девятитысячн": 9000,
}
_PLAIN = str.maketrans("äöü", "aou")  # of a voice without umlauts
_ENDINGS = ("ый", "ой", "ий", "ая", "ья", "ое", "ье", "ого", "ьего", "ому", "ьему", "ом", "ьем",
            "ую", "ью", "ые", "ьи", "ых", "ьих", "ым", "ьим", "ыми", "ьими")
_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
_MARKS = {
    "en": {"minus": "-", "point": ".", "comma": ".", "half": "/2", "halves": "/2"},
    "de": {"minus": "-", "punkt": ".", "komma": ".", "halb": "/2"},
    "ru": {"минус": "-", "точка": ".", "запятая": ".", "треть": "/3", "трети": "/3",
           "четверть": "/4", "четверти": "/4"},
}
_BELOW = {
    "en": "third quarter fifth sixth seventh eighth ninth tenth",
    "de": "drittel viertel fünftel sechstel siebtel achtel neuntel zehntel",
}
_TO_LATIN = dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", [
    "a", "b", "v", "g", "d", "e", "yo", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r",
    "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"], strict=True))
# fmt: on


def latinised(text: str) -> str:
    """Return a Russian text in the letters of an English voice."""
    return "".join(_TO_LATIN.get(letter, letter) for letter in text)


def _vocabulary(language: str) -> tuple[dict[str, int], dict[str, str]]:
    """Return the words of whole numbers, and those of the marks and parts beside them."""
    values = {"en": _ENGLISH, "de": _GERMAN, "ru": _RUSSIAN}[language]
    marks = dict(_MARKS[language])
    marks |= {month: f"m{n}" for n, month in enumerate(_MONTHS[language].split(), 1)}
    for n, name in enumerate(_BELOW.get(language, "").split(), 3):
        marks |= {name: f"/{n}", f"{name}s": f"/{n}"}
    if language == "ru":
        values = values | {
            stem + ending: value for stem, value in _RUSSIAN_ORDINALS.items() for ending in _ENDINGS
        }
    if language == "de":
        marks |= {word.translate(_PLAIN): mark for word, mark in marks.items()}
    return dict(values), marks


_VOCABULARIES = {language: _vocabulary(language) for language in ("en", "de", "ru")}
_WORD = re.compile(r"[^\W\d_]+|\d+|[.,;!?]")


class _Listener:
    def __init__(self, values: Mapping[str, int], marks: Mapping[str, str]) -> None:
        self.values = values
        self.marks = marks
        self.heard: list[str] = []
        self.total = 0
        self.group: int | None = None
        self.room = 0
        """What may still be added must be less."""
        self.scale = 10**15

    def end(self) -> None:
        """End the number that is being said."""
        if self.group is not None or self.total:
            self.heard.append(str(self.total + (self.group or 0)))
        self.total, self.group, self.room, self.scale = 0, None, 0, 10**15

    def hear(self, word: str) -> None:
        if word in self.marks:  # before values: "treti" are thirds, in Latin letters
            self.end()
            self.heard.append(self.marks[word])
        elif word.isdigit() or word in self.values:
            self.hear_number(word, int(word) if word.isdigit() else self.values[word])
        else:
            self.end()

    def hear_number(self, word: str, value: int) -> None:
        if not word.isdigit() and value >= 1000:
            if value >= self.scale or (self.total and self.group is None):
                self.end()
            self.total += (1 if self.group is None else self.group) * value
            self.group, self.room, self.scale = None, min(value, 1000), value
            return
        if word == "hundred" and self.group is not None and self.group < 10:
            self.group, self.room = self.group * 100, 100
            return
        fits = value and value < self.room and (self.group is not None or self.total)
        if not fits:
            self.end()
        self.group = (self.group or 0) + value
        if word.isdigit() or value < 20:
            self.room = 0
        else:
            self.room = 10 if value < 100 else 100


def numbers_heard(said: str, language: str, latin: bool = False) -> list[str]:
    """Return what is heard of numbers: "-", whole numbers, "." between whole and fraction, "/4"
    for quarters and "m11" for November. `latin`: the text is Russian in Latin letters."""
    values, marks = _VOCABULARIES[language]
    if latin:
        values = {latinised(word): value for word, value in values.items()}
        marks = {latinised(word): mark for word, mark in marks.items()}
    listener = _Listener(values, marks)
    for word in _WORD.findall(said.lower()):
        listener.hear(word)
    listener.end()
    return listener.heard


def digits(*numbers: str) -> Iterable[str]:
    """Return numbers that are read digit by digit as what is heard of them."""
    return [digit for number in numbers for digit in number]
