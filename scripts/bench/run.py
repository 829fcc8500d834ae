"""Run every peer side by side and print the table. Called by scripts/benchmark."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

HERE = Path(__file__).parent
PEAK_MFLOP = 2 * 1024**3 / 1e6  # of one product of 1024 × 1024 matrices

LITERT_PEERS = (
    "sgemm",
    "tflite",
    "tflite ×64",
    "tflite int8",
    "tflite ×64 int8",
    "numpy",
    "numpy ×64",
    "Keras TFLite, whole window",
)
DESKTOP_PEERS = (
    "tflite",
    "numpy",
    "Keras TFLite, whole window",
    "ONNX Runtime, whole window",
    "NumPy, whole window",
)
RUNTIME = {"litert": "LiteRT, Python 3.13", "desktop": "tflite-runtime, Python 3.11"}


class Row(TypedDict):
    """A peer's figure."""

    way: str
    environment: str
    ms: float


class Comparison(TypedDict):
    """All peers on one network."""

    title: str
    mflop: float
    gflops: float
    bound_ms: float
    rows: list[Row]


@dataclass
class Peer:
    """A worker process that waits for its turn."""

    name: str
    environment: str
    process: subprocess.Popen[str]
    seconds: list[float]

    @classmethod
    def start(cls, bench: Path, environment: str, name: str, folder: Path) -> Peer | None:
        python = bench / environment / "bin" / "python"
        if not python.exists():
            return None
        process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        for line in process.stdout:
            if line == "ready\n":
                return cls(name, environment, process, [])
        print(f"  {name} ({environment}) does not run here", file=sys.stderr)
        return None

    def turn(self, tokens: int) -> None:
        """Let it make so many tokens, and note the seconds a token."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{tokens}\n")
        self.process.stdin.flush()
        self.seconds.append(float(self.process.stdout.readline()))

    @property
    def milliseconds(self) -> float:
        """The median of its turns, a token."""
        return 1000 * statistics.median(self.seconds)


def mflop_a_token(layers: int, units: int, window: int, embedding: int, both: bool) -> float:
    """Return the multiplications and additions of the matrix products alone, in millions.

    Forward-only networks in flight: the first layer's input product is one row. Bidirectional
    ones compute all of it for every window.
    """
    ways = 2 if both else 1
    total, width = 0, embedding
    for level in range(layers):
        inputs = width if both or level else 0
        total += 2 * ways * window * (inputs + units) * 4 * units
        width = ways * units
    return total / 1e6


def compare(bench: Path, folder: Path, title: str, mflop: float, rounds: int) -> Comparison:
    """Run all peers on one network and print their table."""
    wanted = [("litert", name) for name in LITERT_PEERS]
    wanted += [("desktop", name) for name in DESKTOP_PEERS]
    wanted += [("textgenrnn", "textgenrnn 1.4.1, TF 1.15")]
    started = [Peer.start(bench, environment, name, folder) for environment, name in wanted]
    peers = [peer for peer in started if peer]
    for _ in range(rounds):
        for peer in peers:
            tokens = 20 if peer.name == "sgemm" else 2000 if "×64" in peer.name else 150
            peer.turn(tokens)
    for peer in peers:
        peer.process.terminate()
    (sgemm,) = (peer for peer in peers if peer.name == "sgemm")
    gflops = PEAK_MFLOP / sgemm.milliseconds
    bound = mflop / gflops
    print(f"\n{title}: {mflop:.1f} MFLOP per token, sgemm peak {gflops:.0f} GFLOP/s\n")
    print("| way | runtime | ms per token | share of the sgemm bound |")
    print("| --- | --- | ---: | ---: |")
    rows: list[Row] = []
    for peer in sorted((p for p in peers if p is not sgemm), key=lambda p: p.milliseconds):
        ours = peer.name.startswith(("tflite", "numpy"))
        share = f"{bound / peer.milliseconds:.0%}" if ours and "int8" not in peer.name else ""
        runtime = RUNTIME.get(peer.environment, "") if "tflite" in peer.name.lower() else ""
        label = f"**{peer.name}**" if ours else peer.name
        print(f"| {label} | {runtime} | {peer.milliseconds:.3f} | {share} |")
        rows.append({"way": peer.name, "environment": peer.environment, "ms": peer.milliseconds})
    return {"title": title, "mflop": mflop, "gflops": gflops, "bound_ms": bound, "rows": rows}


def many(bench: Path, folders: dict[str, Path], rounds: int) -> list[dict[str, Any]]:
    """How the cost falls with the number of texts in the making."""
    print("\nSo many texts at once, ms a token in all (tflite on LiteRT / numpy):\n")
    print("| network | 1 | 4 | 16 | 64 |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rows: list[dict[str, Any]] = []
    for title, folder in folders.items():
        cells = []
        for streams in (1, 4, 16, 64):
            label = "" if streams == 1 else f" ×{streams}"
            found = [
                timed(bench, f"{backend}{label}", folder, 100 if streams == 1 else 2000, rounds)
                for backend in ("tflite", "numpy")
            ]
            cells.append(" / ".join(f"{ms:.2f}" for ms in found if ms))
            rows.append({"network": title, "streams": streams, "ms": found})
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    return rows


def timed(bench: Path, name: str, folder: Path, tokens: int, rounds: int) -> float | None:
    """Return the milliseconds that one of ours takes a token on LiteRT."""
    peer = Peer.start(bench, "litert", name, folder)
    if peer is None:
        return None
    for _ in range(rounds):
        peer.turn(tokens)
    peer.process.terminate()
    return peer.milliseconds


def print_ratios(comparisons: dict[str, Comparison]) -> None:
    """How many times as long each peer takes as ours, in this run."""
    print("\nTimes as long as ours (tflite on LiteRT), and ours on tflite-runtime:\n")
    for title, comparison in comparisons.items():
        rows = comparison["rows"]
        ours = {row["environment"]: row["ms"] for row in rows if row["way"] == "tflite"}
        for row in rows:
            ratios = [
                f"{row['ms'] / ms:.2f} × {environment}"
                for environment, ms in ours.items()
                if environment in ("litert", row["environment"])
            ]
            print(f"- {title}: {row['way']} ({row['environment']}): {', '.join(ratios)}")


def growth(bench: Path, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """How our cost grows with each dimension of a network, both kinds."""
    base = {"layers": 2, "units": 128, "window": 40, "classes": 100}
    changes: list[dict[str, int]] = [
        {},
        {"window": 80},
        {"units": 256},
        {"layers": 4},
        {"classes": 2000},
    ]
    python = bench / "desktop" / "bin" / "python"
    rows: list[dict[str, Any]] = []
    print("\nHow a token's cost grows, ms (tflite on LiteRT / numpy):\n")
    print("| network | forward-only | bidirectional |")
    print("| --- | ---: | ---: |")
    for change in changes:
        size = {**base, **change}
        cells = []
        for kind in ("forward", "bidirectional"):
            place = folder / f"{kind}-{'-'.join(map(str, size.values()))}"
            prepare(python, place, "random", *map(str, size.values()), kind)
            found = [timed(bench, name, place, 100, rounds) for name in ("tflite", "numpy")]
            cells.append(" / ".join(f"{ms:.2f}" for ms in found if ms))
            rows.append({"network": size, "kind": kind, "ms": found})
        name = f"{size['layers']} × {size['units']}, window {size['window']}, "
        print(f"| {name}{size['classes']} classes | {cells[0]} | {cells[1]} |", flush=True)
    return rows


def one_off(bench: Path, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Time and peak memory of whole processes."""
    print("\nA one-off of 300 characters as a whole process, median:\n")
    print("| process | seconds | peak memory, MB |")
    print("| --- | ---: | ---: |")
    model = str(folder / "model.tflite")
    litert, desktop = (bench / name / "bin" for name in ("litert", "desktop"))
    textgenrnn = (
        "import sys; from textgenrnn import textgenrnn; f = sys.argv[1]; "
        "t = textgenrnn(*(f + '/model_' + p for p in ('weights.hdf5', 'vocab.json', 'config.json')"
        ")); "
        "t.generate(max_gen_length=300)"
    )
    processes: dict[str, list[str | Path]] = {
        "python -c 'import numpy'": [litert / "python", "-c", "import numpy"],
        "… and the LiteRT interpreter": [
            litert / "python", "-c", "import numpy, ai_edge_litert.interpreter",
        ],
        "rnn-generate, LiteRT": [litert / "rnn-generate", model, "--seed", "0"],
        "rnn-generate, NumPy": [
            litert / "rnn-generate", model, "--seed", "0", "--backend", "numpy",
        ],
        "… and the tflite-runtime interpreter": [
            desktop / "python", "-c", "import numpy, tflite_runtime.interpreter",
        ],
        "rnn-generate, tflite-runtime": [desktop / "rnn-generate", model, "--seed", "0"],
        "textgenrnn 1.4.1": [
            bench / "textgenrnn" / "bin" / "python", "-c", textgenrnn, str(folder),
        ],
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    present = {name: argv for name, argv in processes.items() if Path(argv[0]).exists()}
    seconds: dict[str, list[float]] = {name: [] for name in present}
    memory: dict[str, float] = {}
    for _ in range(rounds):
        for name, argv in present.items():
            begun = time.perf_counter()
            child = subprocess.Popen(
                [str(part) for part in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, _, usage = os.wait4(child.pid, 0)
            child.returncode = 0
            seconds[name].append(time.perf_counter() - begun)
            memory[name] = usage.ru_maxrss / 1024
    for name, times in seconds.items():
        print(f"| {name} | {statistics.median(times):.2f} | {memory[name]:.0f} |")
        rows.append({"process": name, "seconds": statistics.median(times), "mb": memory[name]})
    return rows


def prepare(python: Path, folder: Path, *how: str) -> None:
    """Build every peer's files, once."""
    if (folder / "peers.json").exists():
        return
    argv = [str(python), str(HERE / "peers.py"), str(folder), *how]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--stock", type=Path, required=True, help="textgenrnn's stock weights")
    args = parser.parse_args()
    rounds = 2 if args.quick else 9
    models = args.bench / "models"
    python = args.bench / "desktop" / "bin" / "python"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line),
        platform.machine(),
    )
    print(f"{platform.machine()}, {cpu}, {os.cpu_count()} cores, one thread a process")
    prepare(python, models / "stock", "stock", str(args.stock))
    prepare(python, models / "both", "random", "4", "128", "40", "100", "bidirectional")
    stock = compare(
        args.bench,
        models / "stock",
        "Stock model, 2 × 128, window 40, 465 classes",
        mflop_a_token(2, 128, 40, 100, both=False),
        rounds,
    )
    both = compare(
        args.bench,
        models / "both",
        "4 × 128 bidirectional, window 40, 100 classes",
        mflop_a_token(4, 128, 40, 100, both=True),
        max(2, rounds // 2),
    )
    networks = {"stock": models / "stock", "4 × 128 bidirectional": models / "both"}
    quality = json.loads((models / "stock" / "peers.json").read_text())["reports"]["int8"]
    far = quality["divergence"]
    report = {
        "machine": cpu,
        "stock": stock,
        "bidirectional": both,
        "one_off": one_off(args.bench, models / "stock", max(2, rounds // 2)),
        "many": many(args.bench, networks, 2 if args.quick else 5),
        "growth": growth(args.bench, models, 2 if args.quick else 5),
        "int8": far,
    }
    print(
        f"\nint8, stock model: {quality['bytes'] / 1e6:.1f} MB, KL divergence from float32 "
        f"{far['kl_mean']:.1e} on average, {far['kl_max']:.1e} at most, "
        f"the same likeliest token in {far['argmax_agreement']:.0%} of windows"
    )
    Path("benchmark.json").write_text(json.dumps(report, indent=1))
    print_ratios({"stock": stock, "4 × 128 bidirectional": both})
    print("\nall figures: benchmark.json")


if __name__ == "__main__":
    main()
