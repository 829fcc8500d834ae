"""Any text, into real engines."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.speech.engines import Engine
from pi_runtime.speech.normalise import normalise
from tests.helpers.speech import NASTY, VOICES

EXAMPLES = int(os.environ.get("RNN_SPEECH_EXAMPLES", "15"))
"""2000 is the full measure: half an hour for festival's Russian voice."""

KILLERS = st.lists(
    st.sampled_from(
        ["—", "«", "»", "“", "”", "…", "...", "!!!", "%", "$", "@", ":", "/", "\\", "<", ">", "_",
         "é", "\u00a0", "\u00ad", "\u200d", "\ufeff", "\x00", "\x1b", "(", ")", '"', "'", "-",
         "[[", "]]", "😀", "日本", "\u0301", "3.14", "1,5", "т.е.", "слово", "word", "Ёж", "I", " ",
         "\n", "\n\n", "#<", '") (system "touch canary") ("', "0" * 30, "ъ", "ь", "q" * 90]
    ),
    max_size=10,
).map(" ".join) | st.text(max_size=40)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("name", "language"), VOICES[:5])
def test_any_text_with_something_to_say_is_heard(
    engine: Callable[..., Engine],
    name: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    voice = engine(name, language)

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(KILLERS)
    def check(text: str) -> None:
        said = normalise(text, voice.alphabet, voice.language)
        words = any(
            c.isalpha() and voice.alphabet.knows(c) and c not in voice.alphabet.silent for c in text
        )
        assert said or not words, "a sentence with words is never lost"
        if said:
            assert voice.synthesize(said).samples

    check()
    assert not list(tmp_path.iterdir()), "no command was run"


@pytest.mark.parametrize(("name", "language"), VOICES)
def test_no_text_breaks_an_engine_or_runs_a_command(
    engine: Callable[..., Engine],
    name: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    voice = engine(name, language)
    word = {"en": "Evening", "ru": "Вечер"}[language]
    for text in NASTY:
        said = normalise(f"{word} {text}", voice.alphabet, voice.language)
        assert word in said
        assert voice.synthesize(said).seconds > 0.2, text
    assert not list(tmp_path.iterdir())
