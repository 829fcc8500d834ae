"""Where the tests' models come from: real checkpoints beside the checkout, and small own ones."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Looked for, never imported: TensorFlow and tflite-runtime crash each other in one process.
needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed"
)


def catalog(expect: str) -> list[dict[str, Any]]:
    """Return the zoo's entries to be converted or refused; none where the zoo is absent."""
    path = SHARED / "zoo" / "catalog.json"
    if not path.exists():
        return []
    return [entry for entry in json.loads(path.read_text("utf-8")) if entry["expect"] == expect]


def entries(expect: str, *names: str) -> Any:
    """Parametrise a test over the zoo, or over one skipped case that says it is absent."""
    found = [entry for entry in catalog(expect) if not names or entry["name"] in names]
    if not found:
        skip = pytest.mark.skip(reason="no ../shared/zoo beside the checkout")
        return pytest.mark.parametrize("entry", [pytest.param({}, marks=skip, id="zoo")])
    return pytest.mark.parametrize("entry", found, ids=[entry["name"] for entry in found])


def weights_of(entry: dict[str, Any]) -> Path:
    """Return the checkpoint of a zoo entry."""
    return SHARED / "zoo" / entry["name"] / entry["weights"]


def run_command(
    *argv: object, timeout: float = 300, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one of the project's commands as a person would: its own process, its entry point."""
    name, *rest = (str(part) for part in argv)
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [str(program), *rest],
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        **options,
    )


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of converted models.

    $RNN_TEST_MODELS keeps it, so that an environment without TensorFlow can test what another
    one converted.
    """
    kept = os.environ.get("RNN_TEST_MODELS")
    return Path(kept) if kept else tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def converted(models: Path) -> Callable[..., Path]:
    """Return what converts a checkpoint once, by rnn-convert, or skips where it cannot."""

    def convert(name: str, weights: Path, *options: str) -> Path:
        output = models / f"{name}.tflite"
        if not output.exists():
            if importlib.util.find_spec("tensorflow") is None:
                pytest.skip("tensorflow is not installed, and nothing was converted beforehand")
            report = models / f"{name}.json"
            done = run_command("rnn-convert", weights, "-o", output, "--json", *options)
            assert done.returncode == 0, done.stderr
            report.write_text(done.stdout, "utf-8")
        return output

    convert.folder = models  # type: ignore[attr-defined]
    return convert
