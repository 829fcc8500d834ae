"""The wall between the islands: what the Pi's side imports, and what it shows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pi_runtime
from tests.checkpoints import packed_model, small_network

HEAVY = ("tensorflow", "keras", "h5py", "tqdm", "convert", "train")
ROOT = Path(pi_runtime.__file__).parent


def imported(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter imports to run code."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_import_pi_runtime_is_light() -> None:
    modules = imported("import pi_runtime")
    assert not modules & {*HEAVY, "numpy"}


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_rnn_generate_imports_nothing_heavy(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    modules = imported(
        f"from pi_runtime.cli.generate import main; main([{str(path)!r}, '--backend', {backend!r}])"
    )
    assert "numpy" in modules
    # LiteRT imports tqdm itself; nothing of ours does (see below).
    assert not modules & (set(HEAVY) - ({"tqdm"} if "ai_edge_litert" in modules else set()))


def test_help_needs_no_numpy() -> None:
    for command in ("generate", "speak"):
        assert "numpy" not in imported(
            f"from pi_runtime.cli.{command} import main; main(['--help'])"
        )


def test_no_module_of_the_runtime_names_the_desktop_side() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {n.partition(".")[0] for n in names} & set(HEAVY), path


def test_public_names() -> None:
    assert pi_runtime.__all__ == [
        "BackendError",
        "Error",
        "ModelFileError",
        "SpeechError",
        "TextGenerator",
        "UsageError",
        "__version__",
    ]
    for name in pi_runtime.__all__:
        assert getattr(pi_runtime, name) is not None
    with pytest.raises(AttributeError):
        pi_runtime.nothing_of_this_name  # noqa: B018
