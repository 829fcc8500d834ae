"""The log of `rnn-generate --log`: each text and what made it, in an SQLite file.

A text is on the disk before it is printed. Any number of processes may write at once, each waits
for its turn; a power cut leaves whole texts. SQLite's rollback journal does that with one file, and
nothing beside it at rest.

Threat model: a file from a stranger, or one that was named by mistake. Its header must be that of
such a log before SQLite opens it, which might else roll a foreign database back or change it; its
table must be the one below, with no trigger and no view in its place. What it says of a text is
checked as arguments are.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pi_runtime import checks
from pi_runtime.cli.arguments import target
from pi_runtime.cli.generation_arguments import schedule
from pi_runtime.cli.records import spelt_temperature
from pi_runtime.errors import Error, UsageError, shown, shown_path
from pi_runtime.generation.params import SamplingParams

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = int.from_bytes(b"rnnt")
"""SQLite keeps it in the header, for `file` and others to tell whose database it is."""
VERSION = 1

TABLE = """\
CREATE TABLE texts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    text TEXT,
    seed INTEGER NOT NULL,
    text_index INTEGER NOT NULL,
    draws INTEGER NOT NULL,
    temperature TEXT NOT NULL,
    prefix TEXT,
    options TEXT NOT NULL,
    backend TEXT NOT NULL,
    model TEXT,
    model_path TEXT,
    version TEXT NOT NULL
) STRICT"""

PATIENCE = 10.0
"""Seconds to wait for another process that writes; each needs milliseconds."""

MAX_VALUE = 1 << 26
"""Upper bound on the bytes of a text."""


class LogError(Error):
    """The log cannot be read or written, or is none."""


class LoggedText:
    """A text as it was logged, and what makes it again."""

    def __init__(self, row: dict[str, Any]) -> None:
        """Check a row of the table.

        Raises:
            ValueError, TypeError, UsageError, RecursionError: it is not what `TextLog.add` writes.
        """
        self.text: str | None = row["text"]
        self.time: str = row["time"]
        self.seed = checks.whole_number("seed", row["seed"], 0, checks.MAX_SEED)
        self.index = checks.whole_number("index", row["text_index"], 0, checks.MAX_COUNT)
        self.draws = checks.tries(row["draws"])
        """How often it was drawn: the last of these draws is the text."""
        self.prefix = checks.prefix(row["prefix"])
        options = json.loads(row["options"])
        if not isinstance(options, dict):
            raise ValueError("its options are no object")
        # Both have had their say in `draws`; a stranger's expression may take for ever.
        options = {**options, "original": 0, "reject": ()}
        temperature = schedule(row["temperature"])
        self.params = SamplingParams(**{**options, "temperature": temperature})
        self.backend: str = row["backend"]
        self.model: str | None = row["model"]
        """SHA-256 of the model file; None if the service generated it."""
        self.model_path: str | None = row["model_path"]
        self.version: str = row["version"]


class TextLog:
    """An open log."""

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        """Open the log at `path`; create it if it is not there, unless it is only read.

        Raises:
            LogError: it is something else, damaged, or cannot be written.
            OSError: it cannot be opened.
        """
        self._path = path = Path(path)
        self.name = shown_path(path)
        """What errors call it."""
        self.ids: list[int] = []
        """Of the texts that were added."""
        _check_header(path, os.O_RDWR | os.O_CREAT if create else os.O_RDONLY)
        with self._one_line():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        try:
            with self._one_line():
                self._prepare(create)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, create: bool) -> None:
        run = self._connection.execute
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA cell_size_check = ON")
        run("PRAGMA synchronous = EXTRA")  # also the journal's removal is on the disk
        run("BEGIN IMMEDIATE" if create else "BEGIN")
        is_empty = not run("SELECT * FROM sqlite_schema").fetchall()
        if is_empty and create:  # also if the run that began it was killed
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(TABLE)
            run(f"PRAGMA user_version = {VERSION}")
            run("COMMIT")
            return
        self._check_size()
        self._check_table()
        if create:
            run(f"PRAGMA user_version = {VERSION}")  # a write, to find out whether there can be one
        run("ROLLBACK")

    def _check_table(self) -> None:
        found = self._connection.execute(
            "SELECT type, sql FROM sqlite_schema WHERE tbl_name = 'texts' AND type != 'index'"
        )
        if [tuple(row) for row in found] != [("table", TABLE)]:
            raise LogError(
                f"{self.name}: its table is not the one that --log makes",
                "name another file with --log",
            )

    def _check_size(self) -> None:
        """Check that the file ends with a whole page; SQLite finds out if pages lack."""
        (page,) = self._connection.execute("PRAGMA page_size").fetchone()
        if self._path.stat().st_size % page:
            raise LogError(f"{self.name}: was cut off", "name another file with --log")

    def add(self, record: dict[str, Any], model_path: str | None) -> None:
        """Log a text by its record; when this returns, it is on the disk.

        Raises:
            LogError: it could not be.
        """
        row = {
            "text": record["text"],
            "seed": record["seed"],
            "text_index": record["index"],
            "draws": record["draws"],
            "temperature": spelt_temperature(record["temperature"]),
            "prefix": record["prefix"],
            "options": json.dumps(record["options"], ensure_ascii=False),
            "backend": record["backend"],
            "model": record["model"],
            "model_path": model_path and _storable(Path(model_path).absolute()),
            "version": record["version"],
        }
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        with self._one_line():
            done = self._connection.execute(
                f"INSERT INTO texts ({names}) VALUES ({places})",  # noqa: S608 - names of ours
                row,
            )
        self.ids.append(done.lastrowid or 0)

    def text(self, number: int) -> LoggedText:
        """Return the text of that id.

        Raises:
            LogError: there is none, or what is there was not logged by this package.
        """
        with self._one_line():
            found = self._connection.execute("SELECT * FROM texts WHERE id = ?", (number,))
            row = found.fetchone()
            last = self._connection.execute("SELECT max(id) FROM texts").fetchone()[0]
        if row is None:
            there = "it is empty" if last is None else f"its last one is {last}"
            raise LogError(f"{self.name}: has no text {number}", there)
        try:
            return LoggedText(dict(row))
        except (ValueError, TypeError, UsageError, RecursionError) as error:
            raise LogError(
                f"{self.name}: what makes text {number} is not known here ({shown(error, 200)})",
                f"version {shown(row['version'], 20)} of textgenrnn-pi logged it",
            ) from None

    def report(self) -> str:
        """Return what is said of the texts that were added."""
        first, last = self.ids[0], self.ids[-1]
        if first == last:
            return f"logged as {first}"
        between = "" if last - first + 1 == len(self.ids) else ", others between them"
        return f"logged as {first} to {last}{between}"

    def close(self) -> None:
        """Close the file."""
        with self._one_line():
            self._connection.close()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        """Turn what SQLite raises into one sentence."""
        try:
            yield
        # A message may quote bytes of a damaged file, which Python cannot decode.
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if "locked" in str(error):
                todo = "another program writes to it; end that, or try again"
            elif isinstance(error, sqlite3.OperationalError):
                todo = "name a file in another folder with --log"
            else:
                todo = "name another file with --log"
            raise LogError(f"{self.name}: {shown(error, 200)}", todo) from None


def check_log(name: str, output: Path | None) -> None:
    """Check, before the work, that texts can be logged there, as far as can be told without it.

    Raises:
        UsageError: it cannot be written, or is where the texts go.
        LogError: it is no log.
        OSError: it cannot be opened.
    """
    path = target("--log", "name one", replaced=False)(name)
    if output is not None and output.resolve() == path.resolve():
        raise UsageError("-o and --log name the same file", "name two")
    if path.exists():
        _check_header(path, os.O_RDONLY)


def _check_header(path: Path, flags: int) -> None:
    """Open a file and check that it is a log, or empty, as a new one is."""
    name = shown_path(path)
    # A pipe without a writer would let this wait for ever. Texts are their owner's business.
    flags |= os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags, 0o600)
    try:
        is_file = stat.S_ISREG(os.fstat(handle).st_mode)
        header = os.read(handle, 100) if is_file else b"no file"
    finally:
        os.close(handle)
    if not header:
        return
    if not header.startswith(MAGIC):
        raise LogError(f"{name}: is no log of texts", "name another file with --log")
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise LogError(f"{name}: is another program's database", "name another file with --log")
    version = int.from_bytes(header[60:64])
    if version != VERSION:
        raise LogError(
            f"{name}: is a log of version {version}, this package knows {VERSION}",
            "name another file with --log, or install the package that wrote it",
        )


def _storable(path: Path) -> str | None:
    """Return a path as text, if it is UTF-8: SQLite takes no other."""
    try:
        return bytes(path).decode()
    except UnicodeDecodeError:
        return None
