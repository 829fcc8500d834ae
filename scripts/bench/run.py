"""Run every peer side by side and print the tables. Called by scripts/benchmark."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from compare import Ours, compare, ours
from processes import conversions, one_off
from sizes import BIDIRECTIONAL, STOCK, WORDS, Size

HERE = Path(__file__).parent
BASE = Size(2, 128, 40, 100)
GROWN = {
    "2 × 128, window 40, 100 classes": BASE,
    "… window 80": replace(BASE, window=80),
    "… 256 units": replace(BASE, units=256),
    "… 4 layers": replace(BASE, layers=4),
    "… 2000 classes": replace(BASE, classes=2000),
}


def prepared(bench: Path, size: Size, stock: Path | None = None) -> Path:
    """Build every peer's files of a network, once; return their folder."""
    place = "stock" if stock else "-".join(map(str, (size.kind, size.layers, size.units,
                                                     size.window, size.classes)))  # fmt: skip
    folder = bench / "models" / place
    if not (folder / "peers.json").exists():
        numbers = map(str, (size.layers, size.units, size.window, size.classes))
        kind = "words" if size.word_level else size.kind
        how = ["stock", str(stock)] if stock else ["random", *numbers, kind]
        python = bench / "desktop" / "bin" / "python"
        argv = [str(python), str(HERE / "peers.py"), str(folder), *how]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
    return folder


def growth(bench: Path, count: int) -> dict[str, list[Ours]]:
    """How our cost grows with each dimension of a network, of both kinds."""
    found = {}
    for kind in (False, True):
        folders = {
            title: prepared(bench, replace(size, bidirectional=kind))
            for title, size in GROWN.items()
        }
        label = "bidirectional" if kind else "forward-only"
        print(f"\nHow a token's cost grows, ms, tflite on LiteRT / numpy:\n\n| {label} | |")
        print("| --- | ---: |")
        found[label] = ours(bench, folders, (1,), count)
    return found


def processor() -> str:
    """Return the name of this machine's processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def int8(folder: Path) -> dict[str, Any]:
    """How far int8 is from float32."""
    quality = json.loads((folder / "peers.json").read_text())["reports"]["int8"]
    far: dict[str, Any] = quality["divergence"]
    print(
        f"\nint8, stock model: {quality['bytes'] / 1e6:.1f} MB, KL divergence from float32 "
        f"{far['kl_mean']:.1e} on average, {far['kl_max']:.1e} at most, "
        f"the same likeliest token in {far['argmax_agreement']:.0%} of windows"
    )
    return far


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--stock", type=Path, required=True, help="textgenrnn's stock weights")
    args = parser.parse_args()
    few, many = (1, 2) if args.quick else (5, 9)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"{platform.machine()}, {processor()}, {os.cpu_count()} cores, one thread a process")
    networks = {
        "Stock model, 2 × 128, window 40, 465 classes": (
            prepared(args.bench, STOCK, args.stock), STOCK,
        ),
        "4 × 128 bidirectional, window 40, 100 classes": (
            prepared(args.bench, BIDIRECTIONAL), BIDIRECTIONAL,
        ),
        "2 × 128, window 10, 10,000 words": (prepared(args.bench, WORDS), WORDS),
    }  # fmt: skip
    stock = next(folder for folder, _ in networks.values())
    report: dict[str, Any] = {
        "processor": processor(),
        "peers": [
            compare(args.bench, folder, title, size, many)
            for title, (folder, size) in networks.items()
        ],
        "one_off": one_off(args.bench, stock, many),
        "conversions": conversions(args.bench, networks, 1 if args.quick else 3),
    }
    if not args.quick:
        print("\nSo many texts at once, ms a token in all, tflite on LiteRT / numpy:\n")
        print("| network | 1 | 4 | 16 | 64 |\n| --- | ---: | ---: | ---: | ---: |")
        folders = {title: folder for title, (folder, _) in networks.items()}
        report["many"] = ours(args.bench, folders, (1, 4, 16, 64), few)
        report["growth"] = growth(args.bench, few)
    report["int8"] = int8(stock)
    Path("benchmark.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    print("\nall figures: benchmark.json")


if __name__ == "__main__":
    main()
