"""`rnn-generate --shards` and `--shard` as a person runs them: killed, on N machines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pi_runtime import TextGenerator
from tests.helpers.commands import program, run_command
from tests.helpers.processes import wait_for
from tests.helpers.terminal import on_a_terminal

PROGRAM = program("rnn-generate")
PARTS = (1, 2, 7)


def argv(model: Path, *options: object) -> list[str]:
    given = (model, "--backend", "numpy", "--max-gen-length", 10, *options)
    return [PROGRAM, *map(str, given)]


def generate(model: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-generate", *argv(model, *options)[1:])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("texts-*.jsonl"))


def wait_for_shards(folder: Path, least: int) -> None:
    wait_for(lambda: len(shards(folder)) >= least, f"{least} shards")


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 2,000 texts, from a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "texts"
    done = generate(model, "-n", 2000, "--seed", 7, "--shards", folder, "--shard-size", 64)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("seed 7, 2000 texts, ")
    assert done.stderr.endswith("; 32 of 32 shards are complete\n")
    return folder


OPTIONS = ("-n", 2000, "--seed", 7, "--shard-size", 64)


def test_the_shards_in_order_are_the_texts_of_the_seed(model: Path, whole: Path) -> None:
    lines = "".join(path.read_text("utf-8") for path in shards(whole)).split("\n")[:-1]
    records = [json.loads(line) for line in lines]
    texts = TextGenerator.load(model, "numpy").generate(2000, max_gen_length=10, seed=7)
    assert records == [{"index": index, "text": text} for index, text in enumerate(texts)]
    assert json.loads((whole / "manifest.json").read_text())["complete"] is True


def test_killed_twice_it_goes_on_and_the_folder_is_the_same(
    model: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    command = argv(model, *OPTIONS, "--shards", folder)
    for reached in (5, 15):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for_shards(folder, reached)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not json.loads((folder / "manifest.json").read_text())["complete"]
    kept = {path: path.stat().st_mtime_ns for path in shards(folder)[:14]}
    assert generate(model, *OPTIONS, "--shards", folder).returncode == 0
    assert files(folder) == files(whole)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "complete ones are kept"


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_whole_files_only(model: Path, tmp_path: Path, kind: int) -> None:
    folder = tmp_path / "texts"
    process = subprocess.Popen(argv(model, *OPTIONS, "--shards", folder), stderr=subprocess.PIPE)
    wait_for_shards(folder, 3)
    process.send_signal(kind)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (128 + kind, b"")
    assert all(not name.startswith(".") for name in files(folder))
    assert all(path.read_bytes().count(b"\n") == 64 for path in shards(folder))


def test_a_complete_folder_is_left_as_it_is(model: Path, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    done = generate(model, *OPTIONS, "--shards", whole)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("seed 7, 0 texts, ")
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == before


def test_a_shard_that_was_changed_is_written_again(
    model: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    assert generate(model, *OPTIONS, "--shards", folder, "--shard", "1/4").returncode == 0
    first = shards(folder)[0]
    first.write_bytes(first.read_bytes().replace(b"h", b"x"))
    assert generate(model, *OPTIONS, "--shards", folder).returncode == 0
    assert files(folder) == files(whole)


@pytest.mark.parametrize("parts", PARTS)
def test_n_machines_into_one_folder(model: Path, whole: Path, tmp_path: Path, parts: int) -> None:
    """At once, as on a shared disk."""
    folder = tmp_path / "texts"
    running = [
        subprocess.Popen(
            argv(model, *OPTIONS, "--shards", folder, "--shard", f"{which}/{parts}", "-q")
        )
        for which in range(1, parts + 1)
    ]
    assert {process.wait() for process in running} == {0}
    assert files(folder) == files(whole)


def test_two_runs_of_the_same_at_once_draw_one_seed(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    command = argv(model, "-n", 300, "--shard-size", 20, "--shards", folder, "-q")
    running = [subprocess.Popen(command) for _ in range(2)]
    assert {process.wait() for process in running} == {0}
    seed = json.loads((folder / "manifest.json").read_text())["seed"]
    alone = tmp_path / "alone"
    given = ("-n", 300, "--shard-size", 20, "--seed", seed, "--shards", alone)
    assert generate(model, *given).returncode == 0
    assert files(folder) == files(alone)


def test_a_seed_that_was_drawn_is_found_again(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    assert generate(model, "-n", 5, "--shards", folder).returncode == 0
    again = generate(model, "-n", 5, "--shards", folder)
    seed = json.loads((folder / "manifest.json").read_text())["seed"]
    assert again.stderr.startswith(f"seed {seed}, 0 texts, ")


def test_another_request_is_one_line_that_says_what_differs(model: Path, whole: Path) -> None:
    done = generate(
        model, "-n", 2000, "--seed", 8, "--shard-size", 64, "--top-k", 3, "--shards", whole
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {whole} is for other texts: top_k is 0, not 3; seed is 7, not 8 – "
        "ask for the same again, or name another folder with --shards\n"
    )


FORMS: dict[str, tuple[str, ...]] = {
    "lines": (),
    "separator": ("--separator", r"\n--\n"),
    "NUL": ("-0",),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("parts", PARTS)
def test_parts_one_behind_the_other_are_the_whole(model: Path, parts: int, form: str) -> None:
    """Also where texts have line breaks, and so blank lines beside them."""
    options = ("-n", 40, "--seed", 1, "--temperature", 0.9, *FORMS[form])
    alone = generate(model, *options).stdout
    assert "\n\n" in alone or form != "lines"
    printed = [
        generate(model, *options, "--shard", f"{which}/{parts}").stdout
        for which in range(1, parts + 1)
    ]
    assert "".join(printed) == alone


def test_parts_in_files_are_the_whole(model: Path, tmp_path: Path) -> None:
    options = ("-n", 30, "--seed", 1, "--temperature", 0.9)
    written = ""
    for which in (1, 2, 3):
        path = tmp_path / f"{which}.txt"
        generate(model, *options, "--shard", f"{which}/3", "-o", path)
        written += path.read_text("utf-8")
    assert written == generate(model, *options).stdout


def test_parts_that_are_added_to_one_file_are_the_whole(model: Path, tmp_path: Path) -> None:
    options = ("-n", 30, "--seed", 1, "--temperature", 0.9)
    path = tmp_path / "all.txt"
    for which in (1, 2, 3):
        generate(model, *options, "--shard", f"{which}/3", "--append", "-o", path)
    assert path.read_text("utf-8") == generate(model, *options).stdout


def test_records_of_parts_have_the_numbers_of_the_whole(model: Path) -> None:
    def records(*part: object) -> list[dict[str, Any]]:
        lines = generate(model, "-n", 7, "--seed", 1, "--json", *part).stdout.splitlines()
        return [{**json.loads(line), "seconds": 0} for line in lines]

    parts = [records("--shard", f"{which}/3") for which in (1, 2, 3)]
    assert [*chain(*parts)] == records()


def test_rejected_texts_of_parts_are_those_of_the_whole(model: Path) -> None:
    """Also where a part, or the text before it, was rejected each time."""
    options = ("-n", 12, "--seed", 1, "--temperature", 0.9, "--reject", "[hr]", "--tries", 2)
    for form in ((), ("--separator", r"\n--\n"), ("--csv",)):
        parts = [generate(model, *options, *form, "--shard", f"{i}/6") for i in range(1, 7)]
        assert {part.returncode for part in parts} == {0}
        joined = "".join(without_seconds(part.stdout) for part in parts)
        assert joined == without_seconds(generate(model, *options, *form).stdout)


def without_seconds(text: str) -> str:
    """Leave out what differs from run to run."""
    return re.sub(r"\b\d\.\d{3,}", "…", text)


def test_a_text_that_was_rejected_each_time_is_null(model: Path, tmp_path: Path) -> None:
    options = ("-n", 12, "--seed", 1, "--temperature", 0.9, "--reject", "[hr]", "--tries", 2)
    assert generate(model, *options, "--shards", tmp_path / "texts").returncode == 0
    lines = shards(tmp_path / "texts")[0].read_text("utf-8").split("\n")[:-1]
    texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) == 12
    assert None in texts
    assert all("h" not in text for text in texts if text is not None)


def test_more_parts_than_texts(model: Path, tmp_path: Path) -> None:
    parts = [generate(model, "-n", 1, "--seed", 1, "--shard", f"{i}/3") for i in (1, 2, 3)]
    assert "".join(part.stdout for part in parts) == generate(model, "-n", 1, "--seed", 1).stdout
    assert {part.returncode for part in parts} == {0}
    done = generate(model, "-n", 1, "--seed", 1, "--shard", "1/3", "--shards", tmp_path / "texts")
    assert done.stderr.endswith("0 of 1 shards are complete\n")


def test_a_bar_shows_how_far_it_is(model: Path, whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    folder = tmp_path / "texts"
    generate(model, *OPTIONS, "--shards", folder, "--shard", "1/4")
    code, out, shown = on_a_terminal(tmp_path, *argv(model, *OPTIONS, "--shards", folder))
    assert (code, out) == (0, "")
    assert "/2000 [" in shown
    assert shown.rstrip("\n").split("\r")[-1].startswith("seed 7, 1488 texts, ")
    assert files(folder) == files(whole)


MISTAKES = {
    "--shard 1/2": "--shard needs --seed, or each part would draw another",
    "--shard 3/2 --seed 1": "--shard is '3/2' – write I/N",
    "--shard 0/2 --seed 1": "--shard is '0/2' – write I/N",
    "--shard 2 --seed 1": "--shard is '2' – write I/N",
    "--shard 1/2 --seed 1 --samples": "--samples has no use with --shard",
    "--shard-size 5": "--shard-size has no use without --shards – name a folder with --shards",
    "--dask local": "--dask has no use without --shards",
    "--shards texts --dask local:0": "--dask local is 0",
    "--shards texts --dask host": "--dask is 'host' – give a scheduler's address",
    "--shards texts -o x.txt": "-o has no use with --shards",
    "--shards texts --json": "--json has no use with --shards, which writes JSON lines",
    "--shards texts --separator x": "--separator has no use with --shards",
    "--shards texts --samples": "--samples has no use with --shards",
    "--shards texts --csv": "--csv has no use with --shards, which writes JSON lines",
    "--shards texts --log l.db": "--log has no use with --shards",
    "--shards texts --trace t.html": "--trace has no use with --shards",
    "--shards texts --original 20": "",
    "--shards texts --synthesize m.txt": "--shards has no use with --synthesize",
    "--shard 1/2 --seed 1 --synthesize m.txt": "--shard has no use with --synthesize",
    "--shards texts --interactive": "--shards has no use with --interactive",
    "--shards a/b/texts": "a/b: no such folder – create it (mkdir -p a/b)",
    "--shards m.txt": "--shards m.txt is no folder – name another",
    "--shards . -n 2": ".: is not empty, and has no manifest.json – name a new folder",
    "--shards texts -n 1000000000": "more than 10000 – take a shard size of 100000 or more",
    "--shards texts --allow Q": "allow leaves no token that the model knows",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_a_mistake_is_one_line_and_makes_no_folder(
    model: Path, tmp_path: Path, options: str
) -> None:
    (tmp_path / "m.txt").touch()
    done = run_command("rnn-generate", model, *options.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert MISTAKES[options] in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.txt"]


def test_a_service_makes_no_shards(tmp_path: Path) -> None:
    environment = {**os.environ, "RNN_SOCKET": str(tmp_path / "socket")}
    environment.pop("RNN_MODEL", None)
    for option in (("--shards", "texts"), ("--shard", "1/2", "--seed", "1")):
        done = run_command("rnn-generate", *option, cwd=tmp_path, env=environment)
        assert done.returncode == 2
        assert "name the model file" in done.stderr
