"""Time and memory of whole processes: texts one at a time, and conversions."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from sizes import Size

ONE_OFF = ("--seed", "0", "--max-gen-length", "300")
TEXTGENRNN = (
    "import sys; from textgenrnn import textgenrnn; f = sys.argv[1]; "
    "t = textgenrnn(*(f + '/model_' + p for p in ('weights.hdf5', 'vocab.json', 'config.json'))); "
    "t.generate(max_gen_length=300)"
)


class Taken(TypedDict):
    """What a process takes."""

    process: str
    seconds: float
    least: float
    megabytes: float
    ratio: float | None
    """Median of the rounds' ratios to the process that it is compared with."""


def measure(
    argvs: dict[str, list[str]], against: dict[str, str], rounds: int, **environment: str
) -> list[Taken]:
    """Run processes in turns; return what each takes, and its ratio to another one.

    To be called by a small process: a child's peak memory is that of its parent at least.
    """
    seconds: dict[str, list[float]] = {name: [] for name in argvs}
    megabytes: dict[str, float] = {}
    for _ in range(rounds):
        for name, argv in argvs.items():
            begun = time.perf_counter()
            child = subprocess.Popen(
                argv,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise SystemExit(f"error: exit {child.returncode} of {' '.join(argv)}")
            seconds[name].append(time.perf_counter() - begun)
            megabytes[name] = usage.ru_maxrss / 1024
    found: list[Taken] = []
    for name, times in seconds.items():
        other = seconds.get(against.get(name, ""))
        ratios = [mine / its for mine, its in zip(times, other, strict=True)] if other else []
        found.append(
            {
                "process": name,
                "seconds": statistics.median(times),
                "least": min(times),
                "megabytes": megabytes[name],
                "ratio": statistics.median(ratios) if ratios else None,
            }
        )
    return found


def print_taken(rows: list[Taken], against: dict[str, str]) -> None:
    """Print a table in Markdown."""
    print("| process | seconds | least | MB | compared |")
    print("| --- | ---: | ---: | ---: | --- |")
    for row in rows:
        ratio = row["ratio"]
        compared = "" if ratio is None else f"{ratio:.2f} × {against[row['process']]}"
        print(
            f"| {row['process']} | {row['seconds']:.3f} | {row['least']:.3f} "
            f"| {row['megabytes']:.0f} | {compared} |",
            flush=True,
        )


def one_off(bench: Path, folder: Path, rounds: int) -> list[Taken]:
    """A text of 300 characters as a whole process: cold, and warm through the service."""
    model = str(folder / "model.tflite")
    litert, desktop = (bench / name / "bin" for name in ("litert", "desktop"))
    old = bench / "textgenrnn" / "bin"
    argvs = {
        "python -c pass": [f"{litert}/python", "-c", "pass"],
        "warm: rnn-generate, by the service": [f"{litert}/rnn-generate", *ONE_OFF],
        "warm, of one character": [f"{litert}/rnn-generate", "--max-gen-length", "2"],
        "import numpy": [f"{litert}/python", "-c", "import numpy"],
        "import numpy, LiteRT": [
            f"{litert}/python", "-c", "import numpy, ai_edge_litert.interpreter",
        ],
        "rnn-generate, LiteRT": [f"{litert}/rnn-generate", model, "--local", *ONE_OFF],
        "rnn-generate, NumPy": [
            f"{litert}/rnn-generate", model, "--local", *ONE_OFF, "--backend", "numpy",
        ],
        "import numpy, tflite-runtime": [
            f"{desktop}/python", "-c", "import numpy, tflite_runtime.interpreter",
        ],
        "rnn-generate, tflite-runtime": [f"{desktop}/rnn-generate", model, "--local", *ONE_OFF],
        "textgenrnn 1.4.1": [f"{old}/python", "-c", TEXTGENRNN, str(folder)],
    }  # fmt: skip
    against = {
        "warm: rnn-generate, by the service": "python -c pass",
        "warm, of one character": "python -c pass",
        "rnn-generate, LiteRT": "import numpy, LiteRT",
        "rnn-generate, NumPy": "import numpy",
        "rnn-generate, tflite-runtime": "import numpy, tflite-runtime",
    }
    present = {name: argv for name, argv in argvs.items() if Path(argv[0]).exists()}
    print("\nA text of 300 characters as a whole process:\n")
    with _service(litert, model) as socket:
        rows = measure(present, against, rounds, RNN_SOCKET=socket)
    print_taken(rows, against)
    return rows


@contextmanager
def _service(programs: Path, model: str) -> Iterator[str]:
    """A service that speaks nothing; its socket."""
    with TemporaryDirectory() as folder:
        socket = f"{folder}/control"
        process = subprocess.Popen(
            [
                f"{programs}/rnn-speakd",
                model,
                "--socket",
                socket,
                "--on-demand",
                "--engine",
                "none",
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not Path(socket).exists():
                if process.poll() is not None:
                    raise SystemExit("error: the service does not start")
                time.sleep(0.05)
            yield socket
        finally:
            process.terminate()
            process.wait()


def conversions(bench: Path, networks: dict[str, tuple[Path, Size]], rounds: int) -> list[Taken]:
    """Convert networks of several sizes, with their checkpoints in the peers' folders."""
    programs = bench / "desktop" / "bin"
    imports = "import tensorflow"
    argvs = {imports: [f"{programs}/python", "-c", imports]}
    with TemporaryDirectory() as folder:
        for title, (place, _) in networks.items():
            for kind, options in {"": [], ", int8": ["--quantize", "int8"]}.items():
                argvs[title + kind] = [
                    f"{programs}/rnn-convert", f"{place}/model_weights.hdf5",
                    "-o", f"{folder}/model.tflite", "--force", *options,
                ]  # fmt: skip
        print("\nConverting a checkpoint, as a whole process:\n")
        against = dict.fromkeys(argvs, imports)
        del against[imports]
        rows = measure(argvs, against, rounds)
    print_taken(rows, against)
    return rows
