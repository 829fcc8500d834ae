"""What is known of a text, by field: for --json, --csv and --log. `record.schema.json` and
docs/formats.md describe the fields.
"""

from __future__ import annotations

import json
from functools import cached_property

from pi_runtime._version import __version__
from pi_runtime.errors import UsageError, shown_path

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pi_runtime.cli.clock import Clock
    from pi_runtime.cli.sources import Source
    from pi_runtime.generation.drawn import DrawnText

COLUMNS = (
    "index", "text", "seed", "temperature", "prefix", "options", "characters", "seconds", "backend",
    "model", "version", "draws", "copied", "longest_run",
)  # fmt: skip
"""Of the CSV. New ones are added at the end."""

CSV_HEAD = ",".join(COLUMNS) + "\r\n"

FORMULAS = "=+-@\t\r\n＝＋－＠"
"""What a cell begins with that a spreadsheet computes instead of showing it."""


class Run:
    """What the texts of one run have in common."""

    def __init__(
        self,
        source: Source,
        prefix: str | None,
        sampling: dict[str, Any],
        clock: Clock,
    ) -> None:
        self.sampling = sampling
        self._source = source
        self._prefix = prefix
        self._clock = clock
        self._begun = clock.seconds()

    @cached_property
    def _options(self) -> dict[str, Any]:
        """Those that are not at their default, the temperature among them in any case."""
        # Here, not above: texts without records need none of it from the service.
        from dataclasses import fields

        from pi_runtime.generation.params import SamplingParams

        params = SamplingParams(**self.sampling)
        values = {option.name: getattr(params, option.name) for option in fields(params)}
        return {
            option.name: values[option.name]
            for option in fields(params)
            if option.name == "temperature" or values[option.name] != option.default
        }

    def record(self, drawn: DrawnText, found: dict[str, float]) -> dict[str, Any]:
        """Return the record of a text that was just drawn, with what else was found of it."""
        options = dict(self._options)
        return {
            "text": drawn.text,
            "seed": self._source.seed,
            "index": drawn.index,
            "temperature": options.pop("temperature"),
            "prefix": self._prefix,
            "options": options,
            "backend": self._source.backend,
            "model": self._source.sha256,
            "version": __version__,
            "characters": len(drawn.text or ""),
            "seconds": round(self._clock.seconds() - self._begun, 6),
            "draws": drawn.draws,
            **found,
        }


def json_line(record: dict[str, Any]) -> str:
    """Return a record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def csv_row(record: dict[str, Any]) -> str:
    """Return a record as a row of CSV (RFC 4180), in the order of `COLUMNS`; None is empty."""
    import csv
    import io

    cells = {
        **record,
        "text": guarded(record["text"]),
        "prefix": guarded(record["prefix"]),
        "temperature": spelt_temperature(record["temperature"]),
        "options": json.dumps(record["options"], ensure_ascii=False),
    }
    row = io.StringIO(newline="")
    csv.writer(row).writerow(cells.get(name) for name in COLUMNS)
    return row.getvalue()


def check_csv(path: Path) -> None:
    """Check that rows may be added to a file: it is empty, or a CSV of these columns.

    Raises:
        UsageError: it is something else, or its last row was cut off, and would take in the next.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(2 * len(CSV_HEAD))
        file.seek(-min(1, len(head)), 2)
        end = file.read()
    if not head:
        return
    # A spreadsheet may have saved it, with a mark and line breaks of its own.
    names = head.removeprefix(b"\xef\xbb\xbf").splitlines()[0]
    if names != CSV_HEAD.strip().encode():
        raise UsageError(
            f"{shown_path(path)}: its first line is not the names of the columns",
            "name another file with -o, or leave out --append",
        )
    if end != b"\n":
        raise UsageError(f"{shown_path(path)}: its last row was cut off", "remove that row")


def guarded(text: str | None) -> str | None:
    """Return text that no spreadsheet computes: a formula gets an apostrophe before it.

    So does one with apostrophes before it already: whoever takes off the first of the apostrophes
    before a formula has every text as it was.

    >>> guarded("- Who goes there?"), guarded("'=1"), guarded("'Tis I.")
    ("'- Who goes there?", "''=1", "'Tis I.")
    """
    bare = (text or "").lstrip("'")
    return f"'{text}" if bare and bare[0] in FORMULAS else text


def spelt_temperature(temperature: tuple[float, ...] | str) -> str:
    """Return a temperature as --temperature takes it.

    >>> spelt_temperature((1.0, 0.5)), spelt_temperature("0.2..1.0")
    ('1.0,0.5', '0.2..1.0')
    """
    if isinstance(temperature, str):
        return temperature
    return ",".join(map(repr, temperature))
