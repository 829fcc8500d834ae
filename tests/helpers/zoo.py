"""Real checkpoints, and what textgenrnn writes from them: ../shared beside the checkout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import ROOT

SHARED = ROOT.resolve().parent / "shared"


def catalog(expect: str) -> list[dict[str, Any]]:
    """Return the zoo's entries to be converted or refused; none if the zoo is absent."""
    path = SHARED / "zoo" / "catalog.json"
    if not path.exists():
        return []
    return [entry for entry in json.loads(path.read_text("utf-8")) if entry["expect"] == expect]


def entries(expect: str, *names: str) -> pytest.MarkDecorator:
    """Parametrise a test over the zoo, or over one skipped case that says it is absent."""
    found = [entry for entry in catalog(expect) if not names or entry["name"] in names]
    if not found:
        skip = pytest.mark.skip(reason="no ../shared/zoo beside the checkout")
        return pytest.mark.parametrize("entry", [pytest.param({}, marks=skip, id="zoo")])
    return pytest.mark.parametrize("entry", found, ids=[entry["name"] for entry in found])


def weights_of(entry: dict[str, Any]) -> Path:
    """Return the checkpoint of a zoo entry."""
    path: Path = SHARED / "zoo" / entry["name"] / entry["weights"]
    return path


@cache
def golden_texts() -> dict[str, Any]:
    """Return what textgenrnn wrote, by entry: texts with the settings that they were made with."""
    texts: dict[str, Any] = json.loads((SHARED / "golden" / "golden.json").read_text("utf-8"))
    return texts
