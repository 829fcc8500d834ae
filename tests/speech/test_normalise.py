"""What of a text may reach an engine. What becomes of numbers: test_numbers and test_phrases."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pi_runtime.speech.normalise import ANY, ENGLISH, LONGEST_WORD, RUSSIAN, Alphabet, normalise

LETTERS_ONLY = Alphabet(RUSSIAN.letters, latinised=RUSSIAN.latinised)
"""Of a voice that reads Latin, Cyrillic and digits, and no signs."""

VOICES = [(ENGLISH, "en"), (RUSSIAN, "ru"), (ANY, "en"), (ANY, "ru"), (ANY, ""), (ANY, "fr"),
          (ANY, "ta"), (ENGLISH, "ru"), (RUSSIAN, "en"), (LETTERS_ONLY, "ru"),
          (LETTERS_ONLY, "pl")]  # fmt: skip


@pytest.mark.parametrize(
    ("alphabet", "language", "text", "said"),
    [
        (ENGLISH, "en", "Hello — “world”…", "Hello, world."),
        (ENGLISH, "en", "Hello <s>", "Hello"),
        (ENGLISH, "en", "50% of $5 & more", "50 percent of 5 dollars and more"),
        (ENGLISH, "en", "café naïve", "cafe naive"),
        (ENGLISH, "en", "Привет, мир", "Privet, mir"),
        (ENGLISH, "en", "-n --help", "n help"),
        (ENGLISH, "en", "well-known", "well-known"),
        (ENGLISH, "en", "... !!!", ""),
        (ENGLISH, "en", "😀😀 日本", ""),
        (ENGLISH, "en", "so 😀 what", "so what"),
        (ENGLISH, "en", "[[h@l'oU]]", "h at l'oU"),
        (ENGLISH, "en", '(system "rm")', "system rm"),
        (ENGLISH, "en", "a\x00b\x1b[31mc\u200bd\ufeff\u00ade", "a b 31 mcde"),
        (RUSSIAN, "ru", "«Привет» — мир…", "Привет, мир."),
        (RUSSIAN, "ru", "раз,two.три!да", "раз, two. три! да"),
        (RUSSIAN, "ru", "Ёлка и\u0306 é", "Ёлка й e"),
        (RUSSIAN, "ru", "...", ""),
        (ENGLISH, "en", "Łódź straße Ελλάδα", "Lodz strasse Ellada"),
        (RUSSIAN, "ru", "Її їжак", "Йийи йижак"),
        (RUSSIAN, "ru", "ъ ь объезд", "объезд"),
        (ANY, "ru", "Привет 日本 [[x]] <b>", "Привет 日本 x b"),
        (ANY, "en", "👍", ""),
    ],
)
def test_normalise(alphabet: Alphabet, language: str, text: str, said: str) -> None:
    assert normalise(text, alphabet, language) == said


@pytest.mark.parametrize(
    ("alphabet", "language", "text", "said"),
    [
        (ANY, "", "Мороз -5", "Мороз минус 5"),
        (ANY, "", "frost -5", "frost minus 5"),
        (ANY, "", "-5", "minus 5"),
        (ANY, "de-at", "-5 °C", "minus 5 Grad Celsius"),
        (ANY, "fr", "-5 et 50% de 3,14 $", "moins 5 et 50 % de 3 virgule 14 $"),
        (ANY, "pl", "-5 i 3.14, 10-12", "minus 5 i 3 kropka 14, 10, 12"),
        (ANY, "ja", "-5 と 1,000.5", "マイナス 5 と 1000 テン 5"),
        (ANY, "ta", "-5", "minus 5"),
        (LETTERS_ONLY, "pl", "50% z $5", "50 z 5"),
        (ENGLISH, "ru", "5 %, -5", "5 protsentov, minus 5"),
        (RUSSIAN, "en", "-5 %", "minus five percent"),
        (ANY, "en", "12/24/2026", "December 24th, 2026"),
        (ANY, "en-gb", "12/11/2026", "November 12th, 2026"),
    ],
)
def test_the_words_are_the_languages_and_the_letters_are_the_voices(
    alphabet: Alphabet, language: str, text: str, said: str
) -> None:
    assert normalise(text, alphabet, language) == said


@settings(deadline=None)
@given(st.text(max_size=80))
@example("㍘ ㏩ ㎡ ㋀")  # whose parts are digits
def test_nothing_outside_the_alphabet_is_left(text: str) -> None:
    for alphabet, language in VOICES:
        said = normalise(text, alphabet, language)
        assert not said.startswith(("-", " "))
        assert all(alphabet.knows(c) or c in ".,!?;'- " for c in said)
        assert "[[" not in said
        if language and not any(c.isnumeric() for c in text):
            assert normalise(said, alphabet, language) == said


KEYBOARD = st.lists(
    st.sampled_from(
        [*"0123456789" * 2, *" .,:;-–—−+±/×÷·*=<>^%‰°$€£₽№#@&~'()[]xхeе",
         "½", "²", "⁻", "①", "٣", "５", "\u00a0", "\u2009", "10 000", "1,000", "1.000", "12:30",
         "-го", "nd", "руб.", "тыс.", " млн", "слово", "word", "\u0301", "\u20e3", " — ", " - "]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(KEYBOARD)
def test_digits_come_only_as_numbers_that_every_voice_reads(text: str) -> None:
    for alphabet, language in VOICES:
        said = normalise(text, alphabet, language)
        assert all(alphabet.knows(c) or c in ".,!?;'- " for c in said)
        numbers = "".join(c if c.isdigit() else " " for c in said).split()
        assert all(len(number) <= 9 for number in numbers)
        assert not any(len(number) > 1 and number.startswith("0") for number in numbers)
        for joint in "-'/.,:":
            assert not any(f"{digit}{joint}{other}" in said for digit in "05" for other in "05")
        assert normalise(f"{text} end", alphabet, language).endswith(("end", "енд"))


def test_endless_words_are_cut() -> None:
    for alphabet, language in VOICES:
        said = normalise("a" * 2000, alphabet, language)
        assert max(len(word) for word in said.split()) == LONGEST_WORD


# fmt: off
LONG = [
    "1", "1,", "1 000 ", "1 000 000 35 35 ", " 000",
    "1-", "12:30 ", "a", "-", " ", "'", ".", "a\u0301", "\u0301\u0323", "½",
    "+7 999 ", "(", "8 ", "$5", "5 кг.   ", "1 000 5", "1e-", "ъ ", "[[", "1" + " " * 50,
]
# fmt: on
"""What repeated makes a text that invites to look back or ahead without an end."""


@pytest.mark.parametrize("pattern", LONG)
def test_a_long_text_takes_time_in_proportion_to_its_length(pattern: str) -> None:
    def seconds(length: int) -> float:
        text = (pattern * length)[:length]
        began = time.process_time()
        normalise(text, RUSSIAN, "ru")
        return time.process_time() - began

    # Four times the length would take sixteen times as long if it went with the square.
    assert seconds(100_000) < 10 * max(seconds(25_000), 0.02)
