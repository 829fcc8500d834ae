"""The log of texts: what is in it was printed, and each text of it can be generated again."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import SamplingParams, TextGenerator, __version__
from pi_runtime.cli import text_log
from pi_runtime.cli.text_log import TABLE, LogError, TextLog
from pi_runtime.model.file import ModelFile
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import ROOT, program, run_command
from tests.helpers.pages import blocks
from tests.helpers.processes import wait_for
from tests.helpers.service import QUIET, needs_espeak, running


def generate(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-generate", *argv, "--backend", "numpy", **options)


def logged(path: Path) -> list[dict[str, Any]]:
    """Return what a log has, read by nothing of the package."""
    with closing(sqlite3.connect(path)) as log:
        log.row_factory = sqlite3.Row
        assert log.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return [dict(row) for row in log.execute("SELECT * FROM texts ORDER BY id")]


def change(path: Path, *statements: str) -> None:
    """Do something to a log, or make another database."""
    with closing(sqlite3.connect(path)) as log:
        for statement in statements:
            log.execute(statement)
        log.commit()


@pytest.fixture
def log(model: Path, tmp_path: Path) -> Path:
    """A log of three texts."""
    path = tmp_path / "log.sqlite"
    done = generate(model, "-n", 3, "--seed", 7, "--temperature", 1, "--log", path)
    assert done.returncode == 0, done.stderr
    return path


def test_each_text_is_logged_with_what_made_it(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    argv = (model, "--seed", 7, "--temperature", 1, "--max-gen-length", 40, "--log", path)
    one = generate(*argv)
    assert one.stderr.splitlines()[1:] == ["logged as 1"]
    two = generate(*argv, "-n", 2, "--prefix", "ea", "--top-k", 5, "--json")
    assert two.stderr.splitlines()[1:] == ["logged as 2 to 3"]
    assert generate(*argv, "-q").stderr == ""
    texts = [one.stdout[:-1], *(json.loads(line)["text"] for line in two.stdout.splitlines())]
    found = logged(path)
    assert [row["id"] for row in found] == [1, 2, 3, 4]
    assert [row["text"] for row in found] == [*texts, texts[0]]
    row = found[2]
    assert row.pop("time")[:2] == "20"
    assert row == {
        "id": 3, "text": texts[2], "seed": 7, "text_index": 1, "draws": 1, "temperature": "1.0",
        "prefix": "ea",
        "options": '{"max_gen_length": 40, "top_k": 5}', "backend": "numpy",
        "model": ModelFile(model).sha256, "model_path": str(model), "version": __version__,
    }  # fmt: skip
    assert [each.name for each in tmp_path.iterdir()] == ["log.sqlite"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_text_is_printed_as_without_a_log(model: Path, tmp_path: Path) -> None:
    for typed in ("--temperature 1", "-n 3", "-0", "-n 2 --separator=--", "-n 2 --samples"):
        argv = (model, "--seed", 3, *shlex.split(typed))
        logged_too, plain = generate(*argv, "--log", tmp_path / "log"), generate(*argv)
        assert logged_too.returncode == plain.returncode == 0, logged_too.stderr
        assert logged_too.stdout == plain.stdout


AGAIN = [
    "-n 3",
    "-n 2 --samples",
    "-n 2 --prefix ea --seed 4294967295",
    "--prefix ''",
    "--temperature 0",
    "-n 2 --temperature 0.2..1",
    "-n 2 --temperature 1e-05,0.5",
    "-n 2 --temperature 1.0,0.5 --top-k 3 --top-p 0.9 --min-p 0.01",
    "-n 2 --repetition-penalty 1.5 --repetition-window 5 --forbid a --allow 'e t a'",
    "-n 2 --stop e --stop-at t --keep-stop --min-length 3 --max-words 2",
    "-n 3 --temperature 1 --seed 7 --reject '[a-z]$' --tries 1000",
    "-n 2 --finish-sentence --skip-fragment --unescape",
]


@pytest.mark.parametrize("kind", ["characters", "words", "single"])
def test_any_text_of_a_log_can_be_generated_again(
    kinds: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "log"
    last = []
    for typed in AGAIN:
        argv = shlex.split(typed)
        done = generate(kinds[kind], "--max-gen-length", 30, *argv, "--log", path)
        assert done.returncode == 0, done.stderr
        last.append(logged(path)[-1])
    rows = logged(path)
    assert {row["text_index"] for row in last} == {0, 1, 2}
    assert any(row["draws"] > 1 for row in last)
    for row in last:
        done = generate("--again", row["id"], "--log", path)
        assert (done.returncode, done.stdout) == (0, row["text"] + "\n"), done.stderr
        assert done.stderr.splitlines()[-1] == f"as it was logged at {row['time']}"
    assert logged(path) == rows


def test_another_model_is_refused(log: Path, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(packed_model(small_network(2, classes=20), small_vocab(20)))
    done = generate(other, "--again", 2, "--log", log)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {other}: is not the model that generated text 2 – "
        f"name the one whose SHA-256 is {ModelFile(model).sha256}\n"
    )
    # The model may have moved; what counts is what is in it.
    moved = tmp_path / "moved.tflite"
    shutil.copy(model, moved)
    assert generate(moved, "--again", 2, "--log", log).returncode == 0
    change(log, f"UPDATE texts SET model_path = '{tmp_path}/gone.tflite'")
    done = generate("--again", 2, "--log", log)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}/gone.tflite: no such file or directory – ")


@pytest.mark.parametrize(
    ("changes", "todo"),
    [
        ("text = 'x'", "the log was changed, or this computer computes otherwise"),
        ("text = NULL", "the log was changed, or this computer computes otherwise"),
        ("text = 'x', backend = 'tflite'", "tflite computed that one: add --backend tflite"),
        ("text = 'x', version = '9'", f"version 9 generated that one, not {__version__}"),
        ("text = 'x', model = NULL", "name the model that the service had"),
    ],
)
def test_a_text_that_comes_out_otherwise_is_printed_and_said(
    log: Path, model: Path, changes: str, todo: str
) -> None:
    expected = logged(log)[1]["text"]
    change(log, f"UPDATE texts SET {changes} WHERE id = 2")
    done = generate("--again", 2, "--log", log)
    assert (done.returncode, done.stdout) == (1, f"{expected}\n")
    assert done.stderr == f"error: this is not the text that was logged as 2 – {todo}\n"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("options = '[]'", "its options are no object"),
        ("options = '{'", "Expecting property name"),
        ("""options = '{"warmth": 1}'""", "unexpected keyword argument 'warmth'"),
        ("""options = '{"top_k": "x"}'""", "top_k is 'x' – give a whole number"),
        ("options = printf('%.*c', 100000, '[')", "maximum recursion depth exceeded"),
        ("temperature = 'warm'", "--temperature is 'warm' – "),
        ("seed = -1", "seed is -1 – give a whole number"),
        ("text_index = 10000000000", "index is 10000000000 – "),
    ],
)
def test_what_a_log_says_is_checked_as_arguments_are(log: Path, changes: str, says: str) -> None:
    change(log, f"UPDATE texts SET {changes} WHERE id = 2")
    done = generate("--again", 2, "--log", log)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {log}: what makes text 2 is not known here (")
    assert says in line
    assert line.endswith(f"– version {__version__} of textgenrnn-pi logged it")


def test_a_text_that_is_not_there(log: Path, tmp_path: Path) -> None:
    done = generate("--again", 9, "--log", log)
    assert done.stderr == f"error: {log}: has no text 9 – its last one is 3\n"
    change(log, "DELETE FROM texts")
    done = generate("--again", 3, "--log", log)
    assert done.stderr == f"error: {log}: has no text 3 – it is empty\n"


def test_a_number_is_never_given_twice(log: Path, model: Path) -> None:
    change(log, "DELETE FROM texts WHERE id = 3")
    assert generate(model, "--log", log).stderr.splitlines()[1] == "logged as 4"


# --- what is no log ------------------------------------------------------------------------------

OURS = f"PRAGMA application_id = {text_log.APPLICATION_ID}"
NO_LOGS = {
    "another program's": (["CREATE TABLE texts (id)"], "is another program's database"),
    "a WAL": (
        ["PRAGMA journal_mode = WAL", "CREATE TABLE texts (id)"], "is another program's database"
    ),
    "a newer one": (
        [OURS, "PRAGMA user_version = 2", "CREATE TABLE texts (id)"],
        "is a log of version 2, this package knows 1",
    ),
    "another table": (
        [OURS, "PRAGMA user_version = 1", "CREATE TABLE texts (id)"],
        "its table is not the one that --log makes",
    ),
    "a view": (
        [OURS, "PRAGMA user_version = 1", "CREATE VIEW texts AS SELECT 1 AS id"],
        "its table is not the one that --log makes",
    ),
    "a trigger": (
        [OURS, "PRAGMA user_version = 1", TABLE,
         "CREATE TRIGGER t AFTER INSERT ON texts BEGIN DELETE FROM texts; END"],
        "its table is not the one that --log makes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_LOGS)
def test_another_database_is_left_as_it_is(model: Path, tmp_path: Path, kind: str) -> None:
    statements, says = NO_LOGS[kind]
    path = tmp_path / "it"
    with closing(sqlite3.connect(path)) as other:  # still open, as by its own program
        for statement in statements:
            other.execute(statement)
        other.commit()
        before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
        for argv in ((model,), ("--again", 1)):
            done = generate(*argv, "--log", path)
            assert (done.returncode, done.stdout) == (1, "")
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"error: {path}: {says} – ")
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"a", b"SQLite format 3\0", b"x" * 5000])
def test_another_file_is_left_as_it_is(model: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)
    for argv in ((model,), ("--again", 1)):
        done = generate(*argv, "--log", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert path.read_bytes() == content


def test_what_is_no_file_is_not_waited_for(model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", "/dev/null"):
        for argv in ((model,), ("--again", 1)):
            done = generate(*argv, "--log", name)
            assert done.stderr.startswith(f"error: {name}: is no log of texts – ")


def test_a_log_that_was_cut_off(model: Path, log: Path) -> None:
    for _ in range(2):
        generate(model, "-n", 20, "--log", log)
    whole = log.read_bytes()
    assert len(whole) > 3 * 4096
    malformed = "database disk image is malformed"
    for length, says in (
        (4096, malformed),
        (8192, malformed),
        (5000, malformed),
        (len(whole) - 1, "was cut off"),
    ):
        log.write_bytes(whole[:length])
        for argv in ((model,), ("--again", 2)):
            done = generate(*argv, "--log", log)
            assert (done.returncode, done.stdout) == (1, "")
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"error: {log}: {says} – ")
        assert log.read_bytes() == whole[:length]


# --- what can go wrong while it is written -------------------------------------------------------


def test_a_log_that_cannot_be_written_stops_all_before_the_first_text(
    model: Path, small_disk: Path
) -> None:
    path = small_disk / "log"
    assert generate(model, "--log", path).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = generate(model, "--log", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: not for this user to write – name another")
    # What was logged is read all the same.
    assert generate("--again", 1, "--log", path).returncode == 0


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv – sudo apt install util-linux")
def test_a_folder_that_takes_no_journal_stops_all_before_the_first_text(
    model: Path, log: Path
) -> None:
    before = log.read_bytes()
    log.chmod(0o666)
    log.parent.chmod(0o555)
    # Root may write to any folder, unless it gives that up.
    bounded = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    argv = [program("rnn-generate"), str(model), "--backend", "numpy", "--log", str(log)]
    done = subprocess.run(
        [*(bounded if os.geteuid() == 0 else []), *argv], capture_output=True, text=True
    )
    log.parent.chmod(0o755)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {log}: attempt to write a readonly database – "
        "name a file in another folder with --log\n"
    )
    assert log.read_bytes() == before


def test_a_full_disk_ends_the_run_with_the_texts_that_are_in_the_log(
    endless: Path, small_disk: Path
) -> None:
    path = small_disk / "log"
    argv = (endless, "-n", 500, "--max-gen-length", 300, "--seed", 1, "--log", path, "-0")
    done = generate(*argv)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {path}: database or disk is full – name a file in another folder with --log\n"
    )
    printed = done.stdout.split("\0")[:-1]
    assert [row["text"] for row in logged(path)] == printed
    assert printed


def test_one_who_writes_all_the_time_is_not_waited_for_without_end(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_log, "PATIENCE", 0.1)
    with closing(sqlite3.connect(log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogError, match="is locked – another program writes to it"):
            TextLog(log)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without an end mark: its texts end at their limit only."""
    path = tmp_path_factory.mktemp("model") / "endless.tflite"
    path.write_bytes(packed_model(small_network(), small_vocab(12, single_text=True)))
    return path


def start(*argv: object, **options: Any) -> subprocess.Popen[bytes]:
    words = (program("rnn-generate"), *argv, "--backend", "numpy", "-q")
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, **options)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_several_processes_log_at_once(endless: Path, tmp_path: Path) -> None:
    path = tmp_path / "log"
    argv = (endless, "-n", 40, "--max-gen-length", 20, "--log", path, "--seed")
    assert [run.wait(300) for run in [start(*argv, seed) for seed in range(3)]] == [0] * 3
    found = logged(path)
    assert [row["id"] for row in found] == list(range(1, 121))
    texts = TextGenerator.load(endless, "numpy")
    params = SamplingParams(max_gen_length=20)
    for seed in range(3):
        own = [row for row in found if row["seed"] == seed]
        assert [row["text_index"] for row in own] == list(range(40))
        assert [row["text"] for row in own] == texts.generate(40, seed=seed, params=params)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_whole_texts(endless: Path, tmp_path: Path, number: int) -> None:
    path, output = tmp_path / "log", tmp_path / "out"
    argv = (endless, "-n", 100000, "--max-gen-length", 200, "--append", "-o", output, "--log", path)
    for turn in range(1, 4):
        with start(*argv, "--seed", turn) as run:
            enough = 3000 * turn
            wait_for(lambda: size(output) > enough, "some texts")  # noqa: B023 - called at once
            run.send_signal(number)
            run.wait(60)
    found = logged(path)
    assert [row["id"] for row in found] == list(range(1, len(found) + 1))
    printed = output.read_text("utf-8").splitlines()
    texts = [row["text"] for row in found]
    # At most one text of each run was in the log and not printed yet.
    assert len(printed) <= len(texts) <= len(printed) + 3
    assert set(printed) <= set(texts)
    assert generate("--again", len(found), "--log", path).returncode == 0


@needs_espeak
def test_what_the_service_generates_is_logged(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "run").mkdir()
    with running(tmp_path / "run", model, *QUIET) as service:
        environment = {**os.environ, "RNN_SOCKET": str(service.address)}
        done = run_command("rnn-generate", "-n", 2, "--log", path, env=environment)
        assert done.returncode == 0, done.stderr
    rows = logged(path)
    assert [(row["model"], row["model_path"], row["backend"]) for row in rows] == [
        (None, None, "by the service")
    ] * 2
    done = generate(model, "--again", 2, "--log", path)
    assert (done.returncode, done.stdout) == (0, rows[1]["text"] + "\n"), done.stderr


# --- the file itself -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextLog]:
    with closing(TextLog(tmp_path_factory.mktemp("log") / "log ?#%é")) as log:
        yield log


anything = st.text() | st.text("\0\"'\n\r\u2028א🙂")
options = st.fixed_dictionaries(
    {},
    optional={
        "top_k": st.integers(0, 9),
        "top_p": st.floats(0, 1),
        "forbid": anything,
        "stop_at": st.lists(anything.filter(bool)).map(tuple),
        "keep_stop": st.booleans(),
    },
)
temperatures = st.lists(st.floats(0.01, 9.0), min_size=1).map(tuple) | st.just("0.2..1.0")


@settings(deadline=None)  # each is written to the disk
@given(anything, st.none() | anything, options, temperatures)
def test_any_text_comes_back(
    open_log: TextLog,
    text: str,
    prefix: str | None,
    options: dict[str, Any],
    temperature: tuple[float, ...] | str,
) -> None:
    record = {
        "text": text, "seed": 2**32 - 1, "index": 5, "temperature": temperature, "prefix": prefix,
        "options": options, "backend": "numpy", "model": None, "version": "1",
        "draws": 1,
    }  # fmt: skip
    open_log.add(record, None)
    found = open_log.text(open_log.ids[-1])
    assert (found.text, found.prefix, found.seed, found.index) == (text, prefix, 2**32 - 1, 5)
    assert found.params == SamplingParams(temperature, **options)


def test_a_model_whose_name_is_not_utf8_is_logged_without_it(tmp_path: Path, model: Path) -> None:
    name = tmp_path / os.fsdecode(b"\xff.tflite")
    shutil.copy(model, name)
    done = subprocess.run(
        [program("rnn-generate"), name, "--backend", "numpy", "--log", tmp_path / "log"],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert logged(tmp_path / "log")[0]["model_path"] is None


def test_the_page_shows_the_table_that_there_is(log: Path) -> None:
    (shown,) = [
        " ".join(block.lines)
        for block in blocks(ROOT / "docs" / "formats.md")
        if block.language == "sql"
    ]
    with closing(sqlite3.connect(log)) as opened:
        for statement in filter(str.strip, shown.split(";")):
            assert opened.execute(statement).fetchall()
