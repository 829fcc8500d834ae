"""What a caller may ask for, and in which words what cannot be right is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pi_runtime import SamplingParams, TextGenerator, UsageError, checks
from pi_runtime.generation.interactive import InteractiveText
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import run_command
from tests.helpers.texts import reference_generator

TEXTS = reference_generator()
DEFAULT_SCHEDULE = (1.0, 0.5, 0.2, 0.2)

CALLS: dict[str, Callable[..., object]] = {
    "generate": TEXTS.generate,
    "stream": TEXTS.stream,
    "texts": TEXTS.texts,
}
"""`stream` and `texts` refuse when they are called, not when the first text is wanted."""


def refusal(call: Callable[..., object], **arguments: Any) -> str:
    """Return the one line with which a call is refused."""
    with pytest.raises(UsageError) as caught:
        call(**arguments)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    return str(caught.value)


def test_defaults_are_textgenrnns() -> None:
    params = SamplingParams()
    assert params.temperature == DEFAULT_SCHEDULE
    assert params.max_gen_length == 300
    assert TEXTS.generate(seed=1) == TEXTS.generate(
        1, None, [1.0, 0.5, 0.2, 0.2], max_gen_length=300, seed=1
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.5, (0.5,)),
        (1, (1.0,)),
        (0, (0.0,)),
        (None, (0.0,)),
        ([0.5, None, 1], (0.5, 0.0, 1.0)),
        ((0.2,), (0.2,)),
        (np.float32(0.5), (0.5,)),
        (np.int64(1), (1.0,)),
        (np.array(0.5), (0.5,)),
        (np.array([0.5, 0.25]), (0.5, 0.25)),
        (np.array([1, 0]), (1.0, 0.0)),
        (range(2), (0.0, 1.0)),
        (Fraction(1, 4), (0.25,)),
        (Decimal("0.5"), (0.5,)),
    ],
)
def test_a_temperature_is_kept_as_a_tuple_of_floats(given: Any, kept: tuple[float, ...]) -> None:
    params = SamplingParams(temperature=given)
    assert params.temperature == kept
    assert isinstance(params.temperature, tuple)
    assert {type(t) for t in params.temperature} == {float}
    expected = TEXTS.generate(temperature=list(kept), max_gen_length=20, seed=1)
    assert TEXTS.generate(temperature=given, max_gen_length=20, seed=1) == expected


def test_none_is_the_coldest_temperature() -> None:
    cold = TEXTS.generate(temperature=0, max_gen_length=20, seed=1)
    assert TEXTS.generate(temperature=None, max_gen_length=20, seed=2) == cold


@pytest.mark.parametrize(
    "wrong",
    [
        "0.5",
        "hot",
        "",
        b"0.5",
        -0.1,
        math.nan,
        math.inf,
        -math.inf,
        True,
        [],
        (),
        np.array([]),
        [0.5, math.inf],
        [0.5, -1],
        [0.5, "0.5"],
        [0.5, True],
        [[0.5]],
        np.array([[0.5], [0.2]]),
        1j,
        10**400,
        [10**5000],
        Decimal("nan"),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("call", CALLS)
def test_a_temperature_that_cannot_be_right(call: str, wrong: Any) -> None:
    said = refusal(CALLS[call], temperature=wrong)
    assert said.startswith("temperature is ")
    assert said.endswith("– give a number from 0 up, or a list of them")
    assert refusal(SamplingParams, temperature=wrong) == said


@pytest.mark.parametrize("name", ["max_gen_length", "n", "seed"])
def test_numpys_whole_numbers_are_whole_numbers(name: str) -> None:
    settings: dict[str, Any] = {"n": 2, "max_gen_length": 20, "seed": 1}
    expected = TEXTS.generate(**settings)
    for kind in (np.int64, np.uint8, np.array):
        assert TEXTS.generate(**{**settings, name: kind(settings[name])}) == expected


WHOLE_NUMBERS = {
    "max_gen_length": (1, 10**9),
    "n": (1, 10**9),
    "seed": (0, 2**32 - 1),
}


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
@pytest.mark.parametrize(
    "wrong",
    [5.5, 5.0, np.float64(5), Fraction(5), "5", b"5", "", True, False, [5], np.array([5]), 1j,
     math.nan, object(), -1, -(10**30), 10**30, 10**5000],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_whole_number_that_cannot_be_right(name: str, wrong: Any) -> None:
    least, most = WHOLE_NUMBERS[name]
    said = refusal(TEXTS.generate, **{name: wrong})
    assert said.startswith(f"{name} is ")
    assert said.endswith(f"– give a whole number from {least} to {most}")


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_bounds_belong_to_what_is_allowed(name: str) -> None:
    check = {
        "max_gen_length": checks.max_gen_length,
        "n": checks.text_count,
        "seed": checks.seed,
    }[name]
    least, most = WHOLE_NUMBERS[name]
    assert (check(least), check(most)) == (least, most)
    for beyond in (least - 1, most + 1):
        with pytest.raises(UsageError, match=f"{name} is {beyond} "):
            check(beyond)


def test_max_gen_length_and_n_are_not_optional() -> None:
    assert refusal(TEXTS.generate, n=None).startswith("n is None")
    assert refusal(TEXTS.generate, max_gen_length=None).startswith("max_gen_length is None")


@pytest.mark.parametrize("wrong", [["a", "b"], ("e",), b"e", 5, 5.5, True, {"e": 1}, object()])
@pytest.mark.parametrize("call", [*CALLS, "interactive"])
def test_a_prefix_is_a_string(call: str, wrong: Any) -> None:
    begin = CALLS.get(call, lambda prefix: InteractiveText(TEXTS, prefix))
    said = refusal(begin, prefix=wrong)
    assert said.startswith("prefix is ")
    assert said.endswith("– give a string")


def test_numpys_strings_are_strings() -> None:
    expected = TEXTS.generate(prefix="ea", seed=1)
    assert TEXTS.generate(prefix=np.str_("ea"), seed=1) == expected


@pytest.mark.parametrize("wrong", [-1, 1.0, "0", None, True])
def test_the_index_of_a_text_is_a_whole_number(wrong: Any) -> None:
    assert refusal(TEXTS.stream, index=wrong).startswith("index is ")


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", None, True])
def test_threads_are_a_whole_number(wrong: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    load: Callable[..., object] = TextGenerator.load
    assert refusal(load, path=path, threads=wrong).startswith("threads is ")


def test_params_are_all_options_at_once() -> None:
    params = SamplingParams(temperature=0.7, max_gen_length=20)
    expected = TEXTS.generate(2, "e", temperature=0.7, max_gen_length=20, seed=1)
    assert TEXTS.generate(2, "e", seed=1, params=params) == expected
    assert list(TEXTS.texts(2, "e", seed=1, params=params)) == expected
    assert "".join(TEXTS.stream("e", seed=1, params=params)) == expected[0]


def test_params_can_be_written_to_a_file(tmp_path: Path) -> None:
    params = SamplingParams(temperature=0.7, max_gen_length=20)
    TEXTS.generate_to_file(tmp_path / "a.txt", 2, seed=1, params=params)
    TEXTS.generate_to_file(tmp_path / "b.txt", 2, temperature=0.7, max_gen_length=20, seed=1)
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


@pytest.mark.parametrize(
    "other", [{"temperature": 0.5}, {"temperature": None}, {"max_gen_length": 9}]
)
@pytest.mark.parametrize("call", CALLS)
def test_params_together_with_what_is_in_them_are_refused(call: str, other: dict[str, Any]) -> None:
    said = refusal(CALLS[call], params=SamplingParams(), **other)
    assert said == "params and temperature or max_gen_length are given – put them into params"


@pytest.mark.parametrize("wrong", [{"temperature": 0.5}, 0.5, SamplingParams, ()])
def test_params_are_of_their_class(wrong: Any) -> None:
    assert refusal(TEXTS.generate, params=wrong).endswith("– give a SamplingParams")


def test_params_do_not_change() -> None:
    params = SamplingParams(0.5)
    with pytest.raises(AttributeError):
        params.temperature = 0.7  # type: ignore[misc]
    assert params == SamplingParams([0.5])
    assert hash(params) == hash(SamplingParams((0.5,)))
    given = [1.0, 0.5]
    kept = SamplingParams(given)
    given.append(0.2)
    assert kept.temperature == (1.0, 0.5)


def test_the_schedule_is_cycled_from_the_start_token() -> None:
    params = SamplingParams([1.0, 0.5, 0.2])
    drawn_at = [params.temperature_at(length) for length in range(1, 8)]
    assert drawn_at == [1.0, 0.5, 0.2, 1.0, 0.5, 0.2, 1.0]


@pytest.mark.parametrize("wrong", ["0.5", [], [0.5, -1], [0.5, "x"]])
def test_the_temperatures_of_samples_are_temperatures(wrong: Any) -> None:
    assert refusal(TEXTS.generate_samples, temperatures=wrong).startswith("temperature is ")


def test_samples_are_keyed_by_their_temperature() -> None:
    temperatures: Any = np.array([0.5, 1.0])
    found = TEXTS.generate_samples(1, temperatures, max_gen_length=9, seed=1)
    assert found == {t: TEXTS.generate(temperature=t, max_gen_length=9, seed=1) for t in (0.5, 1.0)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    return path


@pytest.mark.parametrize(
    ("option", "argument", "wrong"),
    [
        ("--temperature", "hot", "hot"),
        ("--temperature", "-1", [-1.0]),
        ("--temperature", "0.5,nan", [0.5, math.nan]),
        ("--max-gen-length", "0", 0),
        ("--max-gen-length", "5.5", "5.5"),
        ("-n", "0", 0),
        ("-n", "1e3", "1e3"),
        ("-n", "1000000001", 10**9 + 1),
        ("--seed", "-1", -1),
        ("--seed", "4294967296", 2**32),
    ],
)
def test_the_command_refuses_in_the_words_of_the_library(
    option: str, argument: str, wrong: Any, model: Path
) -> None:
    name = option.lstrip("-").replace("-", "_")
    with pytest.raises(UsageError) as caught:
        TEXTS.generate(**{name: wrong})
    done = run_command("rnn-generate", model, f"{option}={argument}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    # With the option's name, and what was typed.
    assert line.startswith(f"error: {option} is ")
    assert line.endswith(f" – {caught.value.todo}")
