"""What rnn-generate prints: texts with what stands between them, or a record of each."""

from __future__ import annotations

import argparse
import json
import sys
import time

from pi_runtime.cli.progress import DELAY, counted, open_bar
from pi_runtime.cli.shards import asked
from pi_runtime.errors import UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pi_runtime.cli.sources import ModelSource, ServiceSource
    from pi_runtime.generation.drawn import DrawnText


def separator(text: str) -> str:
    """Read a separator with its escapes."""
    known = {"n": "\n", "t": "\t", "\\": "\\"}
    letters = iter(text)
    found = ""
    for letter in letters:
        if letter == "\\":
            escape = next(letters, "")
            if escape not in known:
                raise UsageError(
                    f"--separator has \\{escape}", r"write \n, \t or \\; for NUL take -0"
                )
            letter = known[escape]
        found += letter
    return found


class Clock:
    """Counts characters against time, for the speed line."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._characters = 0

    def count(self, text: str) -> str:
        """Count a text; return it."""
        self._characters += len(text)
        return text

    def seconds(self) -> float:
        """Return the seconds that have passed."""
        return time.perf_counter() - self._start

    def report(self) -> str:
        """Return the line that says how fast it was."""
        rate = self._characters / max(self.seconds(), 1e-9)
        return f"{self._characters} characters, {rate:.0f} per second"


def chunks(
    source: ModelSource | ServiceSource,
    args: argparse.Namespace,
    runs: list[dict[str, Any]],
    clock: Clock,
) -> Iterator[str]:
    """Yield the output text by text, each with what stands before and behind it.

    A bar shows how far it is, unless the texts go to the terminal themselves.
    """
    numbers = asked(args)
    total = len(numbers) * len(runs)
    more = args.append and args.output.is_file() and args.output.stat().st_size > 0
    silent = args.quiet or total == 1 or (args.output is None and sys.stdout.isatty())
    bar = open_bar(total, quiet=silent, unit="text", leave=False, delay=DELAY)
    try:
        for number, sampling in enumerate(runs):
            if args.samples and not args.json:
                apart = "\n" if number or more else ""
                yield f"{apart}# temperature {sampling['temperature'][0]}\n"
            begun = clock.seconds()
            between = Between(args, more=more and not args.samples)
            if numbers and numbers.start and not args.json:
                # The last text of the part before, which decides what stands behind it.
                between.follow(*source.texts(args, sampling, range(numbers.start)[-1:]))
            for drawn in counted(source.texts(args, sampling), bar):
                index, text = drawn.index, clock.count(drawn.text)
                if not args.json:
                    yield between.around(text, last=index == args.n - 1 and not args.append)
                    continue
                record = {
                    "text": text,
                    "seed": source.seed,
                    "index": index,
                    "temperature": sampling["temperature"],
                    "prefix": args.prefix,
                    "backend": source.backend,
                    "characters": len(text),
                    "seconds": round(clock.seconds() - begun, 6),
                }
                yield json.dumps(record, ensure_ascii=False) + "\n"
    finally:
        if bar is not None:
            bar.close()


class Between:
    """What stands between texts. It remembers of the one before whether it had a line break."""

    def __init__(self, args: argparse.Namespace, *, more: bool = False) -> None:
        """`more` says that the texts follow others, which are taken for single lines."""
        self._separator = "\0" if args.null else args.separator
        self._end = "\0" if args.null else "\n"
        self._broken: bool | None = False if more else None

    def follow(self, before: DrawnText) -> None:
        """Let the texts follow one that is written elsewhere."""
        self._broken = "\n" in before.text

    def around(self, text: str, *, last: bool) -> str:
        """Return a text with what belongs before and behind it."""
        if self._separator is not None:
            return text + (self._end if last else self._separator)
        before, self._broken = self._broken, "\n" in text
        apart = before is not None and (before or self._broken)
        return f"{chr(10) if apart else ''}{text}\n"
