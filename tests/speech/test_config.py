"""The options of speech, checked when they are made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from pi_runtime.errors import UsageError
from pi_runtime.speech import SpeechConfig

FACTOR = "give a number from 0.1 to 10"
SECONDS = "give a number from 0 to 86400"
RATE = "give a whole number from 4000 to 192000"


@pytest.mark.parametrize(
    ("option", "values", "advice"),
    [
        ("engine", [None, 1, b"festival", ["festival"]], "give a string"),
        ("language", [None, 1, b"ru"], "give a string"),
        ("voice", [1, b"kal_diphone", ["kal_diphone"]], "give a string"),
        ("rate", ["1", None, True, [1.0], 0, 0.09, 10.1, float("nan"), float("inf")], FACTOR),
        ("pitch", ["1", None, False, (1.0,), 0, -1, 11, float("nan")], FACTOR),
        ("volume", ["1", None, True, 1j, 0.0, 1e9, float("nan")], FACTOR),
        ("loudness", ["-19", None, True, 0.1, -41, float("nan")], "give a number from -40 to 0"),
        ("sentence_time", ["60", None, True, -0.1, 86_401, float("nan")], SECONDS),
        ("pre_silence", ["0", None, True, -1, 1e9, float("nan")], SECONDS),
        ("sentence_silence", ["0", None, True, -1, 1e9, float("nan")], SECONDS),
        ("sample_rate", ["16000", True, 16_000.0, 3_999, 192_001, -1], RATE),
        ("command_rate", ["16000", True, 16_000.0, 3_999, 192_001, -1], RATE),
        ("max_sentence", ["300", None, True, 300.0, 0, -1, 10**9 + 1],
         "give a whole number from 1 to 1000000000"),
        ("command", [None, 1, b"cat"], "give a list of strings"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_that_says_what_to_give(
    option: str, values: list[Any], advice: str
) -> None:
    for value in values:
        with pytest.raises(UsageError) as caught:
            SpeechConfig(**{option: value})
        assert str(caught.value) == f"{option} is {value!r} – {advice}"


def test_a_command_is_split_as_a_shell_would() -> None:
    assert SpeechConfig(command="say -o {wav} 'two words'").command == (
        "say", "-o", "{wav}", "two words",
    )  # fmt: skip
    assert SpeechConfig(command=["say", "-o"]).command == ("say", "-o")
    with pytest.raises(UsageError, match=r"command is .*: no closing quotation – close every"):
        SpeechConfig(command="say 'two words")
    with pytest.raises(UsageError, match=r"command\[1\] is 1 – give a string"):
        SpeechConfig(command=["say", 1])  # type: ignore[list-item]


def test_the_bounds_themselves_are_allowed() -> None:
    for bound in (0.1, 10):
        SpeechConfig(rate=bound, pitch=bound, volume=bound)
    for bound in (-40, 0):
        SpeechConfig(loudness=bound)
    for bound in (0, 86_400):
        SpeechConfig(sentence_time=bound, pre_silence=bound, sentence_silence=bound)
    for rate in (4_000, 192_000):
        SpeechConfig(sample_rate=rate, command_rate=rate)
    SpeechConfig(max_sentence=1)


def test_numpys_numbers_are_numbers_and_are_kept_as_pythons() -> None:
    config = SpeechConfig(rate=np.float32(0.5), sample_rate=np.int64(8_000))  # type: ignore[arg-type]
    assert (type(config.rate), type(config.sample_rate)) == (float, int)
    assert (config.rate, config.sample_rate) == (0.5, 8_000)


def test_it_cannot_be_changed_and_a_changed_copy_is_checked() -> None:
    config = SpeechConfig()
    with pytest.raises(FrozenInstanceError):
        config.rate = 2.0  # type: ignore[misc]
    assert replace(config, rate=2).rate == 2.0
    with pytest.raises(UsageError, match="rate is 0"):
        replace(config, rate=0)


def test_the_engine_speaks_slower_where_a_pitch_will_make_it_faster() -> None:
    assert SpeechConfig(rate=1.5, pitch=2.0).engine_rate == 0.75
