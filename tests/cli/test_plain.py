"""Common calls are read without argparse, and mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.cli.generate_options import check_options, generate_parser
from pi_runtime.cli.plain import DEFAULTS, read_plain
from pi_runtime.errors import UsageError


def read_in_full(argv: list[str]) -> dict[str, Any]:
    args = generate_parser().parse_args(argv)
    check_options(args)
    return dict(vars(args))


def test_an_empty_call_is_plain() -> None:
    found = read_plain([])
    assert found is not None
    assert vars(found) == read_in_full([]) == {**DEFAULTS, "given": {}}


VALUES = {
    "-n": st.integers(1, 10**9).map(str),
    "--seed": st.integers(0, 2**32 - 1).map(str),
    "--max-gen-length": st.integers(1, 10**9).map(str),
    "--temperature": st.lists(st.floats(0.01, 9).map(lambda t: f"{t:.3f}"), min_size=1).map(
        ",".join
    ),
    "--prefix": st.text().filter(lambda text: not text.startswith("-")),
    "--backend": st.sampled_from(["auto", "numpy", "tflite"]),
}
OPTIONS = st.one_of(
    *(
        st.one_of(
            values.map(lambda value, name=name: [name, value]),  # type: ignore[misc]
            values.map(lambda value, name=name: [f"{name}={value}"]),  # type: ignore[misc]
        )
        for name, values in VALUES.items()
    ),
    st.sampled_from([["-q"], ["--quiet"], ["--local"]]),
)
MODELS = st.sampled_from([[], ["m.tflite"], ["a b"], ["ё.tflite"]])


def once_each(options: list[list[str]]) -> list[str]:
    found = {option[0].partition("=")[0].replace("--quiet", "-q"): option for option in options}
    return [word for option in found.values() for word in option]


@settings(deadline=None)
@given(MODELS, st.lists(OPTIONS, max_size=6).map(once_each))
def test_it_is_read_as_argparse_reads_it(model: list[str], options: list[str]) -> None:
    found = read_plain([*model, *options])
    assert found is not None
    assert vars(found) == read_in_full([*model, *options])
    assert list(found.given) == list(read_in_full([*model, *options])["given"])


WORDS = st.one_of(
    st.sampled_from(
        [*VALUES, "-q", "--quiet", "--local", "--service", "--json", "-o", "--help", "--", "-", ""]
    ),
    st.sampled_from(["--seed=", "--n", "-n5", "--local=1", "--quiet=", "–q", "poems", "control"]),
    st.sampled_from(
        ["m.tflite", "7", "-7", "0.5", "0,5", "1.0,0.5", "0.2..1.0", "1e3", "٣", "nan"]
    ),
    st.sampled_from(["99999999999", "\udcff", " 7", "1_0", ".", "1.", ".5", "--seed=7", "inf"]),
    st.text(max_size=3),
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=5))
def test_whatever_else_is_left_to_argparse(argv: list[str]) -> None:
    """It never understands what argparse refuses, or otherwise."""
    found = read_plain(argv)
    if found is not None:
        assert vars(found) == read_in_full(argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["--seed", "-1"],
        ["--temperature", "0,5"],
        ["--seed", "1", "--seed", "2"],
        ["--prefix", "two", "words"],
        ["m.tflite", "--service", "poems"],
        ["--sed", "7"],
        ["--backend", "fast"],
    ],
)
def test_a_mistake_is_argparse_s_to_explain(argv: list[str]) -> None:
    assert read_plain(argv) is None
    with pytest.raises(UsageError):
        read_in_full(argv)
