"""Instructions and memory lines a token: counted, kept in counts.json, and compared.

    counts.py MODELS           count each network and backend of this environment, and compare
    counts.py MODELS --keep    and keep what was counted

Only what the same programs have computed is compared: another NumPy has other kernels.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cachegrind
from cachegrind import ALL, CACHES, LINE, Functions

KEPT = Path(__file__).with_name("counts.json")
TOLERANCE = 0.03
"""What more or less is a change of instructions."""
LINES_TOLERANCE = 0.15
"""The same of lines. Where memory lies decides some misses of a network about as large as the
cache: 11 % was seen between two runs of the same program."""
FEW_LINES = 500
"""Lines a token, 32 KB, that may come and go: a network that fits the cache reads hardly any."""
SMALL_SHARE = 0.01
"""Functions with a smaller share are not kept."""
INTERPRETERS = {"tflite": ("ai-edge-litert", "tflite-runtime"), "onnx": ("onnxruntime",)}


@dataclass(frozen=True)
class Row:
    """What was counted of a network with a backend, a token, and of which programs."""

    network: str
    backend: str
    programs: dict[str, str]
    instructions: int
    lines: dict[str, int]
    """By the size of the last level of cache."""
    functions: dict[str, int]
    """The instructions of those that matter."""
    function_lines: dict[str, int]
    """Their lines with the small cache."""

    @property
    def environment(self) -> str:
        """Like "Python 3.11"."""
        return "Python " + ".".join(self.programs["Python"].split(".")[:2])

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is a count of."""
        return self.environment, self.network, self.backend


def count(models: Path, caches: Sequence[str] = tuple(CACHES)) -> list[Row]:
    """Return the rows of this environment; each cache is a run of its own, all at once."""
    # Once without valgrind: Python compiles what it imports for the first time.
    subprocess.run([sys.executable, cachegrind.COUNTED, models], capture_output=True, check=True)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(_run, models, cache) for cache in caches]
        rows: dict[tuple[str, str], Row] = {}
        for cache, run in zip(caches, runs, strict=True):
            for network, backend, functions in run.result():
                if (network, backend) not in rows:
                    rows[network, backend] = _row(network, backend, functions)
                rows[network, backend].lines[cache] = round(functions[ALL].lines)
    return list(rows.values())


def _run(models: Path, cache: str) -> list[tuple[str, str, Functions]]:
    return list(cachegrind.run(models, cache))


def _row(network: str, backend: str, functions: Functions) -> Row:
    everything = functions[ALL]

    def kept(amounts: dict[str, float], total: float) -> dict[str, int]:
        large = {name: n for name, n in amounts.items() if n > SMALL_SHARE * total and name != ALL}
        return {name: round(large[name]) for name in sorted(large, key=lambda name: -large[name])}

    return Row(
        network,
        backend,
        programs(backend),
        round(everything.instructions),
        {},
        kept(
            {name: each.instructions for name, each in functions.items()}, everything.instructions
        ),
        kept({name: each.lines for name, each in functions.items()}, everything.lines),
    )


def programs(backend: str) -> dict[str, str]:
    """Return the versions of all that a count depends on."""
    import numpy

    libraries = Path(numpy.__file__).parent.parent / "numpy.libs"
    found = {
        "Python": " ".join(sys.version.split()),
        "C library": " ".join(platform.libc_ver()),
        "NumPy": numpy.__version__,
        "OpenBLAS": " ".join(sorted(file.name for file in libraries.glob("*openblas*"))),
        "valgrind": subprocess.run(
            ["valgrind", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
    }
    if found_interpreter := interpreter(backend):
        found["interpreter"] = found_interpreter
    return found


def interpreter(backend: str) -> str:
    """Return the package that runs a backend here, with its version; "" if there is none."""
    for package in INTERPRETERS.get(backend.split()[0], ()):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return ""


def read() -> list[Row]:
    """Return the rows that are kept."""
    return [Row(**row) for row in json.loads(KEPT.read_text())]


def keep(rows: Iterable[Row]) -> None:
    """Replace the rows of the same environments, networks and backends."""
    kept = {row.key: row for row in (read() if KEPT.exists() else [])}
    for row in rows:
        kept[row.key] = row
    text = json.dumps([asdict(kept[key]) for key in sorted(kept)], indent=1, ensure_ascii=False)
    KEPT.write_text(text + "\n")


def compare(rows: Iterable[Row], kept: Sequence[Row]) -> Iterator[tuple[Row, str | None]]:
    """Yield each row with what has changed: "" for nothing, None if there is nothing to compare."""
    before = {row.key: row for row in kept}
    for row in rows:
        old = before.get(row.key)
        yield row, changed(old, row) if old and old.programs == row.programs else None


def changed(old: Row, new: Row) -> str:
    """Return what has changed beyond the tolerance, and in which functions; "" for nothing."""
    found = []
    if abs(new.instructions / old.instructions - 1) > TOLERANCE:
        found.append(_change("instructions", old.instructions, new.instructions))
        found.append(_most(old.functions, new.functions))
    for cache in sorted(old.lines.keys() & new.lines.keys(), reverse=True):
        far = abs(new.lines[cache] - old.lines[cache])
        if far > max(FEW_LINES, LINES_TOLERANCE * old.lines[cache]):
            what = f"lines from memory with a cache of {cache}"
            found.append(_change(what, old.lines[cache], new.lines[cache]))
            found.append(_most(old.function_lines, new.function_lines))
    where = f"{new.network}, {new.backend}, {new.environment}: "
    return where + "; ".join(found) if found else ""


def _change(what: str, old: float, new: float) -> str:
    return f"{old:,.0f} {what} a token have become {new:,.0f} ({new / max(old, 1) - 1:+.1%})"


def _most(old: dict[str, int], new: dict[str, int]) -> str:
    """Say which three functions changed most."""
    change = {name: new.get(name, 0) - old.get(name, 0) for name in old.keys() | new.keys()}
    most = sorted(change, key=lambda name: (-abs(change[name]), name))[:3]
    return "most of it in " + ", ".join(f"{name} ({change[name]:+,})" for name in most)


def table(rows: Iterable[Row]) -> str:
    """Return the rows in Markdown."""
    lines = [
        "| network | backend | | M instructions | MB with 512 KB | MB with 1 MB |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        cells = [
            f"{row.lines[cache] * LINE / 1e6:.2f}" if cache in row.lines else "" for cache in CACHES
        ]
        runtime = row.programs.get("interpreter") or f"NumPy {row.programs['NumPy']}"
        lines.append(
            f"| {row.network} | {row.backend} | {runtime} "
            f"| {row.instructions / 1e6:.2f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Count, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    rows = count(args.models)
    print(table(rows))
    if args.keep:
        keep(rows)
        return 0
    status = 0
    for row, what in compare(rows, read()):
        if what:
            print(f"changed: {what}", file=sys.stderr)
            status = 1
        elif what is None:
            print(f"not compared: {', '.join(row.key)}: other programs", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
