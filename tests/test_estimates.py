"""What docs/speed.md says of Raspberry Pis follows from the kept counts by one formula."""

from __future__ import annotations

import estimates
import pytest
from estimates import BOARDS, PAGE, Board
from sizes import COUNTED, Size

BOARD = Board("some", "cortex-a53", "512 KB", clock=1.0, sgemm=2.0, bandwidth=1.0, ipc=0.5)
SIZE = Size(layers=2, units=128, window=40, classes=465)
FLOP = (SIZE.mflop + SIZE.output_mflop) * 1e6
PRODUCTS = round(FLOP / 2 / 4)
"""Vector instructions, of four multiply–adds each."""


def test_the_page_has_the_tables_that_the_counts_give() -> None:
    page = PAGE.read_text("utf-8")
    assert estimates.filled(page) == page, "run scripts/bench/estimates.py"


def test_a_token_takes_its_products() -> None:
    took = estimates.seconds(BOARD, SIZE, "tflite", PRODUCTS, lines=0)
    assert took == pytest.approx(FLOP / 2e9)


def test_or_its_memory_traffic_if_that_takes_longer() -> None:
    took = estimates.seconds(BOARD, SIZE, "tflite", PRODUCTS, lines=1_000_000)
    assert took == pytest.approx(0.064)


def test_and_all_other_instructions() -> None:
    took = estimates.seconds(BOARD, SIZE, "tflite", PRODUCTS + 500_000, lines=1_000_000)
    assert took == pytest.approx(0.064 + 0.001)


def test_every_network_has_a_row_and_every_board_a_column() -> None:
    lines = estimates.table().splitlines()
    assert len(lines) == 2 + len(COUNTED) * len(estimates.BACKENDS)
    assert [line.count("|") for line in lines] == [len(BOARDS) + 3] * len(lines)


def test_the_multiplications_of_known_networks() -> None:
    assert COUNTED["forward"].mflop == pytest.approx(15.7, abs=0.05)
    assert COUNTED["bidirectional"].mflop == pytest.approx(113, abs=0.5)
    assert COUNTED["words"].output_mflop == pytest.approx(7.1, abs=0.05)
