"""What rnn-generate prints: texts with what stands between them, or a record of each."""

from __future__ import annotations

import argparse
import sys

from pi_runtime.cli.clock import Clock
from pi_runtime.cli.progress import DELAY, counted, open_bar
from pi_runtime.cli.records import CSV_HEAD, Run, csv_row, json_line
from pi_runtime.cli.sources import asked
from pi_runtime.errors import RejectedError, UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pi_runtime.cli.copies import Copies
    from pi_runtime.cli.sources import Source
    from pi_runtime.cli.text_log import TextLog
    from pi_runtime.generation.drawn import DrawnText


def separator(text: str) -> str:
    """Read a separator with its escapes."""
    return unescaped(text, "--separator", "; for NUL take -0")


def unescaped(text: str, option: str, more: str = "") -> str:
    """Read the escapes in an option's value; `more` is advice for the one who writes others."""
    known = {"n": "\n", "t": "\t", "\\": "\\"}
    letters = iter(text)
    found = ""
    for letter in letters:
        if letter == "\\":
            escape = next(letters, "")
            if escape not in known:
                raise UsageError(f"{option} has \\{escape}", rf"write \n, \t or \\{more}")
            letter = known[escape]
        found += letter
    return found


def chunks(
    source: Source,
    args: argparse.Namespace,
    runs: list[dict[str, Any]],
    clock: Clock,
    log: TextLog | None = None,
    copies: Copies | None = None,
) -> Iterator[str]:
    """Yield the output text by text, each with what stands before and behind it.

    A text is in the log before it is yielded. A bar shows how far it is, unless the texts go to the
    terminal themselves.

    Raises:
        RejectedError: no text was accepted.
    """
    total = len(asked(args)) * len(runs)
    silent = args.quiet or total == 1 or (args.output is None and sys.stdout.isatty())
    bar = open_bar(total, quiet=silent, unit="text", leave=False, delay=DELAY)
    form = form_of(args)
    if form.head and not args.append and (not args.shard or args.shard[0] == 1):
        yield form.head
    try:
        for sampling in runs:
            run = Run(source, args.prefix, sampling, clock)
            if heading := form.begin(run):
                yield heading
            if args.shard and isinstance(form, Lines):
                form.follow(source.before(args, sampling))
            for drawn in counted(source.texts(args, sampling), bar):
                found: dict[str, float] = {}
                if drawn.text is None:
                    clock.left_out += 1
                else:
                    clock.count(drawn.text)
                    if copies is not None:
                        found = copies.of(drawn.text)
                    if log is not None:
                        log.add(run.record(drawn, found), source.path)
                if chunk := form.around(drawn, found):
                    yield chunk
                if found and copies is not None and isinstance(form, Lines):
                    copies.tell(drawn.index, found)
            if end := form.end_of_run():
                yield end
        if clock.left_out == total and not args.shard:
            raise RejectedError("no text was accepted", "allow more tries, or reject less")
    finally:
        if bar is not None:
            bar.close()


def form_of(args: argparse.Namespace) -> Lines | Records:
    """Return what the texts are written as."""
    if args.json:
        return Records(json_line)
    return Records(csv_row, CSV_HEAD) if args.csv else Lines(args)


class Lines:
    """The texts themselves; those of --samples below headings."""

    head = ""
    """What a file begins with."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.end = "\0" if args.null else "\n" if args.separator is None else args.separator
        """What a file that may be added to ends with."""
        self._args = args
        self._more = args.append and args.output.is_file() and args.output.stat().st_size > 0

    def begin(self, run: Run) -> str:
        """Return what stands before the texts of a run."""
        apart = "\n" if self._more else ""
        self._between = Between(self._args, more=self._more and not self._args.samples)
        self._more = True
        if not self._args.samples:
            return ""
        return f"{apart}# temperature {run.sampling['temperature'][0]}\n"

    def follow(self, before: str | None) -> None:
        """Let the texts follow one of another part of the whole."""
        if before is not None:
            self._between.around(before)

    def around(self, drawn: DrawnText, found: dict[str, float]) -> str:
        """Return a text with what belongs before and behind it; nothing of a rejected one."""
        return "" if drawn.text is None else self._between.around(drawn.text)

    def end_of_run(self) -> str:
        """Return what stands behind the texts of a run, unless another part follows."""
        which, parts = self._args.shard or (1, 1)
        return self._between.end() if which == parts else ""


class Records:
    """A record per text, each in a line."""

    end = "\n"

    def __init__(self, line: Callable[[dict[str, Any]], str], head: str = "") -> None:
        self.head = head
        self._line = line

    def begin(self, run: Run) -> str:
        """Remember what the texts have in common."""
        self._run = run
        return ""

    def around(self, drawn: DrawnText, found: dict[str, float]) -> str:
        """Return a text's line, with what else was found of it."""
        return self._line(self._run.record(drawn, found))

    def end_of_run(self) -> str:
        """Return nothing: every line is whole."""
        return ""


class Between:
    """What stands between texts. It remembers of the one before whether it had a line break."""

    def __init__(self, args: argparse.Namespace, *, more: bool = False) -> None:
        """`more` says that the texts follow others, which are taken for single lines."""
        self._separator = "\0" if args.null else args.separator
        self._behind_each = args.null or args.append
        self._broken: bool | None = False if more else None

    def around(self, text: str) -> str:
        """Return a text with what belongs before and behind it."""
        before, self._broken = self._broken, "\n" in text
        if self._separator is None:
            apart = before is not None and (before or self._broken)
            return f"{chr(10) if apart else ''}{text}\n"
        if self._behind_each:
            return text + self._separator
        return text if before is None else self._separator + text

    def end(self) -> str:
        """Return what belongs behind the last text."""
        begun = self._broken is not None
        return "\n" if begun and self._separator is not None and not self._behind_each else ""
