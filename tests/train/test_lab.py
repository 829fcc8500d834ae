"""The lab notebook runs from top to bottom, and keeps no outputs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import ROOT, needs_tensorflow

NOTEBOOK = ROOT / "train" / "lab.ipynb"


def test_it_keeps_no_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


@needs_tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not importlib.util.find_spec("nbclient")
    or not importlib.util.find_spec("ipykernel")
    or not shutil.which("festival"),
    reason="nbclient, ipykernel or festival is not installed",
)
def test_it_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    (tmp_path / "work").mkdir()
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path / "work")}}
    )
    client.execute(env=dict(os.environ))
    made = {path.name for path in (tmp_path / "work").iterdir()}
    assert {
        "lab_weights.hdf5",
        "lab_training.png",
        "lab.tflite",
        "lab_texts.txt",
        "lab.wav",
    } <= made
    assert (tmp_path / "work" / "lab.wav").stat().st_size > 30_000
    shown = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in shown) == 3
