"""Instructions a token on aarch64: aarch64.py MODELS FOLDER [--keep]. See `aarch64`, its caller.

Kept in aarch64.json, by processor, network and backend; only `estimates` reads them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "aarch64.json"
PROCESSORS = ("cortex-a53", "cortex-a72", "cortex-a76")
"""Of a Pi 3 and a Zero 2 W, of a Pi 4, of a Pi 5."""

Counts = dict[str, dict[str, int]]
"""By network and backend."""


def count(processor: str, models: Path, folder: Path) -> Counts:
    """Return the instructions a token of each network and backend."""
    path = f"{folder / 'wheels'}:{HERE.parents[1]}"
    settings = ("PYTHONHASHSEED=0", "OPENBLAS_NUM_THREADS=1", f"PYTHONPATH={path}", "LANG=C.UTF-8")
    argv = [
        "qemu-aarch64", "-L", folder / "root", "-cpu", processor,
        "-plugin", folder / "instructions.so", "-E", ",".join(settings),
        folder / "root/usr/bin/python3.11", "-B", HERE / "counted.py", models,
    ]  # fmt: skip
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: the counted program failed\n{done.stderr[-3000:]}")
    lines = (line.split() for line in done.stderr.splitlines())
    made = {int(line[1]): int(line[2]) for line in lines if line[:1] == ["instructions"]}
    counts: Counts = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        before, after = (made[process] for process in row["processes"])
        counts.setdefault(row["network"], {})[row["backend"]] = (after - before) // row["tokens"]
    return counts


def main(models: Path, folder: Path, *options: str) -> None:
    """Count on each processor."""
    counted = {name: count(name, models, folder) for name in PROCESSORS}
    text = json.dumps(counted, indent=1)
    if "--keep" in options:
        KEPT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
