"""The control socket's language: what is a request, and how much a stranger may ask for."""

from __future__ import annotations

import contextlib
import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import sample
from pi_runtime.service.limits import (
    LETTERS,
    MAX_TEMPERATURE,
    STOP_LETTERS,
    STOPS,
    TEMPERATURES,
    TEXTS,
    TOKENS,
)
from pi_runtime.service.protocol import SAMPLING, Request, parse_request


def parsed(**members: object) -> Request:
    return parse_request(json.dumps({"v": 1, **members}).encode())


def test_a_request_is_read() -> None:
    line = b'{"v": 1, "do": "generate", "n": 3, "prefix": "a", "temperature": 1, "seed": 7}'
    sampling = {"temperature": (1.0,)}
    assert parse_request(line) == Request("generate", n=3, prefix="a", seed=7, sampling=sampling)


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"do": "status"},
        {"v": 2, "do": "status"},
        {"v": 1, "do": "shell"},
        {"v": 1, "do": ["status"]},
        {"v": 1, "do": "status", "more": 1},
        {"v": 1, "do": "say"},
        {"v": 1, "do": "say", "text": " "},
        {"v": 1, "do": "say", "text": 5},
        {"v": 1, "do": "say", "text": "x" * (LETTERS + 1)},
        {"v": 1, "do": "say", "text": "x", "engine": "command"},
        {"v": 1, "do": "generate", "n": 0},
        {"v": 1, "do": "generate", "n": True},
        {"v": 1, "do": "generate", "n": TEXTS + 1},
        {"v": 1, "do": "generate", "n": TEXTS, "max_gen_length": 50_000},
        {"v": 1, "do": "generate", "temperature": -1},
        {"v": 1, "do": "generate", "temperature": []},
        {"v": 1, "do": "generate", "temperature": float("nan")},
        {"v": 1, "do": "generate", "seed": 2**32},
        {"v": 1, "do": "generate", "max_gen_length": 1e3},
        {"v": True, "do": "status"},
        {"v": 1.0, "do": "status"},
        {"v": 1, "do": "say", "text": "half a \ud83d"},
        {"v": 1, "do": "generate", "prefix": "\udc80"},
    ],
)
def test_a_request_out_of_bounds_is_refused(message: object) -> None:
    with pytest.raises(UsageError):
        parse_request(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"v": 1, "do": "generate", "n": 1, "n": 2}', "'n' twice"),
        (b'{"v": 1, "do": "generate", "temperature": NaN}', "NaN, which is not JSON"),
        (b'{"v": 1, "do": "generate", "temperature": [-Infinity]}', "-Infinity"),
        (b'{"v": 1, "do": "generate", "temperature": 1e999}', "temperature is inf"),
        (b'{"v": 1, "do": "generate", "temperature": 1e-310}', "give 0, or at least 1e-307"),
        (b'{"v": 1, "do": "generate", "seed": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"v": 1, "do": "generate", "seed": ' + b"9" * 4000 + b"}", "seed is 999"),
        (b'{"v": 1, "do": ' + b"[" * 60_000, "not JSON"),
        (b'{"v": 1, "do": "status", "\\ud800\\u001b[2J": 1}', r"'\\ud800\\x1b[2J'"),
        ('{"v": 1, "do": "status"}'.encode("utf-16"), "not JSON"),
        (b'\xef\xbb\xbf{"v": 1, "do": "status"}', "not JSON"),
        (b'"status"', "not an object"),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_what_only_looks_like_a_request_is_refused_with_the_reason(line: bytes, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_request(line)
    assert why in str(refused.value)
    assert str(refused.value).isprintable()


def test_the_least_temperature_is_computed_and_less_is_refused() -> None:
    """Below it `log(p + 1e-7) / t` overflows, and the sampler would divide nothing by nothing."""
    random = random_stream(1)
    for probabilities in ([0.0, 0.5, 0.3, 0.2], [0.0, 1.0, 0.0, 0.0], [0.4, 0.6, 0.0, 0.0]):
        drawn = sample(np.array(probabilities, np.float32), checks.LEAST_TEMPERATURE, random)
        assert drawn == 1
    for refused in (np.nextafter(checks.LEAST_TEMPERATURE, 0), 5e-324):
        with pytest.raises(UsageError, match="give 0, or at least"):
            SamplingParams(temperature=[1.0, refused])


TRUTHS = ("finish_sentence", "skip_fragment", "unescape", "keep_stop")
COUNTS = ("top_k", "repetition_window", "min_length", "max_words", "original")

WRONG: dict[str, list[Any]] = {
    "temperature": [
        "0.5",
        "1..",
        "..",
        "1..2..3",
        "0..x",
        "-1..1",
        "0..1e7",
        "1e-7..1",
        True,
        -1,
        1e-310,
        10**400,
        [],
        [1, None, "x"],
        [[1]],
        {"a": 1},
    ],
    "max_gen_length": ["5", True, 0, -1, 1.5, None, [5], 10**12],
    **{key: ["yes", 1, 0, None, []] for key in TRUTHS},
    **{key: ["1", True, -1, 1.5, None, [5], 10**12] for key in COUNTS},
    **{key: ["0.5", True, -0.1, 1.1, None, [0.5]] for key in ("top_p", "min_p")},
    "repetition_penalty": ["1", True, 0, -1, 101, None],
    "tries": ["1", True, 0, -1, 1.5, None, 10**7],
    "forbid": [None, 1, ["a"]],
    "allow": [None, 1, ["a"]],
    "stop_at": ["a", None, 1, [1], [""], ["a", None], {"a": 1}],
}
"""By member of `SamplingParams`: what nobody may give."""

TOO_MUCH: dict[str, list[Any]] = {
    "temperature": [2 * MAX_TEMPERATURE, [0.5] * (TEMPERATURES + 1)],
    "max_gen_length": [TOKENS + 1],
    "forbid": ["x" * (LETTERS + 1), "\ud800"],
    "allow": ["x" * (LETTERS + 1), "\udc00"],
    "stop_at": [["x"] * (STOPS + 1), ["x" * (STOP_LETTERS + 1)], ["\ud800"]],
    **{key: [] for key in (*TRUTHS, *COUNTS, "top_p", "min_p", "repetition_penalty", "tries")},
}
"""What the owner may give and a stranger may not."""


def every(values: dict[str, list[Any]]) -> pytest.MarkDecorator:
    cases = [(name, value) for name, some in values.items() for value in some]
    ids = [f"{name}-{value!r:.20}" for name, value in cases]
    return pytest.mark.parametrize(("name", "value"), cases, ids=ids)


def test_every_member_of_the_sampling_params_is_held_to_its_bounds() -> None:
    """A new member must be added to both tables above, or nothing is known of its bounds."""
    members = {option.name for option in fields(SamplingParams)}
    assert set(WRONG) == set(TOO_MUCH) == SAMPLING == members - {"reject"}


def test_a_stranger_may_not_send_an_expression_which_may_take_for_ever() -> None:
    for do in ("generate", "speak"):
        with pytest.raises(UsageError, match=f"^{do} has no 'reject'"):
            parsed(do=do, reject=["(a+)+b"])


@every(WRONG)
def test_what_nobody_may_give_is_refused_in_the_words_of_the_library(
    name: str, value: object
) -> None:
    with pytest.raises(UsageError) as said:
        SamplingParams(**{name: value})  # type: ignore[arg-type]
    for do in ("generate", "speak"):
        with pytest.raises(UsageError) as refused:
            parsed(do=do, **{name: value})
        assert str(refused.value) == str(said.value)


@every(TOO_MUCH)
def test_a_stranger_may_not_ask_for_all_that_the_owner_may(name: str, value: object) -> None:
    SamplingParams(**{name: value})  # type: ignore[arg-type]
    for do in ("generate", "speak"):
        with pytest.raises(UsageError):
            parsed(do=do, **{name: value})


def test_a_stranger_may_ask_for_just_as_much_as_the_limits_say() -> None:
    largest = {
        "temperature": [MAX_TEMPERATURE] * TEMPERATURES,
        "max_gen_length": TOKENS // TEXTS,
        "forbid": "x" * LETTERS,
        "stop_at": ["x" * (STOP_LETTERS // STOPS)] * STOPS,
    }
    request = parsed(do="generate", n=TEXTS, prefix="x" * LETTERS, **largest)
    assert SamplingParams(**request.sampling) == SamplingParams(**largest)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        parsed(do="generate", n=TEXTS, max_gen_length=TOKENS // TEXTS + 1)
    assert parsed(do="say", text="x" * LETTERS).text


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_comes_is_read_or_refused(line: bytes) -> None:
    with contextlib.suppress(UsageError):
        assert parse_request(line).do


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["generate", "speak"]),
    st.dictionaries(
        st.sampled_from(sorted(SAMPLING)),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: st.lists(inner, max_size=3),
        ),
    ),
)
def test_whatever_the_sampling_is_it_is_read_or_refused(do: str, members: dict[str, Any]) -> None:
    with contextlib.suppress(UsageError):
        assert set(parsed(do=do, **members).sampling) == set(members)
