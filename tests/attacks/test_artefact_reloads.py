"""Of 64 forged models that were reloaded into the running service, 26 ended it or let it hang."""

from __future__ import annotations

from pathlib import Path

from tests.manual.forged_reloads import reload_all


def test_forged_models_reloaded_into_the_service(tmp_path: Path) -> None:
    """It lives, and keeps the old model or computes rightly what it took.

    200 of them: python -m tests.manual.forged_reloads
    """
    found = reload_all(tmp_path, range(8))
    assert len(found) == 8
    offences = [
        (number, what) for number, what in found if not what.startswith(("kept: ", "taken ("))
    ]
    assert not offences
