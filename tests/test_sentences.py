"""A stream of text cut into sentences."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.sentences import OpenSentence, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Pi is 3.14 or so. Yes.", ["Pi is 3.14 or so.", "Yes."]),
        ("Dr. Who met Mr. J. Smith. He left.", ["Dr. Who met Mr. J. Smith.", "He left."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("Wait... what?! No…", ["Wait...", "what?!", "No…"]),
        ("Привет, мир. Как дела? В 1833 г. он", ["Привет, мир.", "Как дела?", "В 1833 г. он"]),
        ("Пять руб. и 20 коп. всего. «Да.» Нет", ["Пять руб. и 20 коп. всего.", "«Да.»", "Нет"]),
        ("一句话。第二句！「好。」完", ["一句话。", "第二句！", "「好。」", "完"]),
        ("line one\nline two\n\n", ["line one", "line two"]),
        ("См. стр. 5, рис. 3. Да", ["См. стр. 5, рис. 3.", "Да"]),
        ("ул. Ленина, д. 5, кв. 7. Да", ["ул. Ленина, д. 5, кв. 7.", "Да"]),
        ("Дом № 5. 10 человек", ["Дом № 5.", "10 человек"]),
        ("1. First. 2. Second.", ["1. First.", "2. Second."]),
        ("I have 5. You have 6.", ["I have 5.", "You have 6."]),
        ("No. 5 is alive. No. Never.", ["No. 5 is alive.", "No.", "Never."]),
        ("At 5 p.m. it ends. T. e. 5.", ["At 5 p.m. it ends.", "T. e. 5."]),
        ("В 1939–1945 гг. и т. е. 5 млн. Да", ["В 1939–1945 гг. и т. е. 5 млн. Да"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert list(split_sentences([text])) == sentences


def test_text_without_stops_is_cut_at_a_comma_then_a_space_then_anywhere() -> None:
    assert list(split_sentences(["aaaa bbbb, cccc dddd eeee"], limit=16)) == [
        "aaaa bbbb,",
        "cccc dddd eeee",
    ]
    assert list(split_sentences(["aaaa bbbb cccc dddd"], limit=12)) == ["aaaa bbbb", "cccc dddd"]
    assert list(split_sentences(["x" * 25], limit=10)) == ["x" * 10, "x" * 10, "x" * 5]


def test_no_number_is_cut_that_has_an_end() -> None:
    assert list(split_sentences(["aaa bbb 10 000 ccc"], limit=11)) == ["aaa bbb", "10 000 ccc"]
    assert list(split_sentences(["aaaaaa, 1 000 000 ccc"], limit=14)) == [
        "aaaaaa,",
        "1 000 000 ccc",
    ]
    assert list(split_sentences(["aaaaaaaaaa1939–1945"], limit=13)) == ["aaaaaaaaaa", "1939–1945"]
    assert list(split_sentences(["1" * 15], limit=10)) == ["1" * 10, "1" * 5]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*"aБ .!?…\"')»。」\n,1г", "No.", " 1 000", "стр."]), max_size=60).map(
        "".join
    ),
    st.lists(st.integers(1, 9), max_size=40),
    st.integers(5, 30),
)
def test_sentences_do_not_depend_on_how_the_stream_was_cut(
    text: str, sizes: list[int], limit: int
) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    pieces.append(text[at:])
    whole = list(split_sentences([text], limit))
    assert list(split_sentences(pieces, limit)) == whole
    assert "".join("".join(whole).split()) == "".join(text.split()), "nothing is lost"
    assert all(len(sentence) <= limit + 1 for sentence in whole)


def test_a_sentence_is_out_as_soon_as_the_next_begins() -> None:
    drawn: list[str] = []

    def pieces() -> Iterator[str]:
        for character in "One. Two. Three.":
            drawn.append(character)
            yield character

    assert next(split_sentences(pieces())) == "One."
    assert "".join(drawn) == "One. "


@pytest.mark.parametrize("piece", ["word ", "word dr. ", "5. 6. ", '". ', "x"])
def test_a_text_that_does_not_end_takes_time_in_proportion(piece: str) -> None:
    def seconds(characters: int) -> float:
        sentence, text = OpenSentence(), (piece * characters)[:characters]
        began = time.process_time()
        for character in text:
            sentence.push(character)
        return time.process_time() - began

    # Four times the length would take sixteen times as long if it went with the square.
    assert seconds(80_000) < 10 * max(seconds(20_000), 0.02)
