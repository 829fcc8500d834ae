"""Print what each writer leaves after each fault: python -m tests.faults all|NAME… [--sample N].

With --sample, N of the points of each, chosen by chance, and as many kills at any moment.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from tests.faults.table import HEAD, MOMENTS, Trial, row
from tests.faults.writers import WRITERS


def main() -> None:
    names = [writer.name for writer in WRITERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=["all", *names], metavar="all|NAME")
    parser.add_argument("--sample", type=int, metavar="N")
    args = parser.parse_args()
    print(HEAD, flush=True)
    for writer in WRITERS:
        if writer.name not in args.names and "all" not in args.names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(writer, Path(folder))
            points, moments = trial.points_and_kinds(), MOMENTS
            if args.sample:
                moments = min(args.sample, MOMENTS)
                points = random.Random(0).sample(points, min(args.sample, len(points)))
            results = [trial.fault(*point) for point in points]
            results += [trial.kill(seconds) for seconds in trial.moments(moments)]
        print(row(writer, results), flush=True)
        for result in results:
            if result.wrong or result.stray or result.state == "lost":
                print(f"  {result.point}: {result.state} {sorted(result.stray)} {result.wrong}")


main()
