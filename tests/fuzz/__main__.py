"""Run mutants of a kind by number; print each offence, then the counts. Exits 1 on offences."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.cases import KINDS, OFFENCES, Outcome, Verdict, open_fuzzer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="this mutant alone")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep offending mutants there")
    args = parser.parse_args()
    numbers = range(args.first, args.first + args.count)
    if args.only is not None:
        numbers = range(args.only, args.only + 1)
    counts: Counter[Verdict] = Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_fuzzer(args.kind, Path(folder)) as fuzzer,
    ):
        for number in numbers:
            outcome = fuzzer.run(number)
            counts[outcome.verdict] += 1
            offends = outcome.verdict in OFFENCES
            if offends or args.only is not None:
                print(f"{number}: {outcome.verdict.value}: {outcome.what}", flush=True)
            if args.save and (offends or args.only is not None):
                _save(outcome, args.save / f"{args.kind}-{number}")
            if sum(counts.values()) % 500 == 0:
                print(_line(counts), file=sys.stderr, flush=True)
    print(_line(counts))
    return int(any(counts[verdict] for verdict in OFFENCES))


def _save(outcome: Outcome, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in outcome.files.items():
        (folder / name).write_bytes(content)


def _line(counts: Counter[Verdict]) -> str:
    found = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    return f"{sum(counts.values())} mutants: {found}"


if __name__ == "__main__":
    sys.exit(main())
