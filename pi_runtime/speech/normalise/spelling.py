"""Numbers in words, in the two languages of which a voice reads digits badly.

Two tables do for that. num2words, which knows fifty languages, is 1.3 MB and takes as long to
import as all of this package; the tests compare these tables with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """What is counted, in the forms that follow a number."""

    one: str
    few: str
    """After 2 to 4, and after a fraction, if the language has such a form."""
    many: str
    feminine: bool = False


def russian_form(number: int, noun: Noun) -> str:
    """Return the form of a Russian noun that follows a whole number.

    >>> russian_form(21, Noun("рубль", "рубля", "рублей"))
    'рубль'
    """
    if number % 100 in range(11, 15):
        return noun.many
    return {1: noun.one, 2: noun.few, 3: noun.few, 4: noun.few}.get(number % 10, noun.many)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# fmt: off
_EN_SMALL = _listed("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen""")
_EN_TENS = _listed("- - twenty thirty forty fifty sixty seventy eighty ninety")
_EN_SCALES = ["", "thousand", "million"]

_RU_SMALL = _listed("""
    ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать
    тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать""")
_RU_TENS = _listed("""
    - - двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто""")
_RU_HUNDREDS = _listed("""
    - сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот""")
_RU_SCALES = (
    Noun("тысяча", "тысячи", "тысяч", feminine=True),
    Noun("миллион", "миллиона", "миллионов"),
)
_RU_GENITIVES = {2: "двух", 3: "трёх", 4: "четырёх"}
# The last word of a number as an ordinal: its stem, to which an ending is put.
_RU_STEMS = {
    "ноль": "нулев", "один": "перв", "два": "втор", "три": "трет", "четыре": "четвёрт",
    "пять": "пят", "шесть": "шест", "семь": "седьм", "восемь": "восьм", "девять": "девят",
    "сорок": "сороков", "пятьдесят": "пятидесят", "шестьдесят": "шестидесят",
    "семьдесят": "семидесят", "восемьдесят": "восьмидесят", "девяносто": "девяност",
    "сто": "сот", "двести": "двухсот", "триста": "трёхсот", "четыреста": "четырёхсот",
    "пятьсот": "пятисот", "шестьсот": "шестисот", "семьсот": "семисот", "восемьсот": "восьмисот",
    "девятьсот": "девятисот",
}
_RU_ROUND_THOUSANDS = {
    1: "тысячн", 2: "двухтысячн", 3: "трёхтысячн", 4: "четырёхтысячн", 5: "пятитысячн",
    6: "шеститысячн", 7: "семитысячн", 8: "восьмитысячн", 9: "девятитысячн",
}
# What is written behind the hyphen: the ending of the ordinal, hard and of "третий".
_RU_ENDINGS = {
    "й": ("ый", "ий"), "ый": ("ый", "ий"), "ой": ("ый", "ий"), "ий": ("ый", "ий"),
    "я": ("ая", "ья"), "ая": ("ая", "ья"), "ья": ("ая", "ья"),
    "е": ("ое", "ье"), "ое": ("ое", "ье"), "ье": ("ое", "ье"), "ые": ("ые", "ьи"),
    "го": ("ого", "ьего"), "ого": ("ого", "ьего"), "его": ("ого", "ьего"),
    "му": ("ому", "ьему"), "ому": ("ому", "ьему"), "м": ("ом", "ьем"), "ом": ("ом", "ьем"),
    "ю": ("ую", "ью"), "ую": ("ую", "ью"), "х": ("ых", "ьих"), "ых": ("ых", "ьих"),
    "ым": ("ым", "ьим"), "ми": ("ыми", "ьими"), "ыми": ("ыми", "ьими"),
}
# fmt: on
_STRESSED = ("втор", "шест", "седьм", "восьм", "сороков", "нулев")
"""Stems whose masculine ends in -ой."""


def english(number: int) -> str:
    """Return a number below a milliard in words.

    >>> english(12345)
    'twelve thousand three hundred forty five'
    """
    words: list[str] = []
    for power in (2, 1, 0):
        group = number // 1000**power % 1000
        hundreds, rest = divmod(group, 100)
        if hundreds:
            words += [_EN_SMALL[hundreds], "hundred"]
        if rest >= 20:
            words += [_EN_TENS[rest // 10]]
            rest %= 10
        if rest:
            words += [_EN_SMALL[rest]]
        if group and power:
            words += [_EN_SCALES[power]]
    return " ".join(words) or "zero"


def russian(number: int, feminine: bool = False) -> str:
    """Return a number below a milliard in words.

    >>> russian(2001, feminine=True)
    'две тысячи одна'
    """
    words: list[str] = []
    for power in (2, 1, 0):
        group = number // 1000**power % 1000
        she = _RU_SCALES[power - 1].feminine if power else feminine
        hundreds, rest = divmod(group, 100)
        if hundreds:
            words += [_RU_HUNDREDS[hundreds]]
        if rest >= 20:
            words += [_RU_TENS[rest // 10]]
            rest %= 10
        if rest:
            words += [{1: "одна", 2: "две"}.get(rest, "") if she and rest < 3 else _RU_SMALL[rest]]
        if group and power:
            words += [russian_form(group, _RU_SCALES[power - 1])]
    if words[:2] == ["одна", "тысяча"]:
        words = words[1:]  # as everyone says it, in a year above all
    return " ".join(words) or "ноль"


def russian_ordinal(number: int, ending: str) -> str:
    """Return an ordinal below ten thousand with the ending that was written behind its digits.

    "3-х" and "5-ти" are no ordinals, but what they stand for. "" if the letters are no ending.

    >>> russian_ordinal(23, "го"), russian_ordinal(2, "й")
    ('двадцать третьего', 'второй')
    """
    if ending == "х" and number in _RU_GENITIVES:
        return _RU_GENITIVES[number]
    if ending in ("ти", "и") and (4 < number <= 20 or number == 30):
        return "восьми" if number == 8 else russian(number)[:-1] + "и"
    if ending not in _RU_ENDINGS:
        return ""
    if ending == "е" and number % 10 == 0 and (40 <= number < 100 or number >= 1000):
        ending = "ые"  # a decade
    hard, third = _RU_ENDINGS[ending]
    if number and number % 1000 == 0:
        return _RU_ROUND_THOUSANDS[number // 1000] + hard
    *before, last = russian(number).split()
    stem = _RU_STEMS.get(last, last[:-1])  # двенадцать: двенадцат-
    if stem == "трет":
        end = third
    elif hard == "ый" and stem in _STRESSED:
        end = "ой"
    else:
        end = hard
    return " ".join([*before, stem + end])


SPELLERS: dict[str, Callable[[int], str]] = {"en": english, "ru": russian}
"""By language."""
