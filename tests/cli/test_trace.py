"""rnn-generate --trace: the text as without it, and a page beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.trace import TracedSequence
from pi_runtime.model.vocabulary import START, Vocabulary
from tests.helpers.commands import ROOT, program, run_command
from tests.helpers.traces import drawing, page_of
from tests.helpers.zoo import entries, weights_of

MOST = 300_000
"""Bytes of the page of 300 tokens."""


def generate(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    done = run_command("rnn-generate", *argv, "--backend", "numpy", **options)
    assert done.returncode == 0, done.stderr
    return done


def data_of(page: str) -> dict[str, Any]:
    """Return what a page shows."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data: dict[str, Any] = json.loads(found)
    return data


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--prefix", "eat on"),
        ("--temperature", "0.2..1.5", "--top-k", "5", "--repetition-penalty", "1.3"),
        ("--max-gen-length", "60", "--finish-sentence", "--stop", "ee", "--forbid", "t"),
        ("--reject", "e{2}", "--reject", "t", "--tries", "500", "--temperature", "1"),
        ("-0",),
    ],
    ids=" ".join,
)
def test_the_text_is_the_one_without_a_trace(
    model: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    page = tmp_path / "why.html"
    plain = generate(model, "--seed", 7, *options)
    traced = generate(model, "--seed", 7, *options, "--trace", page)
    assert traced.stdout == plain.stdout
    assert traced.stderr.startswith("seed 7, numpy, ")
    assert traced.stderr.splitlines()[1] == f"trace {page}"
    data = data_of(page.read_text("utf-8"))
    tokens = [data["table"][number] for number in data["text"]]
    begin, end = data["printed"]
    assert "".join(tokens[begin:end]) == plain.stdout[:-1]
    assert "".join(tokens).startswith("eat on") == ("--prefix" in options)
    assert len(data["steps"]) == len(tokens) - data["given"] + data["ends"]


def test_the_page_names_the_command_that_gives_the_text_again(model: Path, tmp_path: Path) -> None:
    options = ("--temperature", "0.9,0.3", "--prefix", "it's -", "--stop", "-", "--stop", "ee")
    first = generate(model, *options, "--keep-stop", "--trace", tmp_path / "a.html")
    command = data_of((tmp_path / "a.html").read_text("utf-8"))["command"]
    assert command.startswith("rnn-generate m.tflite --seed ")
    again = subprocess.run(
        ["bash", "-c", command], cwd=model.parent, text=True, capture_output=True,
        env={**os.environ, "PATH": f"{Path(program('rnn-generate')).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert again.stdout == first.stdout


def test_the_text_may_go_to_a_file(model: Path, tmp_path: Path) -> None:
    text, page = tmp_path / "text.txt", tmp_path / "why.html"
    plain = generate(model, "--seed", 7)
    assert generate(model, "--seed", 7, "-o", text, "--trace", page).stdout == ""
    assert text.read_text("utf-8") == plain.stdout
    generate(model, "--seed", 7, "-o", text, "--append", "--trace", page)
    assert text.read_text("utf-8") == 2 * plain.stdout


def test_an_older_page_is_replaced(model: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    page.write_text("old")
    done = generate(model, "--seed", 7, "--trace", page, "--quiet")
    assert done.stderr == ""
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_may_go_to_a_pipe(model: Path) -> None:
    done = generate(model, "--seed", 7, "--trace", "/dev/stderr")
    assert "<!doctype html>" in done.stderr


def test_a_page_that_cannot_be_written_is_found_out_before_the_text(
    model: Path, tmp_path: Path
) -> None:
    done = run_command("rnn-generate", model, "--trace", tmp_path / "gone" / "why.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert "gone: no such folder" in done.stderr


@pytest.mark.parametrize("word_level", [False, True])
def test_a_page_is_small(word_level: bool) -> None:
    """Also if the ten likeliest differ from token to token, and are long words."""
    kinds = 9000
    words = [f"{n:04x}облачность" if word_level else chr(0x4E00 + n) for n in range(kinds)]
    vocabulary = Vocabulary(
        {word: n for n, word in enumerate(words, 1)}, kinds + 1, word_level=word_level
    )
    random = np.random.RandomState(1)
    sampler = Sampler(SamplingParams(1.0, 260), vocabulary)
    sequence = TracedSequence(sampler, 40, None, random_stream(0))
    while not sequence.done:
        sequence.next_id()
        powers = random.standard_exponential(kinds + 1) ** 4
        sequence.take((powers / powers.sum()).astype(np.float32))
    assert len(sequence.steps) == 299
    page = page_of(sequence, weights=range(1, 41))
    assert len(data_of(page)["table"]) > 2000
    assert len(page.encode()) < MOST


@entries("convert", "poroshki-russian", "speech-russian-words", "beer-words-single")
def test_a_page_of_a_real_model_is_small(
    entry: dict[str, Any], converted: Any, tmp_path: Path
) -> None:
    model, page = converted(entry["name"], weights_of(entry)), tmp_path / "why.html"
    options = ("--seed", 7, "--temperature", 1, "--min-length", 300)
    plain = generate(model, *options)
    assert generate(model, *options, "--trace", page).stdout == plain.stdout
    assert page.stat().st_size < MOST


class Elements(HTMLParser):
    """The elements of a page, and the text of its data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_comment(self, data: str) -> None:
        self.found.append(data)


HOSTILE = (
    "</script><img src=x onerror=alert(1)>", "<!--", "<script>alert(1)</script>", "-->", "&lt;b>",
    "]]>", "\\u003cscript>", '"', "'", "\u2028", "@DATA@", "@STYLE@", "\ud800", "\u202e", "\0",
    "javascript:alert(1)", "${alert(1)}", "{{7*7}}", "__proto__", "constructor",
)  # fmt: skip
tokens = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=8)).filter(
        lambda token: token != START
    ),
    min_size=1,
    max_size=12,
)


@given(tokens, st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_becomes_markup(tokens: list[str], word_level: bool, prefix: str) -> None:
    plain = Elements(page_of(drawing(["a"]))).found
    sequence = drawing(tokens, prefix=prefix, word_level=word_level, others=HOSTILE)
    page = page_of(sequence, command=f"rnn-generate m.tflite --prefix {prefix}")
    assert Elements(page).found == plain
    page.encode()  # which half of a surrogate pair would not survive
    data = data_of(page)
    assert [data["table"][number] for number in data["text"]] == [
        token if len(token) <= 40 else f"{token[:39]}…" for token in sequence.tokens
    ]


def test_long_tokens_are_cut() -> None:
    page = page_of(drawing(["a" * 100_000, "b"], word_level=True))
    assert f"{'a' * 39}…" in data_of(page)["table"]
    assert len(page) < MOST


def test_words_stand_as_in_the_text() -> None:
    words = ["he", "said", ",", '"', "no", '"', ".", "\n", "(", "then", ")", "-", "it", "'", "s"]
    sequence = drawing([*words, START], word_level=True)
    data = data_of(page_of(sequence))
    shown = "".join(" " * gap + word for gap, word in zip(data["spaced"], words, strict=True))
    assert shown == sequence.text == 'he said, "no".\n(then) - it\'s'


def test_packages_hold_all_files_beside_their_modules() -> None:
    """A file that is no module is in a wheel only if pyproject.toml names it."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for package, patterns in listed["tool"]["setuptools"]["package-data"].items():
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT / package).as_posix()
            if path.is_dir() or path.suffix in (".py", ".pyc"):
                continue
            assert any(fnmatch(name, pattern) for pattern in patterns), path
