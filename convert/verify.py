"""The written file against the checkpoint: golden windows, and the parity of every backend.

`python -m convert.verify MODEL` prints that parity as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import ParityError
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import CHAOTIC, float32_tolerance
from pi_runtime.backends.tflite import installed_interpreter, tflite_backend
from pi_runtime.draft import Draft
from pi_runtime.errors import BackendError
from pi_runtime.generator import TextGenerator
from pi_runtime.model_file import Config, Golden, ModelFile
from pi_runtime.network import Network
from pi_runtime.sampling import random_stream
from pi_runtime.selfcheck import deviations
from pi_runtime.vocabulary import Vocabulary


@dataclass(frozen=True)
class Parity:
    """What the backends present here made of the golden windows."""

    deviations: dict[str, float]
    """The largest |Δp| by backend."""
    tolerance: float
    """The largest tolerance of a golden window."""
    missing: str
    """Why the TFLite interpreter could not be tried ('' if it was)."""
    sample: str
    """The first line of the text that seed 0 gives."""

    @property
    def sensitive(self) -> bool:
        """Whether rounding alone may change this network's texts."""
        return self.tolerance > CHAOTIC


def golden_windows(network: Network, vocabulary: Vocabulary, config: Config) -> Golden:
    """Return windows out of the network's own texts, with the reference's probabilities."""
    backend = numpy_backend(network, config.max_length)
    windows = []
    for part in range(4):
        draft = Draft(
            vocabulary, config.max_length, None, [1.0], 2 * config.max_length, random_stream(part)
        )
        backend.reset()
        ids = [0] * config.max_length
        while not draft.done:
            ids.append(draft.next_id())
            draft.take(backend.advance(ids[-1:])[0])
        # From the start of one text to the end of another.
        end = config.max_length + 1 + (len(ids) - config.max_length - 1) * part // 3
        windows.append(ids[end - config.max_length : end])
    probabilities, tolerances = float32_tolerance(network, np.array(windows))
    return Golden(np.array(windows, np.int32), probabilities.astype(np.float32), tuple(tolerances))


def check_parity(content: bytes) -> Parity:
    """Load a model file's bytes with every backend present and compare its golden windows.

    This runs in a process of its own: TensorFlow and tflite-runtime export the same symbols and
    crash each other, and a crash of the interpreter shall be a report.

    Raises:
        ParityError: a backend computes something else than the reference, or crashes on the file.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        child = subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "convert.verify", str(path)],
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if child.returncode:
        last = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise ParityError(
            f"the converted model cannot be run ({last})", "please report this checkpoint"
        )
    parity = Parity(**json.loads(child.stdout))
    for name, excess in parity.deviations.items():
        if not excess <= parity.tolerance:
            raise ParityError(
                f"the {name} backend differs from the checkpoint by {excess:.1e}, "
                f"more than {parity.tolerance:.1e}",
                "please report this checkpoint",
            )
    return parity


def measure(path: Path) -> Parity:
    """Run a model file's golden windows on every backend present.

    Raises:
        ModelFileError: the file is damaged.
        BackendError: the interpreter refuses it.
    """
    model = ModelFile(path)
    golden = model.golden()
    backends = {"numpy": numpy_backend(model.network(), model.config.max_length)}
    interpreter, missing = _interpreter()
    if interpreter:
        backends["tflite"] = tflite_backend(model, interpreter=interpreter)
    # Tolerances differ from window to window: report the one that comes closest to its own.
    found, allowed = {}, max(golden.tolerances)
    for name, backend in backends.items():
        measured = deviations(backend, golden)
        found[name] = max(measured)
        for deviation, tolerance in zip(measured, golden.tolerances, strict=True):
            if not deviation <= tolerance:
                found[name], allowed = deviation, tolerance
    generator = TextGenerator(backends["numpy"], model.vocabulary, model.config)
    lines = generator.generate(seed=0)[0].splitlines()
    return Parity(found, allowed, missing, next(filter(str.strip, lines), ""))


def _interpreter() -> tuple[Callable[..., Any] | None, str]:
    """Return the interpreter to check with: the Pi's where it is installed, else TensorFlow's."""
    try:
        return installed_interpreter(), ""
    except BackendError as error:
        import tensorflow as tf

        if not hasattr(tf.lite, "Interpreter"):
            return None, str(error)

        def make(**arguments: Any) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it says that it has moved to LiteRT
                return tf.lite.Interpreter(**arguments)

        return make, ""


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1])))))  # noqa: T201
