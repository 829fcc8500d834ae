"""The project's commands, run as a person runs them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
"""The checkout."""

# Looked for, never imported: TensorFlow and tflite-runtime crash each other in one process.
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None

needs_tensorflow = pytest.mark.skipif(not HAS_TENSORFLOW, reason="tensorflow is not installed")


def program(name: str) -> str:
    """Return the path of one of the project's commands."""
    return str(Path(sys.executable).with_name(name))


def run_command(
    *argv: object, timeout: float = 1200, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one of the project's commands as a person would: its own process, its entry point."""
    name, *rest = (str(part) for part in argv)
    return subprocess.run(
        [program(name), *rest],
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        **options,
    )
