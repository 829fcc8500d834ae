"""What of a text may reach an engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.speech.normalise import ANY, ENGLISH, RUSSIAN, Alphabet, sanitise


@pytest.mark.parametrize(
    ("alphabet", "text", "said"),
    [
        (ENGLISH, "Hello — “world”…", "Hello, world."),
        (ENGLISH, "Hello <s>", "Hello"),
        (ENGLISH, "50% of $5 & more", "50 percent of dollars 5 and more"),
        (ENGLISH, "café naïve", "cafe naive"),
        (ENGLISH, "Привет, мир", "Privet, mir"),
        (ENGLISH, "-n --help", "n help"),
        (ENGLISH, "well-known", "well-known"),
        (ENGLISH, "... !!!", ""),
        (ENGLISH, "😀😀 日本", ""),
        (ENGLISH, "so 😀 what", "so what"),
        (ENGLISH, "[[h@l'oU]]", "h at l'oU"),
        (ENGLISH, '(system "rm")', "system rm"),
        (ENGLISH, "a\x00b\x1b[31mc\u200bd\ufeff\u00ade", "a b 31mcde"),
        (RUSSIAN, "«Привет» — мир…", "Привет, мир."),
        (RUSSIAN, "раз,two.три 3.14 и 1,5!да", "раз, two. три 3 точка 14 и 1 запятая 5! да"),
        (RUSSIAN, "5 % и 3 ₽", "5 процентов и 3 рублей"),
        (RUSSIAN, "Ёлка и\u0306 é", "Ёлка й e"),
        (RUSSIAN, "...", ""),
        (ENGLISH, "1,000 and -5 and ½", "1000 and minus 5 and 1 2"),
        (ENGLISH, "Łódź straße Ελλάδα", "Lodz strasse Ellada"),
        (RUSSIAN, "Її їжак -5", "Йийи йижак минус 5"),
        (ANY, "50% of $5", "50% of $5"),
        (RUSSIAN, "ъ ь объезд 000 1000", "объезд 0 0 0 1000"),
        (RUSSIAN, "12345678912", "123456789 12"),
        (ANY, "Привет 日本 [[x]] <b>", "Привет 日本 x b"),
        (ANY, "👍", ""),
    ],
)
def test_sanitise(alphabet: Alphabet, text: str, said: str) -> None:
    assert sanitise(text, alphabet) == said


@given(st.text(max_size=80))
def test_nothing_outside_the_alphabet_is_left(text: str) -> None:
    for alphabet in (ENGLISH, RUSSIAN, ANY):
        said = sanitise(text, alphabet)
        assert not said.startswith(("-", " "))
        assert all(alphabet.knows(c) or c in ".,!?;'- " for c in said)
        assert sanitise(said, alphabet) == said


def test_endless_words_are_cut() -> None:
    assert max(len(word) for word in sanitise("a" * 2000, ENGLISH).split()) == 40
