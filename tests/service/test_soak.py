"""Whether a service that speaks text after text grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.service import QUIET, needs_espeak, running
from tests.helpers.soak import GROWTH, soak

pytestmark = needs_espeak


@pytest.mark.long
def test_a_minute_of_speaking_leaks_nothing(model: Path, tmp_path: Path) -> None:
    """Or a thousand texts, if they take less. 30 minutes of it: python -m tests.manual.soak."""
    argv = ("--interval", "0s", *QUIET[1:], "--max-gen-length", 60)
    with running(tmp_path, model, *argv) as service:
        texts, grown, leaked, threads, zombies = soak(service, 60, 1000)
    assert texts > 10
    assert grown < GROWTH
    assert leaked <= 4, "those of the engine at work"
    assert threads <= 1, "that of a synthesis"
    assert zombies == 0
