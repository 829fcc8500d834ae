"""The language of a text, by its script."""

from __future__ import annotations

import pytest

from pi_runtime.speech.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello", "en"), ("Привет abc", "ru"), ("γειά σου", "el"), ("你好", "cmn"), ("123", "xx")],
)
def test_language(text: str, language: str) -> None:
    assert language_of([text], default="xx") == language
