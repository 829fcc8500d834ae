"""The parser: what was given, and which spellings mean the same."""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.cli.arguments import add_model, add_quiet, count, number
from pi_runtime.cli.generation_arguments import add_generation, schedule
from pi_runtime.cli.parser import Parser
from pi_runtime.errors import UsageError


def parser() -> Parser:
    made = Parser("rnn-test", "What for.", "  rnn-test")
    add_model(made)
    add_generation(made)
    add_quiet(made)
    made.add_argument("-0", "--null", action="store_true")
    made.add_argument("--list", nargs="?", const="all", metavar="L")
    made.add_argument("--color", action=argparse.BooleanOptionalAction)
    return made


def read(*argv: str) -> Any:
    return parser().parse_args(list(argv))


def test_what_is_given_is_known_at_its_default_too() -> None:
    args = read("m.tflite", "-n", "1", "--temperature=1.0,0.5,0.2,0.2")
    assert args.given == {"model": "MODEL", "n": "-n", "temperature": "--temperature"}
    assert read().given == {}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-n", "5"], {"n": 5}),
        (["-n5"], {"n": 5}),
        (["-n=5"], {"n": 5}),
        (["-qn5", "m"], {"n": 5, "quiet": True, "model": "m"}),
        (["-qn=5"], {"n": 5, "quiet": True}),
        (["-q0"], {"null": True, "quiet": True}),
        (["--temperature", "0", "-0"], {"temperature": (0.0,), "null": True}),
        (["--list"], {"list": "all"}),
        (["--list", "x"], {"list": "x"}),
        (["--list=x", "m"], {"list": "x", "model": "m"}),
        (["--list", "--", "m"], {"list": "all", "model": "m"}),
        (["--", "-m"], {"model": "-m"}),
        (["--no-color"], {"color": False}),
        (["--prefix", "- a"], {"prefix": "- a"}),
        (["--prefix", "-"], {"prefix": "-"}),
        (["--prefix="], {"prefix": ""}),
        (["--prefix", ""], {"prefix": ""}),
        (["--prefix", "-1"], {"prefix": "-1"}),
        (["--prefix=--seed"], {"prefix": "--seed"}),
        (["--prefix=--"], {"prefix": "--"}),
        (["--list=--", "m"], {"list": "--", "model": "m"}),
    ],
)
def test_spellings(argv: list[str], expected: dict[str, object]) -> None:
    args = read(*argv)
    assert {name: getattr(args, name) for name in expected} == expected


# The first text that Hypothesis draws takes a second.
AT_LEISURE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.sampled_from(["-n", "--prefix", "--seed", "--temperature", "--max-gen-length"])
VALUES = {
    "-n": st.integers(1, 99).map(str),
    "--seed": st.integers(0, 2**32 - 1).map(str),
    "--max-gen-length": st.integers(1, 999).map(str),
    "--temperature": st.lists(st.floats(0.01, 9), min_size=1).map(
        lambda floats: ",".join(f"{t:f}" for t in floats)
    ),
    "--prefix": st.text(),
}


@AT_LEISURE
@given(st.data())
def test_attached_and_apart_options_in_any_order_mean_the_same(data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, unique=True))
    values = {name: data.draw(VALUES[name]) for name in names}
    attached = [f"{name}={value}" for name, value in values.items()]
    args = read(*data.draw(st.permutations([*attached, "m.tflite"])))
    assert len(args.given) == len(names) + 1
    assert args.prefix == values.get("--prefix")
    apart = [part for name, value in values.items() for part in (name, value)]
    if not values.get("--prefix", "").startswith("-"):
        other = read("m.tflite", *apart)
        assert {**vars(other), "given": 0} == {**vars(args), "given": 0}


@AT_LEISURE
@given(NAMES, st.data())
def test_whatever_is_given_twice_is_refused_but_for_the_prefix(
    name: str, data: st.DataObject
) -> None:
    argv = [f"{name}={data.draw(VALUES[name])}" for _ in range(2)]
    if name == "--prefix":
        assert read(*argv).prefix == argv[1].partition("=")[2]
        return
    with pytest.raises(UsageError, match=f"{name} is given twice – give it once"):
        read(*argv)


@AT_LEISURE
@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_any_words_are_arguments_or_an_error_of_one_line(argv: list[str]) -> None:
    try:
        read(*argv)
    except UsageError as error:
        assert error.what
        assert error.todo
        for word in ("argument --", "expected", "unrecognized", "invalid"):
            assert word not in str(error) or any(word in given for given in argv)


# --- numbers -------------------------------------------------------------------------------------

PART = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True)


@AT_LEISURE
@given(st.lists(PART, min_size=1, max_size=6))
def test_a_schedule_is_what_it_says_unless_its_commas_may_be_decimal(parts: list[str]) -> None:
    text = ",".join(parts)
    if any("." not in one and "." not in other for one, other in pairwise(parts)):
        with pytest.raises(UsageError, match=r"temperature .* may be .* – (write|give every)"):
            schedule(text)
    else:
        assert schedule(text) == tuple(float(part) for part in parts)


@AT_LEISURE
@given(PART, PART)
def test_the_advice_on_a_decimal_comma_is_a_schedule(one: str, other: str) -> None:
    one, other = one.partition(".")[0], other.partition(".")[0]
    with pytest.raises(UsageError) as caught:
        schedule(f"{one},{other}")
    first, _, second = caught.value.todo.removeprefix("write ").partition(", or ")
    assert schedule(first) == (float(f"{one}.{other}"),)
    assert schedule(second) == (float(one), float(other))


@AT_LEISURE
@given(st.integers(0, 9), st.integers(0, 999))
def test_the_advice_on_a_decimal_comma_is_the_number(whole: int, part: int) -> None:
    with pytest.raises(UsageError) as caught:
        number("--rate", 0, 10)(f"{whole},{part}")
    assert caught.value.what == f"--rate is '{whole},{part}'"
    assert caught.value.todo == f"write {whole}.{part}"


@pytest.mark.parametrize("text", ["", " ", "1 000", "1,5", "١", "1_0", "0x1", "+1", "1e3"])
def test_whole_numbers_are_digits(text: str) -> None:
    with pytest.raises(UsageError, match=r"-n is .* – give a whole number from 1"):
        count("-n")(text)


def test_names_of_files_are_no_options(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").touch()
    args = read("--prefix", "Once", str(tmp_path / "a.tflite"))
    assert args.model == str(tmp_path / "a.tflite")
