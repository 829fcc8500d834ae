"""All peers on one network, side by side; and our own backends on many."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from peer import ENVIRONMENTS, Peer, rounds
from sizes import Size

PEAK_MFLOP = 2 * 1024**3 / 1e6  # of one product of 1024 × 1024 matrices
ONNX = "ONNX Runtime, whole window"
SETTLED = "tflite settled"
"""A bidirectional network after `whole_window.SETTLED` windows; a text alone has fewer."""
PEERS = {
    "litert": (
        "sgemm", "tflite", SETTLED, "tflite int8", "tflite 2 threads", "onnx", "numpy",
        "tflite ×64", "tflite ×64 2 threads", "tflite ×64 int8", "numpy ×64",
        "numpy ×64 2 threads", "Keras TFLite, whole window",
    ),
    "desktop": (
        ONNX, "tflite", "numpy", "Keras TFLite, whole window", "NumPy, whole window",
    ),
    "textgenrnn": ("textgenrnn 1.4.1, TF 1.15",),
}  # fmt: skip


class Row(TypedDict):
    """A peer's figures; the last two are of the rounds' ratios, None where there is no peer."""

    way: str
    environment: str
    ms: float
    least_ms: float
    bound: float | None
    onnx: float | None


class Comparison(TypedDict):
    """All peers on one network."""

    title: str
    mflop: float
    gflops: float
    rows: list[Row]


def compare(bench: Path, folder: Path, title: str, size: Size, count: int) -> Comparison:
    """Run all peers on one network and print their table."""
    wanted = [
        (environment, name, _tokens(name, size))
        for environment, names in PEERS.items()
        for name in names
        if size.bidirectional or name != SETTLED
    ]
    peers = rounds(bench, folder, wanted, count)
    (sgemm,) = (peer for peer in peers if peer.name == "sgemm")
    onnx = next((peer for peer in peers if peer.name == ONNX), None)
    gflops = PEAK_MFLOP / sgemm.milliseconds
    rows = [
        _row(peer, sgemm, onnx, size)
        for peer in sorted(peers, key=lambda peer: peer.milliseconds)
        if peer is not sgemm
    ]
    print(f"\n{title}: {size.mflop:.1f} MFLOP a token, sgemm peak {gflops:.0f} GFLOP/s\n")
    print("| way | where | ms a token | least | × ONNX Runtime | of the sgemm bound |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        label = f"**{row['way']}**" if _ours(row["way"]) else row["way"]
        times = "" if row["onnx"] is None else f"{row['onnx']:.2f}"
        share = "" if row["bound"] is None else f"{row['bound']:.0%}"
        where = ENVIRONMENTS[row["environment"]]
        print(
            f"| {label} | {where} | {row['ms']:.3f} | {row['least_ms']:.3f} | {times} | {share} |",
            flush=True,
        )
    return {"title": title, "mflop": size.mflop, "gflops": gflops, "rows": rows}


def _tokens(name: str, size: Size) -> int:
    if name == "sgemm":
        return 20
    many = 2000 if "×64" in name else 150
    return many // 2 if size.word_level else many


def _ours(name: str) -> bool:
    return name.startswith(("tflite", "numpy", "onnx"))


def _row(peer: Peer, sgemm: Peer, onnx: Peer | None, size: Size) -> Row:
    bound = None
    if _ours(peer.name) and not any(part in peer.name for part in ("int8", "threads")):
        bound = peer.times_as_fast_as(sgemm) * size.mflop / PEAK_MFLOP
    return {
        "way": peer.name,
        "environment": peer.environment,
        "ms": peer.milliseconds,
        "least_ms": peer.least,
        "bound": bound,
        "onnx": peer.times_as_fast_as(onnx) if onnx else None,
    }


class Ours(TypedDict):
    """Our backends on LiteRT's Python: milliseconds a token by backend."""

    network: str
    ms: dict[str, float]


def ours(bench: Path, folders: dict[str, Path], streams: tuple[int, ...], count: int) -> list[Ours]:
    """Print what our backends take of each network, with so many texts at once."""
    found: list[Ours] = []
    for title, folder in folders.items():
        names = [
            f"{backend}{'' if number == 1 else f' ×{number}'}"
            for number in streams
            for backend in ("tflite", "numpy")
        ]
        wanted = [("litert", name, 2000 if "×" in name else 100) for name in names]
        peers = {peer.name: peer for peer in rounds(bench, folder, wanted, count)}
        cells = [f"{peers[name].milliseconds:.2f}" if name in peers else "" for name in names]
        pairs = (f"{cells[at]} / {cells[at + 1]}" for at in range(0, len(cells), 2))
        print(f"| {title} | {' | '.join(pairs)} |", flush=True)
        found.append(
            {"network": title, "ms": {name: peer.milliseconds for name, peer in peers.items()}}
        )
    return found
