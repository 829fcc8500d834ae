"""Records of texts: --json and --csv tell all that makes a text again."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime import SamplingParams, TextGenerator, __version__
from pi_runtime.cli.generation_arguments import schedule
from pi_runtime.cli.records import COLUMNS, FORMULAS, csv_row, json_line
from pi_runtime.model.file import ModelFile
from tests.helpers.commands import ROOT, program, run_command
from tests.helpers.service import QUIET, needs_espeak, running

SCHEMA = json.loads(
    resources.files("pi_runtime.cli").joinpath("record.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HEAD = (
    "index,text,seed,temperature,prefix,options,characters,seconds,backend,model,version,draws,"
    "copied,longest_run\r\n"
)


def records(*argv: object, **options: Any) -> list[dict[str, Any]]:
    """Return what rnn-generate --json prints."""
    done = run_command("rnn-generate", *argv, "--json", **options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def rows(content: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content, newline=""), strict=True))


RUNS = [
    "",
    "-n 3",
    "-n 2 --samples",
    "-n 2 --prefix ea --seed 4294967295",
    "--prefix ''",
    "--temperature 0",
    "--temperature 0.2..1",
    "-n 2 --temperature 1.0,0.5 --top-k 3 --top-p 0.9 --min-p 0.01",
    "--repetition-penalty 1.5 --repetition-window 5 --forbid a --allow 'e t a'",
    "-n 2 --stop e --stop-at t --keep-stop --min-length 3 --max-words 2",
    "--finish-sentence --skip-fragment --unescape --top-k 0",
]


@pytest.mark.parametrize("kind", ["characters", "words", "single"])
@pytest.mark.parametrize("typed", RUNS)
def test_a_record_is_of_the_schema_and_makes_the_text_again(
    kinds: dict[str, Path], kind: str, typed: str
) -> None:
    model = ModelFile(kinds[kind])
    texts = TextGenerator.load(kinds[kind], "numpy")
    argv = ("--max-gen-length", 30, "--backend", "numpy", *shlex.split(typed))
    found = records(kinds[kind], *argv)
    assert found
    for record in found:
        VALIDATOR.validate(record)
        assert record["model"] == model.sha256 == texts.sha256
        assert record["version"] == __version__
        params = SamplingParams(record["temperature"], **record["options"])
        drawn = texts.drawn(
            1, record["prefix"], record["seed"], params=params, first=record["index"]
        )
        assert [each.text for each in drawn] == [record["text"]]


def test_options_are_those_that_are_not_at_their_default(kinds: dict[str, Path]) -> None:
    def options(*argv: object) -> Any:
        return records(kinds["characters"], "--backend", "numpy", *argv)[0]["options"]

    assert options() == options("--top-k", 0, "--max-gen-length", 300) == {}
    assert options("--stop", "e", "--max-words", 2) == {"stop_at": ["e"], "max_words": 2}


@needs_espeak
def test_a_record_of_the_service(kinds: dict[str, Path], tmp_path: Path) -> None:
    with running(tmp_path, kinds["characters"], *QUIET) as service:
        environment = {**os.environ, "RNN_SOCKET": str(service.address)}
        found = records("-n", 2, "--top-k", 3, env=environment)
    for record in found:
        VALIDATOR.validate(record)
        assert (record["backend"], record["model"]) == ("by the service", None)
        assert record["options"] == {"top_k": 3}


def test_the_schema_knows_every_option_and_is_in_the_package() -> None:
    VALIDATOR.check_schema(SCHEMA)
    options = {option.name for option in fields(SamplingParams)} - {"temperature"}
    assert set(SCHEMA["properties"]["options"]["properties"]) == options
    assert set(COLUMNS) <= set(SCHEMA["properties"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "cli/record.schema.json" in project["tool"]["setuptools"]["package-data"]["pi_runtime"]


def test_the_docs_name_every_field_and_column() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    assert set(SCHEMA["properties"]) <= told
    assert HEAD.strip() in page


def test_jsonl_is_the_same_as_json(kinds: dict[str, Path]) -> None:
    argv = (kinds["characters"], "--backend", "numpy", "--seed", 1, "-n", 2)
    found = run_command("rnn-generate", *argv, "--jsonl").stdout
    expected = records(*argv)
    assert [json.loads(line)["text"] for line in found.splitlines()] == [
        record["text"] for record in expected
    ]


# --- CSV -----------------------------------------------------------------------------------------


def test_a_csv_has_the_fields_of_the_records(kinds: dict[str, Path], tmp_path: Path) -> None:
    argv = (
        kinds["characters"], "--backend", "numpy", "--seed", 1, "-n", 3, "--samples",
        "--prefix", "=e", "--top-k", 5, "--stop-at", ",\n\"",
    )  # fmt: skip
    path = tmp_path / "texts.csv"
    done = run_command("rnn-generate", *argv, "--csv", "-o", path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    content = path.read_bytes().decode()
    assert content.startswith(HEAD)
    printed = run_command("rnn-generate", *argv, "--csv").stdout
    head, *found = rows(content)
    assert [row[:7] + row[8:] for row in rows(printed)] == [
        row[:7] + row[8:] for row in [head, *found]
    ]
    expected = records(*argv)
    assert len(found) == len(expected) == 9
    for row, record in zip(found, expected, strict=True):
        cells = dict(zip(head, row, strict=True))
        assert cells["text"] == f"'{record['text']}"
        assert cells["prefix"] == "'=e"
        assert list(schedule(cells["temperature"])) == record["temperature"]
        assert json.loads(cells["options"]) == record["options"]
        for name in ("index", "seed", "characters", "backend", "model", "version"):
            assert cells[name] == str(record[name])


def test_a_csv_that_is_added_to_has_one_head(kinds: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    argv = (
        kinds["characters"], "--backend", "numpy", "--csv", "--append", "-o", path, "-n", "9", "-q"
    )  # fmt: skip
    at_once = [
        subprocess.Popen([program("rnn-generate"), *map(str, argv), "--seed", str(seed)])
        for seed in range(4)
    ]
    assert [run.wait(120) for run in at_once] == [0] * 4
    head, *found = rows(path.read_bytes().decode())
    assert head == list(COLUMNS)
    numbers = sorted((int(row[2]), int(row[0])) for row in found)
    assert numbers == [(seed, index) for seed in range(4) for index in range(9)]
    # As a spreadsheet may save it.
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n"))
    before = path.read_bytes()
    assert run_command("rnn-generate", *argv).returncode == 0
    assert path.read_bytes().startswith(before)
    assert len(rows(path.read_bytes().decode("utf-8-sig"))) == 1 + 5 * 9
    path.write_bytes(b"")
    assert run_command("rnn-generate", *argv).returncode == 0
    assert rows(path.read_bytes().decode())[0] == list(COLUMNS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"an old text\n", "its first line is not the names of the columns – name another"),
        (b"\n", "its first line is not the names of the columns – name another"),
        (HEAD.replace(",", ";").encode(), "its first line is not the names of the columns"),
        (HEAD.encode() + b'0,"half a te', "its last row was cut off – remove that row"),
    ],
)
def test_what_no_row_can_be_added_to(
    kinds: dict[str, Path], tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "out"
    path.write_bytes(content)
    done = run_command("rnn-generate", kinds["characters"], "--csv", "--append", "-o", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: {says}")
    assert path.read_bytes() == content


def test_a_csv_goes_to_a_pipe_with_its_head(kinds: dict[str, Path]) -> None:
    argv = (kinds["characters"], "--backend", "numpy", "--csv", "-o", "/dev/stdout")
    for append in ((), ("--append",)):
        assert len(rows(run_command("rnn-generate", *argv, *append).stdout)) == 2


def record_of(text: str | None, prefix: str | None, **options: Any) -> dict[str, Any]:
    return {
        "text": text, "seed": 1, "index": 0, "temperature": (1.0,), "prefix": prefix,
        "options": options, "backend": "numpy", "model": None, "version": "1",
        "draws": 1,
        "characters": len(text or ""), "seconds": 0.5,
    }  # fmt: skip


anything = st.text() | st.text("=+-@'\"\t\r\n,;＝\0\u2028\x85\u202eא ")


@given(text=anything, prefix=st.none() | anything, forbid=anything)
def test_any_text_comes_back_from_json_and_csv(text: str, prefix: str | None, forbid: str) -> None:
    record = record_of(text, prefix, forbid=forbid)
    line = json_line(record)
    assert json.loads(line) == {**record, "temperature": [1.0]}
    assert line.count("\n") == 1
    VALIDATOR.validate(json.loads(line))

    content = csv_row(record)
    assert content.endswith("\r\n")
    (row,) = rows(content)
    cells = dict(zip(COLUMNS, row, strict=True))
    assert unguarded(cells["text"]) == text
    assert unguarded(cells["prefix"]) == (prefix or "")
    assert json.loads(cells["options"]) == {"forbid": forbid}
    assert all(cell[:1] not in tuple(FORMULAS) for cell in row)


def unguarded(cell: str) -> str:
    """Return a cell's text as docs/formats.md says."""
    return re.sub(r"\A'(?='*[=+\-@\t\r\n＝＋－＠])", "", cell)


def test_a_text_that_is_null_has_an_empty_cell() -> None:
    (row,) = rows(csv_row(record_of(None, None)))
    assert (row[1], row[4]) == ("", "")
    VALIDATOR.validate({**json.loads(json_line(record_of(None, None))), "draws": 9, "copied": 0.25})
