"""What a token costs has not changed: instructions by 3 %, or memory traffic by 15 %.

A change on purpose is kept by `scripts/benchmark --count --keep`.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cachegrind
import counts
import pytest
from cachegrind import ALL, Count
from counts import Row
from sizes import COUNTED, OPTIONS

from tests.helpers.conversion import Converter

ROW = Row(
    "forward",
    "numpy",
    {"Python": "3.11.7 (main)", "NumPy": "1.26.4"},
    4_000_000,
    {"512 KB": 60_000, "1 MB": 100},
    {"sgemm_kernel": 2_000_000, "tanh": 400_000},
    {"sgemm_otcopy": 20_000},
)


@pytest.fixture
def counted(converted: Converter, tmp_path: Path) -> Path:
    """The counted networks, in a folder of their own."""
    for name, size in COUNTED.items():
        for ending, options in OPTIONS.items():
            kept = f"counted-{name}{ending}"
            with TemporaryDirectory() as folder:
                weights = Path(folder, "model_weights.hdf5")
                if not (converted.folder / f"{kept}.tflite").exists():
                    pytest.importorskip("h5py")
                    from convert_counted import checkpoint

                    weights = checkpoint(Path(folder), size)
                model = converted(kept, weights, *options)
            (tmp_path / model.name.removeprefix("counted-")).symlink_to(model)
    return tmp_path


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.skipif(not cachegrind.avx2(), reason="no AVX2 here, which the kept counts have")
def test_no_count_has_changed(counted: Path) -> None:
    kept = {row.key: row for row in counts.read()}
    backends = {"numpy", *(name for name in ("tflite", "onnx") if counts.interpreter(name))}
    if len(backends) == 1:
        pytest.skip("NumPy is counted where an interpreter is")
    here = {name: counts.programs(name) for name in backends}
    if not any(row.programs == here.get(row.backend.split()[0]) for row in kept.values()):
        pytest.skip("nothing is kept that was counted with the programs that are here")
    compared = list(counts.compare(counts.count(counted, ["512 KB"]), list(kept.values())))
    assert [what for _, what in compared if what] == []
    assert any(what == "" for _, what in compared)


def test_a_little_may_come_and_go() -> None:
    assert counts.changed(ROW, replace(ROW, instructions=4_100_000)) == ""
    assert counts.changed(ROW, replace(ROW, lines={"512 KB": 65_500, "1 MB": 500})) == ""


def test_a_change_names_the_functions() -> None:
    more = replace(
        ROW, instructions=4_400_000, functions={"sgemm_kernel": 2_000_000, "memcpy": 800_000}
    )
    assert counts.changed(ROW, more) == (
        "forward, numpy, Python 3.11: 4,000,000 instructions a token have become 4,400,000 "
        "(+10.0%); most of it in memcpy (+800,000), tanh (-400,000), sgemm_kernel (+0)"
    )


def test_less_is_a_change_too() -> None:
    assert "-10.0%" in counts.changed(ROW, replace(ROW, instructions=3_600_000))


def test_memory_traffic_is_compared_by_cache() -> None:
    more = replace(ROW, lines={"1 MB": 700}, function_lines={"sgemm_otcopy": 20_600})
    assert counts.changed(ROW, more) == (
        "forward, numpy, Python 3.11: 100 lines from memory with a cache of 1 MB a token have "
        "become 700 (+600.0%); most of it in sgemm_otcopy (+600)"
    )


def test_only_the_same_programs_are_compared() -> None:
    other = replace(ROW, programs={"Python": "3.11.7 (main)", "NumPy": "1.26.3"}, instructions=1)
    assert list(counts.compare([other], [ROW])) == [(other, None)]
    assert list(counts.compare([ROW], [])) == [(ROW, None)]


def test_what_is_kept_replaces_the_same_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "KEPT", tmp_path / "counts.json")
    counts.keep([ROW])
    newer = replace(ROW, programs={"Python": "3.11.9 (main)"}, instructions=5)
    elsewhere = replace(ROW, programs={"Python": "3.13.0 (main)"})
    counts.keep([newer, elsewhere])
    assert counts.read() == [newer, elsewhere]


def test_the_counts_between_two_moments(tmp_path: Path) -> None:
    for name, tanh in (("before", "4 10 1 0 5 0 2 0 0 3"), ("after", "4 30 1 1 9 0 6 0 0 5")):
        (tmp_path / name).write_text(
            "desc: I1 cache: 32768 B\ncmd: python\nevents: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw\n"
            f"fl=a.c\nfn=tanh\n{tanh}\n9 100 0 0 0 0 0 0 0 0\n"
            + ("fl=b.c\nfn=new\n1 8 0 0 0 0 0 0 0 0\n" if name == "after" else "")
            + f"summary: {110 if name == 'before' else 138} 1 0 5 0 2 0 0 3\n"
        )
    before, after = (cachegrind.read(tmp_path / name) for name in ("before", "after"))
    assert before == {"tanh": Count(110, 5), ALL: Count(110, 5)}
    assert cachegrind.difference(before, after, 2) == {
        "tanh": Count(10, 3.5),
        "new": Count(4, 0),
        ALL: Count(14, 0),
    }
