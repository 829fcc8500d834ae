"""The TFLite interpreter: which one is installed, and how it is talked to."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from pi_runtime.errors import BackendError

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


def installed_runtime() -> str | None:
    """Return the name of the module that holds the interpreter, or None if there is none."""
    return next((name for name in RUNTIMES if _importable(name)), None)


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def installed_interpreter() -> Callable[..., Any]:
    """Return the interpreter's class.

    Raises:
        BackendError: none is installed.
    """
    runtime = installed_runtime()
    if not runtime:
        raise BackendError(
            "no TFLite interpreter is installed",
            'take --backend numpy, or pip install "textgenrnn-pi[litert]"',
        )
    interpreter: Callable[..., Any] = importlib.import_module(runtime).Interpreter
    return interpreter


def ordered_indices(details: Sequence[dict[str, Any]]) -> list[int]:
    """Return tensor indices in the graph's order: x, x_0, x_1, … (see `convert.graph`)."""

    def number(detail: dict[str, Any]) -> int:
        match = re.search(r"_(\d+)\Z", detail["name"])
        return int(match[1]) if match else -1

    return [detail["index"] for detail in sorted(details, key=number)]
