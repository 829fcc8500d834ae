"""Estimated characters a second of Raspberry Pis: the table of docs/speed.md. None is measured.

A token takes

    max(multiply–adds / sgemm, memory lines / bandwidth) + other instructions / (IPC × clock)

on one core: `counts.json` has the memory lines, `aarch64.json` the instructions, and everything but
one vector instruction for four multiply–adds is "other". The boards' figures are below.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import aarch64
import counts
from cachegrind import LINE
from sizes import COUNTED, Size

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
SPEECH = 14
"""Characters a second of a voice."""
A_WORD = 6
"""Characters of a word of text, with its space."""


@dataclass(frozen=True)
class Board:
    """One core of a board; see docs/speed.md for where its figures are from."""

    name: str
    processor: str
    """Whose aarch64 instructions it runs."""
    cache: str
    """A size whose memory lines were counted."""
    clock: float
    """GHz."""
    sgemm: float
    """GFLOP/s of large products in float32."""
    bandwidth: float
    """GB/s from memory."""
    ipc: float
    """Instructions a cycle outside the products: an assumption."""
    more: float = 1
    """Instructions for one of aarch64's outside the products: an assumption."""
    int8: float = 1
    """How much faster products of int8 are: 16 multiply–adds an instruction instead of 4."""
    interpreter: bool = True
    """Whether there is a TFLite interpreter for it."""


BOARDS = (
    Board("Zero W", "cortex-a53", "512 KB", 1.0, 0.3, 0.4, 0.5, more=3, interpreter=False),
    Board("Zero 2 W", "cortex-a53", "512 KB", 1.0, 4.6, 1.2, 0.7),
    Board("3", "cortex-a53", "512 KB", 1.2, 5.5, 1.4, 0.7),
    Board("4", "cortex-a72", "1 MB", 1.8, 11.6, 2.8, 1.3),
    Board("5", "cortex-a76", "1 MB", 2.4, 31, 4.9, 2.0, int8=4),
)

LIBRARIES = {"numpy": "Python 3.11", "tflite": "Python 3.13", "tflite int8": "Python 3.13"}
"""Backends, and where their memory lines were counted."""
LABELS = {
    "forward": "2 × 128, the stock model",
    "bidirectional": "4 × 128 bidirectional",
    "words": "2 × 128 of 10,000 words",
}
BACKENDS = {"tflite": "LiteRT", "tflite int8": "LiteRT, int8", "numpy": "NumPy"}


def seconds(board: Board, size: Size, backend: str, instructions: int, lines: int) -> float:
    """Return what a token takes, in seconds."""
    flop = (size.mflop + size.output_mflop) * 1e6
    rate = board.sgemm * 1e9 * (board.int8 if "int8" in backend else 1)
    other = max(0, instructions - flop / 2 / 4) * board.more
    memory = lines * LINE / (board.bandwidth * 1e9)
    return max(flop / rate, memory) + other / (board.ipc * board.clock * 1e9)


def table() -> str:
    """Return the table in Markdown."""
    instructions = json.loads(aarch64.KEPT.read_text())
    kept = {row.key: row for row in counts.read()}
    text = [
        f"| network | | {' | '.join(board.name for board in BOARDS)} |",
        f"| --- | --- |{' ---: |' * len(BOARDS)}",
    ]
    for network, size in COUNTED.items():
        for backend, label in BACKENDS.items():
            row = kept[LIBRARIES[backend], network, backend]
            cells = []
            for board in BOARDS:
                made = instructions[board.processor][network][backend.split()[0]]
                took = seconds(board, size, backend, made, row.lines[board.cache])
                speed = (A_WORD if size.word_level else 1) / took
                runs = board.interpreter or backend == "numpy"
                cells.append(_cell(speed) if runs else "")
            text.append(f"| {LABELS[network]} | {label} | {' | '.join(cells)} |")
    return "\n".join(text)


def _cell(speed: float) -> str:
    digits = f"{float(f'{speed:.1g}' if speed < 10 else f'{speed:.2g}'):,.0f}"
    return digits if speed >= SPEECH else f"**{digits}**"


def tables() -> dict[str, str]:
    """Return the tables of docs/speed.md that are made of counts, by their marks there."""
    return {"counts": counts.table(counts.read()), "estimates": table()}


def filled(page: str) -> str:
    """Return a page with the tables put in the places of its own."""
    for mark, text in tables().items():
        before, _, rest = page.partition(f"<!-- {mark} -->\n")
        page = f"{before}<!-- {mark} -->\n{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return page


def main() -> None:
    """Write the tables into docs/speed.md."""
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
    print(table())


if __name__ == "__main__":
    main()
