"""Logs of rnn-generate: bytes changed or cut off, values and tables changed by SQL.

Each is opened for writing, then a text of it is read as for --again. A wrong success is a text
whose seed, index, prefix or options are not what Python's sqlite3 and json read; a log that was
opened though its table is another one; or one that was refused and changed all the same.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from pi_runtime.cli.text_log import APPLICATION_ID, TABLE, LogError, TextLog
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked

NEEDS = ()

TEXTS = 30
VALUES = (
    "NULL", "0", "-1", "4294967296", "9e99", "''", "'x'", "'[]'", "'{}'", "'null'",
    "'{\"top_k\": 1e9}'",
    "'{\"top_k\": NaN}'", "'{\"n\": 5}'", "'{\"temperature\": 3}'", "'{\"stop_at\": \"abc\"}'",
    "'{\"stop_at\": [\"\"]}'", "'{\"max_gen_length\": 1000000001}'", "'{\"a\": 1, \"a\": 2}'",
    "'0.5,nan'", "'0.2..'", "'1,5'", "'1e-400'", "printf('%.*c', 100000, '[')",
    "printf('%.*c', 10000000, '9')", "char(27) || '[2J'", "char(0)", "CAST(x'ff' AS TEXT)",
)  # fmt: skip
COLUMNS = (
    "seed", "text_index", "draws", "temperature", "prefix", "options", "text", "time", "version",
)  # fmt: skip
TABLES = (
    "CREATE VIEW other AS SELECT * FROM texts",
    "CREATE TRIGGER t AFTER INSERT ON texts BEGIN DELETE FROM texts; END",
    "CREATE TRIGGER t BEFORE INSERT ON texts BEGIN SELECT RAISE(IGNORE); END",
    "DROP TABLE texts",
    "ALTER TABLE texts RENAME TO others",
    "ALTER TABLE texts ADD COLUMN more TEXT",
    "CREATE INDEX by_seed ON texts (seed)",
    "PRAGMA user_version = 2",
    "PRAGMA application_id = 7",
    "PRAGMA journal_mode = WAL",
    "DELETE FROM sqlite_sequence",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
)


class _Logs:
    def __init__(self, folder: Path) -> None:
        self._log, self._path = folder / "whole", folder / "log"
        random = Random(0)
        with closing(TextLog(self._log)) as log:
            for index in range(TEXTS):
                log.add(_record(random, index), f"/models/{index}.tflite")

    def run(self, number: int) -> Outcome:
        random = Random(number)
        for path in self._path.parent.glob("log*"):
            path.unlink()
        shutil.copy(self._log, self._path)
        mutation = random.choice((_bytes, _cut, _value, _value, _table))(self._path, random)
        content = self._path.read_bytes()
        wanted = random.randint(1, TEXTS)

        def read() -> None:
            try:
                log = TextLog(self._path)
            except LogError:
                if self._path.read_bytes() != content:
                    raise WrongSuccess("it was refused and changed") from None
                raise
            with closing(log):
                _check_table(self._path)
                found = log.text(wanted)
                log.add(_record(random, 99), None)
            _check(found, _row(self._path, wanted))

        verdict, what = read_forked(read, len(content))
        return Outcome(verdict, f"{mutation}: {what}", {"log": content})


def _record(random: Random, index: int) -> dict[str, Any]:
    return {
        "text": "ж" * random.randrange(2000), "seed": random.getrandbits(32), "index": index,
        "temperature": random.choice(((1.0, 0.5), "0.2..1.0")),
        "prefix": random.choice((None, "Once")), "options": random.choice(({}, {"top_k": 3})),
        "backend": "numpy", "model": "0" * 64, "version": "1", "draws": random.choice((1, 3)),
    }  # fmt: skip


def _bytes(path: Path, random: Random) -> str:
    content = bytearray(path.read_bytes())
    ranges = ((0, 100), (100, 4096), (4096, len(content)))
    places = [random.randrange(*random.choice(ranges)) for _ in range(random.choice((1, 1, 3, 30)))]
    for at in places:
        content[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    path.write_bytes(content)
    return f"bytes at {places}"


def _cut(path: Path, random: Random) -> str:
    content = path.read_bytes()
    length = random.choice((random.randrange(len(content)), random.randrange(0, 200), 4096, 8192))
    path.write_bytes(content[:length] + bytes(random.choice((0, 0, 1, 4096))))
    return f"{length} bytes"


def _value(path: Path, random: Random) -> str:
    change = f"UPDATE OR IGNORE texts SET {random.choice(COLUMNS)} = {random.choice(VALUES)}"
    _do(path, change)
    return change


def _table(path: Path, random: Random) -> str:
    change = random.choice(TABLES)
    _do(path, change)
    return change


def _do(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as log, suppress(sqlite3.Error):  # what STRICT refuses
        log.execute(statement)
        log.commit()


def _check_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as log:
        (application,) = log.execute("PRAGMA application_id").fetchone()
        tables = log.execute("SELECT sql FROM sqlite_schema WHERE name = 'texts'").fetchall()
        others = log.execute("SELECT 1 FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    if application != APPLICATION_ID or tables != [(TABLE,)] or others:
        raise WrongSuccess("its table is another one")


def _row(path: Path, number: int) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as log:
        log.row_factory = sqlite3.Row
        return dict(log.execute("SELECT * FROM texts WHERE id = ?", (number,)).fetchone())


def _check(found: Any, row: dict[str, Any]) -> None:
    if (found.text, found.seed, found.index, found.draws, found.prefix) != (
        row["text"], row["seed"], row["text_index"], row["draws"], row["prefix"],
    ):  # fmt: skip
        raise WrongSuccess("it is not what SQLite reads")
    for name, value in json.loads(row["options"]).items():
        known = getattr(found.params, name)
        if name != "temperature" and known != (tuple(value) if isinstance(value, list) else value):
            raise WrongSuccess(f"{name} is {known!r}, not {value!r}")


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Logs]:
    """Make mutants of a log, and read them."""
    yield _Logs(folder)
