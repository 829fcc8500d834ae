"""The words of each language for what stands around numbers.

English, German and Russian are complete. Other languages have a word for the minus and for the
decimal sign, which voices drop most often; their other signs are left to the voice, and where
nothing is known numbers are held apart by a comma, which is a pause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pi_runtime.speech.normalise.spelling import (
    Noun,
    english,
    russian,
    russian_form,
    russian_ordinal,
)

CURRENCIES = "$€£₽₴₸₹¥¢₩₺₪"
SPELLED_DENOMINATORS = range(2, 11)
"""Of the fractions that are read as such; 5/12 is "5 slash 12"."""


_PERCENT, _PERMILLE, _DEGREE = (Noun(sign, sign, sign) for sign in "%‰°")


@dataclass(frozen=True)
class Words:
    """A language's words and its way of writing numbers. A sign stands for itself."""

    decimal: str = ","
    """What parts whole and fraction."""
    stop_thousands: bool = True
    """Whether 1.000 is a thousand; where it is, the decimal sign is a comma."""
    fraction_digits: bool = False
    """Whether the digits behind the decimal sign are read one by one."""
    phone_digits: bool = True
    """Whether those of telephone numbers are."""
    month_first: bool = False
    """Whether 11/24/2026 is in November."""

    minus: str = "minus"
    plus: str = "plus"
    plus_minus: str = "plus minus"
    point: str = "point"
    comma: str = "comma"
    dot: str = ","
    """In 1.2.3, which is no decimal."""
    to: str = ","
    """In 1939–1945."""
    ratio: str = ","
    """In 3:1."""
    times: str = ","
    """In 5×3."""
    by: str = ","
    """In 10x15."""
    divided: str = ","
    power: str = ","
    slash: str = ","
    exponent: str = "e"
    equals: str = "="
    less: str = ","
    greater: str = ","
    at_most: str = "≤"
    at_least: str = "≥"
    unequal: str = "≠"
    about: str = ""
    and_: str = "&"
    """For &."""
    with_: str = ","
    """In 1 1/2."""
    at: str = "@"
    number: str = "numero"
    hash: str = "#"
    squared: str = ","
    cubed: str = ","
    percent: Noun = _PERCENT
    permille: Noun = _PERMILLE
    degree: Noun = _DEGREE
    celsius: str = "C"
    fahrenheit: str = "F"
    o_clock: str = ""
    """In 12:00; "": the zeros are read."""
    oh: str = ""
    """The zero in 12:05; "": it is read as any other."""
    suffixes: bool = False
    """Whether 2nd, 1990s and A4 are written without a space, and are one word."""
    currencies: Mapping[str, tuple[Noun, Noun | None]] = field(default_factory=dict)
    """Signs: the currency and its hundredth."""
    scales: tuple[Noun, ...] = ()
    """Thousand and so on."""
    scale_words: frozenset[str] = frozenset()
    """What may stand between a number and its currency: $5 million."""
    units: Mapping[str, Noun] = field(default_factory=dict)
    """Abbreviations behind a number."""
    months: tuple[str, ...] = ()
    date: Callable[[int, str, str], str] | None = None
    """Day, month's name and year as a text."""
    ordinal: Callable[[int, str], str] | None = None
    """A number below ten thousand with the letters behind its hyphen; "" if they are no ending."""
    agreeing: Callable[[int, str, str], str] | None = None
    """A number in words that agree with the words before and behind it; "" if digits do."""
    fraction: Callable[[int, int], str] | None = None
    """A fraction less than one with a spelled denominator."""
    spell: Callable[[int], str] | None = None
    """A number below a milliard in words."""
    form: Callable[[int, Noun], str] = lambda number, noun: noun.one if number == 1 else noun.many
    """The form of a noun behind a number."""

    def count(self, number: int, noun: Noun) -> str | None:
        """Return a number in words, if a voice would say its digits in a wrong gender."""
        return None


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _regular(singular: str) -> Noun:
    return Noun(singular, f"{singular}s", f"{singular}s")


def _constant(word: str) -> Noun:
    return Noun(word, word, word)


def _english_date(day: int, month: str, year: str) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th") if day not in (11, 12, 13) else "th"
    return f"{month} {day}{ending}, {year}"


def _english_fraction(above: int, below: int) -> str:
    names = _listed("half third quarter fifth sixth seventh eighth ninth tenth")
    return f"{english(above)} {names[below - 2]}{'s' if above > 1 else ''}"


def _german_fraction(above: int, below: int) -> str:
    if below == 2:
        return "ein halb"
    names = _listed("drittel viertel fünftel sechstel siebtel achtel neuntel zehntel")
    return f"{'ein' if above == 1 else above} {names[below - 3]}"


def _russian_fraction(above: int, below: int) -> str:
    if below in (3, 4):
        one, few, many = {
            3: ("треть", "трети", "третей"),
            4: ("четверть", "четверти", "четвертей"),
        }[below]
        name = russian_form(above, Noun(one, few, many))
    else:
        name = russian_ordinal(below, "я" if above == 1 else "х")
    return f"{russian(above, feminine=True)} {name}"


def _russian_agreeing(number: int, before: str, behind: str) -> str:
    """Say years and days of a month as ordinals, and "одна", "две" before nouns of time,
    money and what is often counted.

    "г." stands for the word that it abbreviates, which is added.
    """
    if behind == "г." and 1000 <= number < 3000:
        case, year = ("м", "году") if before in ("в", "во") else ("го", "года")
        return f"{russian_ordinal(number, case)} {year}"
    if behind in _RU_YEARS and 1000 <= number < 3000:
        return russian_ordinal(number, _RU_YEARS[behind])
    if behind in _RU.months:
        return russian_ordinal(number, "го") if 1 <= number <= 31 else ""
    noun = _RU_FEMININE.fullmatch(behind)
    if noun and number % 100 not in (11, 12):
        if number % 10 == 1 and noun[1] in "аяую":
            said = russian(number, feminine=True)
            return said if noun[1] in "ая" else said.removesuffix("а") + "у"
        if number % 10 == 2 and noun[1] in "ыи":
            return russian(number, feminine=True)
    return ""


def _russian_date(day: int, month: str, year: str) -> str:
    return f"{russian_ordinal(day, 'го')} {month} {russian_ordinal(int(year), 'го')} года"


_EN = Words(
    decimal=".",
    stop_thousands=False,
    fraction_digits=True,
    month_first=True,
    plus_minus="plus or minus",
    point="point",
    comma="comma",
    dot="dot",
    to="to",
    ratio="to",
    times="times",
    by="by",
    divided="divided by",
    power="to the power of",
    slash="slash",
    equals="equals",
    less="is less than",
    greater="is greater than",
    about="about",
    and_="and",
    with_="and",
    at="at",
    number="number",
    hash="hash",
    squared="squared",
    cubed="cubed",
    percent=_constant("percent"),
    permille=_constant("per mille"),
    degree=_regular("degree"),
    celsius="Celsius",
    fahrenheit="Fahrenheit",
    at_most="at most",
    at_least="at least",
    unequal="does not equal",
    o_clock="o'clock",
    oh="oh",
    suffixes=True,
    currencies={
        "$": (_regular("dollar"), _regular("cent")),
        "€": (_regular("euro"), _regular("cent")),
        "£": (_regular("pound"), _constant("pence")),
        "₽": (_regular("rouble"), _regular("kopeck")),
        "₴": (_regular("hryvnia"), _regular("kopeck")),
        "¥": (_constant("yen"), None),
        "₹": (_regular("rupee"), _constant("paise")),
        "¢": (_regular("cent"), None),
    },
    scales=tuple(map(_constant, ("thousand", "million", "billion", "trillion"))),
    scale_words=frozenset({"hundred", "thousand", "million", "billion", "trillion"}),
    months=_listed(
        "January February March April May June July August September October November December"
    ),
    date=_english_date,
    fraction=_english_fraction,
    spell=english,
)

_DE = Words(
    fraction_digits=True,
    plus_minus="plus minus",
    point="Punkt",
    comma="Komma",
    dot="Punkt",
    to="bis",
    ratio="zu",
    times="mal",
    by="mal",
    divided="durch",
    power="hoch",
    slash="Schrägstrich",
    equals="gleich",
    less="kleiner als",
    greater="größer als",
    at_most="höchstens",
    at_least="mindestens",
    unequal="ungleich",
    about="etwa",
    and_="und",
    with_="und",
    at="at",
    number="Nummer",
    hash="Raute",
    squared="Quadrat",
    cubed="hoch 3",
    percent=_constant("Prozent"),
    permille=_constant("Promille"),
    degree=_constant("Grad"),
    celsius="Celsius",
    fahrenheit="Fahrenheit",
    currencies={
        "$": (_constant("Dollar"), _constant("Cent")),
        "€": (_constant("Euro"), _constant("Cent")),
        "£": (_constant("Pfund"), _constant("Pence")),
        "₽": (_constant("Rubel"), Noun("Kopeke", "Kopeken", "Kopeken")),
        "¥": (_constant("Yen"), None),
        "¢": (_constant("Cent"), None),
    },
    scales=(
        _constant("Tausend"),
        Noun("Million", "Millionen", "Millionen"),
        Noun("Milliarde", "Milliarden", "Milliarden"),
        Noun("Billion", "Billionen", "Billionen"),
    ),
    scale_words=frozenset({"tausend", "million", "millionen", "milliarde", "milliarden"}),
    months=_listed(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
    ),
    date=lambda day, month, year: f"{day}. {month} {year}",
    fraction=_german_fraction,
)


class _Russian(Words):
    def count(self, number: int, noun: Noun) -> str | None:
        """See `Words`: voices say "один тысяча" and "два копейки"."""
        if noun.feminine and number % 10 in (1, 2) and number % 100 not in (11, 12):
            return russian(number, feminine=True)
        return None


_RU_ROUBLE = Noun("рубль", "рубля", "рублей")
_RU_KOPECK = Noun("копейка", "копейки", "копеек", feminine=True)
_RU_CENT = Noun("цент", "цента", "центов")
_RU_SCALES = (
    Noun("тысяча", "тысячи", "тысяч", feminine=True),
    Noun("миллион", "миллиона", "миллионов"),
    Noun("миллиард", "миллиарда", "миллиардов"),
    Noun("триллион", "триллиона", "триллионов"),
)
_RU_FEMININE = re.compile(
    "(?:минут|секунд|недел|тонн|тысяч|копейк|страниц|строк|книг|комнат|машин|женщин|девочк|девушк|"
    "собак|кошк)([аяуюыи])"
)
_RU_YEARS = {"год": "й", "года": "го", "году": "м", "годом": "ым"}
_RU = _Russian(
    stop_thousands=False,
    phone_digits=False,
    minus="минус",
    plus="плюс",
    plus_minus="плюс-минус",
    point="точка",
    comma="запятая",
    dot="точка",
    times="на",
    by="на",
    divided="разделить на",
    power="в степени",
    slash="дробь",
    exponent="е",
    equals="равно",
    less="меньше",
    greater="больше",
    at_most="не больше",
    at_least="не меньше",
    unequal="не равно",
    about="около",
    and_="и",
    with_="и",
    at="собака",
    number="номер",
    hash="решётка",
    squared="в квадрате",
    cubed="в кубе",
    percent=Noun("процент", "процента", "процентов"),
    permille=Noun("промилле", "промилле", "промилле"),
    degree=Noun("градус", "градуса", "градусов"),
    celsius="Цельсия",
    fahrenheit="Фаренгейта",
    currencies={
        "₽": (_RU_ROUBLE, _RU_KOPECK),
        "$": (Noun("доллар", "доллара", "долларов"), _RU_CENT),
        "€": (_constant("евро"), _RU_CENT),
        "£": (Noun("фунт", "фунта", "фунтов"), Noun("пенс", "пенса", "пенсов")),
        "¥": (Noun("иена", "иены", "иен", feminine=True), None),
        "₴": (Noun("гривна", "гривны", "гривен", feminine=True), _RU_KOPECK),
        "₸": (_constant("тенге"), None),
        "¢": (_RU_CENT, None),
    },
    scales=_RU_SCALES,
    scale_words=frozenset(
        _listed("тыс тысяч тысячи млн миллион миллиона миллионов млрд миллиарда миллиардов")
    ),
    units={
        "тыс": _RU_SCALES[0],
        "млн": _RU_SCALES[1],
        "млрд": _RU_SCALES[2],
        "трлн": _RU_SCALES[3],
        "руб": _RU_ROUBLE,
        "коп": _RU_KOPECK,
        "гг": _constant("годы"),
        "кг": Noun("килограмм", "килограмма", "килограммов"),
        "км": Noun("километр", "километра", "километров"),
        "см": Noun("сантиметр", "сантиметра", "сантиметров"),
        "мм": Noun("миллиметр", "миллиметра", "миллиметров"),
        "мин": Noun("минута", "минуты", "минут", feminine=True),
        "сек": Noun("секунда", "секунды", "секунд", feminine=True),
    },
    months=_listed(
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
    ),
    date=_russian_date,
    ordinal=russian_ordinal,
    agreeing=_russian_agreeing,
    fraction=_russian_fraction,
    spell=russian,
    form=russian_form,
)

# The minus and the decimal signs in other languages: voices of espeak-ng drop "-5" in French,
# Spanish, Polish, Ukrainian and Turkish, and the stop of "3.14" in Polish, Ukrainian and Japanese.
_SIGNS = """
    af minus punt komma; az mənfi nöqtə vergül; be мінус кропка коска; bg минус точка запетая;
    bs minus tačka zarez; ca menys punt coma; cmn 负 点 逗号; cs minus tečka čárka;
    da minus punktum komma; el μείον τελεία κόμμα; eo minus punkto komo; es menos punto coma;
    et miinus punkt koma; eu minus puntu koma; fa منفی نقطه ممیز; fi miinus piste pilkku;
    fr moins point virgule; he מינוס נקודה פסיק; hi माइनस दशमलव कॉमा; hr minus točka zarez;
    hu mínusz pont vessző; hy մինուս կետ ստորակետ; id minus titik koma; is mínus punktur komma;
    it meno punto virgola; ja マイナス テン コンマ; ka მინუს წერტილი მძიმე; kk минус нүкте үтір;
    ko 마이너스 점 쉼표; la minus punctum comma; lt minus taškas kablelis; lv mīnus punkts komats;
    mk минус точка запирка; ms minus titik koma; nb minus punktum komma; nl min punt komma;
    pl minus kropka przecinek; pt menos ponto vírgula; ro minus punct virgulă;
    sk mínus bodka čiarka; sl minus pika vejica; sq minus pikë presje; sr минус тачка зарез;
    sv minus punkt komma; th ลบ จุด จุลภาค; tr eksi nokta virgül; uk мінус крапка кома;
    vi âm chấm phẩy; yue 負 點 逗號"""
_POINT_LANGUAGES = _listed(
    "cmn yue ja ko th he hi mr ne bn ta te kn ml gu pa si ms sw ga cy mt am my fa ur"
)
"""Languages that part the fraction with a stop."""

_COMPLETE = {"en": _EN, "de": _DE, "ru": _RU}


def words_of(language: str) -> Words:
    """Return the words of a language, by its code, with or without a region.

    >>> words_of("fr-be").minus
    'moins'
    """
    base, _, region = language.partition("-")
    if base == "en" and region not in ("", "us"):
        return replace(_EN, month_first=False)
    if base in _COMPLETE:
        return _COMPLETE[base]
    with_point = base in _POINT_LANGUAGES
    for code, minus, point, comma in (entry.split() for entry in _SIGNS.split(";")):
        if code == base:
            return Words(
                decimal="." if with_point else ",",
                stop_thousands=not with_point,
                minus=minus,
                point=point,
                comma=comma,
            )
    return Words(decimal="." if with_point else ",", stop_thousands=not with_point)
