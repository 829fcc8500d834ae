"""The numbers that are heard are the numbers that are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pi_runtime.speech.normalise import ANY, ENGLISH, RUSSIAN, Alphabet, normalise
from pi_runtime.speech.normalise.spelling import english, russian, russian_ordinal
from tests.helpers.hearing import numbers_heard

PLAIN = Alphabet(RUSSIAN.letters, latinised=RUSSIAN.latinised)
"""Of a voice that reads letters and digits, and no sign."""

VOICES = {
    "festival-en": (ENGLISH, "en"),
    "espeak-ng-en": (ANY, "en"),
    "festival-ru": (RUSSIAN, "ru"),
    "espeak-ng-ru": (ANY, "ru"),
    "espeak-ng-de": (ANY, "de"),
    "plain-en": (PLAIN, "en"),
    "plain-ru": (PLAIN, "ru"),
    "plain-de": (PLAIN, "de"),
    "foreign-en": (RUSSIAN, "en"),
    "foreign-ru": (ENGLISH, "ru"),
}
EXAMPLES = 5000 // len(VOICES)

# A form of numbers: how it is written, and what is to be heard of it.
Form = tuple[str, list[str]]

SPACES = st.sampled_from([" ", "\u00a0", "\u202f", "\u2009"])
SEPARATORS = {"en": ",", "de": ".", "ru": " "}
DECIMAL = {"en": ".", "de": ",", "ru": ","}
ORDINAL_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def as_digits(number: str) -> list[str]:
    """Return what is heard of digits: one number, or one by one if they are none."""
    one_by_one = len(number) > 9 or (len(number) > 1 and number[0] == "0")
    return list(number) if one_by_one else [number]


def grouped(number: int, separator: str) -> str:
    return f"{number:,}".replace(",", separator)


def fraction_heard(digits: str, language: str) -> list[str]:
    alone = language in ("en", "de") or digits[0] == "0" or len(digits) > 3
    return list(digits) if alone else [digits]


@st.composite
def wholes(draw: st.DrawFn, language: str) -> Form:
    written = draw(
        st.integers(0, 10**9 - 1).map(str)
        | st.integers(0, 3000).map(str)
        | st.text("0123456789", min_size=1, max_size=15)
    )
    return written, as_digits(written)


@st.composite
def amounts(draw: st.DrawFn, language: str) -> Form:
    number = draw(st.integers(1000, 10**6) | st.integers(1000, 10**12))
    separator = draw(st.just(SEPARATORS[language]) | SPACES | st.just("'") | st.just("’"))
    written = grouped(number, separator)
    parts = written.split(".")
    if len(parts) == 4 and all(part == str(int(part)) and int(part) < 256 for part in parts):
        return "1.000.000", ["1000000"]  # 192.168.100.200 is an address
    return written, [str(number)]


@st.composite
def decimals(draw: st.DrawFn, language: str) -> Form:
    whole = draw(st.integers(0, 10**7))
    fraction = draw(st.text("0123456789", min_size=1, max_size=7))
    mark = draw(st.sampled_from({"en": ".", "de": ",", "ru": ",."}[language]))
    written = str(whole)
    if whole >= 1000 and draw(st.booleans()):
        written = grouped(whole, draw(st.just(SEPARATORS[language]) | SPACES))
    return written + mark + fraction, [str(whole), ".", *fraction_heard(fraction, language)]


@st.composite
def negatives(draw: st.DrawFn, language: str) -> Form:
    written, heard = draw(wholes(language) | amounts(language) | decimals(language))
    sign = draw(st.sampled_from(["-", "−", "–", "− "]))
    return sign + written, ["-", *heard]


@st.composite
def percents(draw: st.DrawFn, language: str) -> Form:
    written, heard = draw(wholes(language) | decimals(language) | negatives(language))
    return written + draw(st.sampled_from(["%", " %", "\u00a0%", "°", " °C", "°C", "‰"])), heard


@st.composite
def money(draw: st.DrawFn, language: str) -> Form:
    number = draw(st.integers(0, 10**6))
    sign = draw(st.sampled_from("$€£₽"))
    written, heard = str(number), [str(number)]
    if draw(st.booleans()):
        cents = draw(st.integers(1, 99))
        written += f"{DECIMAL[language]}{cents:02}"
        heard.append(str(cents))
    if draw(st.booleans()):
        minus = draw(st.sampled_from(["", "-", "−"]))
        return minus + sign + written, (["-"] if minus else []) + heard
    return written + draw(st.sampled_from(["", " "])) + sign, heard


@st.composite
def times(draw: st.DrawFn, language: str) -> Form:
    hour, minute = draw(st.integers(1, 23)), draw(st.integers(0, 59))
    written = f"{hour:02}" if draw(st.booleans()) else str(hour)
    heard = as_digits(written)
    if minute or language != "en":
        heard += list(f"{minute:02}") if minute < 10 else [str(minute)]
    else:
        heard = [str(hour)]  # o'clock
    return f"{written}:{minute:02}", heard


@st.composite
def dates(draw: st.DrawFn, language: str) -> Form:
    day, month = draw(st.integers(1, 31)), draw(st.integers(1, 12))
    year = draw(st.integers(1000, 2999))
    written = draw(
        st.sampled_from([f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}"])
        | st.just(f"{day}.{month}.{year}")
        | st.just(f"{month}/{day}/{year}" if language == "en" else f"{day}/{month}/{year}")
    )
    if language == "en":
        return written, [f"m{month}", str(day), str(year)]
    return written, [str(day), f"m{month}", str(year)]


@st.composite
def ranges(draw: st.DrawFn, language: str) -> Form:
    first, second = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    joint = draw(st.sampled_from(["–", "-", "—", " – ", " — "]))
    if joint == "-" and 99 < first < 1000 <= second:
        second = first + 1  # 555-1234 is a telephone number
    return f"{first}{joint}{second}", [str(first), str(second)]


@st.composite
def scores(draw: st.DrawFn, language: str) -> Form:
    first, second = draw(st.integers(60, 300)), draw(st.integers(1, 300))
    return f"{first}:{second}", [str(first), str(second)]


@st.composite
def fractions(draw: st.DrawFn, language: str) -> Form:
    below = draw(st.integers(2, 10))
    above = draw(st.integers(1, below - 1))
    before = draw(st.sampled_from(["", "3 ", "-"]))
    name = str(below) if language == "ru" and below not in (3, 4) else f"/{below}"
    sign = {"": [], "3 ": ["3"], "-": ["-"]}[before]
    return f"{before}{above}/{below}", [*sign, str(above), name]


@st.composite
def vulgar_fractions(draw: st.DrawFn, language: str) -> Form:
    sign, above, below = draw(st.sampled_from([("¼", 1, 4), ("¾", 3, 4), ("⅓", 1, 3), ("⅔", 2, 3)]))
    before = draw(st.sampled_from(["", "10", "7 "]))
    return before + sign, [*before.split(), str(above), f"/{below}"]


@st.composite
def slashed(draw: st.DrawFn, language: str) -> Form:
    first, second = draw(st.integers(11, 500)), draw(st.integers(11, 500))
    return f"{first}/{second}", [str(first), str(second)]


@st.composite
def versions(draw: st.DrawFn, language: str) -> Form:
    parts = draw(st.lists(st.integers(0, 99).map(str), min_size=3, max_size=4))
    dot = "" if language == "en" else "."
    heard = [parts[0]]
    for part in parts[1:]:
        heard += [dot, part] if dot else [part]
    return ".".join(parts), heard


@st.composite
def addresses(draw: st.DrawFn, language: str) -> Form:
    parts = draw(st.lists(st.integers(0, 255).map(str), min_size=4, max_size=4))
    heard = [parts[0]]
    for part in parts[1:]:
        heard += ([] if language == "en" else ["."]) + [part]
    return ".".join(parts), heard


@st.composite
def phones(draw: st.DrawFn, language: str) -> Form:
    groups = [draw(st.text("0123456789", min_size=size, max_size=size)) for size in (3, 3, 2, 2)]
    written = draw(
        st.sampled_from(["+7 ({}) {}-{}-{}", "+7 {} {} {} {}", "8 ({}) {}-{}-{}", "+7-{}-{}-{}-{}"])
    )
    first = written.lstrip("+")[0]
    heard = [first]
    for group in groups:
        heard += as_digits(group) if language == "ru" else list(group)
    return written.format(*groups), heard


@st.composite
def ordinals(draw: st.DrawFn, language: str) -> Form:
    number = draw(st.integers(1, 2999))
    if language == "en":
        ending = "th" if number % 100 in (11, 12, 13) else ORDINAL_ENDINGS.get(number % 10, "th")
        return f"{number}{ending}", [str(number)]
    if language == "ru":
        return f"{number}-{draw(st.sampled_from(['й', 'я', 'го', 'му', 'м', 'ю']))}", [str(number)]
    return f"{number}-mal", [str(number)]


@st.composite
def sums(draw: st.DrawFn, language: str) -> Form:
    first, second = draw(st.integers(0, 500)), draw(st.integers(0, 500))
    sign = draw(st.sampled_from(["+", "×", "÷", " + ", " × ", " - ", "-", "−", "<", " > ", "="]))
    minus = ["-"] if sign.strip() in ("-", "−") else []
    if sign in "<>=" or sign == " > ":
        return f"{first}{sign}{second}", [str(first), *minus, str(second)]
    return f"{first}{sign}{second}=7", [str(first), *minus, str(second), "7"]


@st.composite
def glued(draw: st.DrawFn, language: str) -> Form:
    number = str(draw(st.integers(1, 9999)))
    pattern = draw(
        st.sampled_from(["A{}", "{}D", "iPhone{}", "COVID-{}", "№{}", "№ {}", "#{}", "х{}", "{}kg",
                         "{}см", "U-{}", "word{}word", "({})", "«{}»", "[{}]", "{}!", "{}…"])
    )  # fmt: skip
    return pattern.format(number), [number]


@st.composite
def powers(draw: st.DrawFn, language: str) -> Form:
    number = draw(st.integers(2, 99))
    power = draw(st.integers(4, 40))
    if draw(st.booleans()):
        return f"{number}^{power}", [str(number), str(power)]
    raised = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{number}{raised}", [str(number), str(power)]


@st.composite
def exponents(draw: st.DrawFn, language: str) -> Form:
    number, power = draw(st.integers(1, 99)), draw(st.integers(1, 40))
    sign, heard = draw(st.sampled_from([("", []), ("-", ["-"]), ("−", ["-"]), ("+", [])]))
    return f"{number}e{sign}{power}", [str(number), *heard, str(power)]


FORMS: list[Callable[[str], st.SearchStrategy[Form]]] = [
    wholes, amounts, decimals, negatives, percents, money, times, dates, ranges, scores, fractions,
    vulgar_fractions, slashed, versions, addresses, phones, ordinals, sums, glued, powers,
    exponents,
]  # fmt: skip

WORDS = {
    "en": ["and then", "about", "rooms with", "they had", "well-known", "the"],
    "de": ["und dann", "etwa", "Zimmer mit", "sie hatten", "bekannt", "die"],
    "ru": ["и потом", "около", "комнаты, где", "у них", "кое-что", "это"],
}
JOINTS = [" {} ", " {}, ", " {}. ", " ({}) ", " — {} — ", ": {}; ", " «{}» ", " - {} ", ", {} "]


@st.composite
def texts(draw: st.DrawFn, language: str) -> Form:
    """A sentence with one to three forms of numbers in it."""
    text, heard = draw(st.sampled_from(WORDS[language])), list[str]()
    for _ in range(draw(st.integers(1, 3))):
        written, numbers = draw(draw(st.sampled_from(FORMS))(language))
        text += draw(st.sampled_from(JOINTS)).format(written)
        text += draw(st.sampled_from(WORDS[language]))
        heard += numbers
    return text, heard


@pytest.mark.parametrize("voice", VOICES)
def test_the_numbers_heard_are_the_numbers_written(voice: str) -> None:
    alphabet, language = VOICES[voice]

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(texts(language))
    def check(form: Form) -> None:
        text, heard = form
        said = normalise(text, alphabet, language)
        latin = voice == "foreign-ru"
        assert numbers_heard(said, language, latin) == heard, f"{text!r} → {said!r}"

    check()


DASHES = ["Это - {} рублей", "Это — {} рублей", "Это – {} рублей", "— {} рублей", "- {} рублей"]


@pytest.mark.parametrize("text", DASHES)
@pytest.mark.parametrize("voice", ["festival-ru", "espeak-ng-ru"])
def test_a_dash_is_no_minus(text: str, voice: str) -> None:
    alphabet, language = VOICES[voice]
    assert numbers_heard(normalise(text.format(5), alphabet, language), language) == ["5"]


@settings(deadline=None)  # num2words is imported in the first example
@given(st.integers(0, 10**9 - 1) | st.integers(0, 2000))
def test_spelled_numbers_are_those_of_num2words(number: int) -> None:
    num2words = pytest.importorskip("num2words", reason="pip install num2words").num2words
    plain = num2words(number, lang="en").replace("-", " ").replace(",", "").replace(" and ", " ")
    assert english(number) == plain
    ours = russian(number)
    assert ("одна " + ours if ours.startswith("тысяча") else ours) == num2words(number, lang="ru")
    assert (
        russian(number, feminine=True).split()[-1]
        == (num2words(number, lang="ru", gender="f").split()[-1])
    )


CASES = {"й": ("n", "m"), "я": ("n", "f"), "е": ("n", "n"), "го": ("g", "m"), "му": ("d", "m"),
         "м": ("p", "m"), "ю": ("a", "f")}  # fmt: skip


@settings(deadline=None)
@given(st.integers(1, 9999), st.sampled_from(sorted(CASES)))
def test_russian_ordinals_are_those_of_num2words(number: int, ending: str) -> None:
    num2words = pytest.importorskip("num2words", reason="pip install num2words").num2words
    assume(ending != "е" or number % 10)  # a decade: 90-е
    case, gender = CASES[ending]
    theirs = num2words(number, to="ordinal", lang="ru", case=case, gender=gender)
    assert russian_ordinal(number, ending) == theirs.removeprefix("одна ")
