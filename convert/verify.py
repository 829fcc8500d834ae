"""The written file against the checkpoint: golden windows, and the parity of every backend.

`python -m convert.verify MODEL` prints that parity as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import ParityError
from pi_runtime.backends import Backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import CHAOTIC, float32_tolerance
from pi_runtime.backends.selfcheck import deviations
from pi_runtime.backends.tflite import installed_runtime, tflite_backend
from pi_runtime.errors import BackendError
from pi_runtime.generation.generator import SCHEDULE, TextGenerator
from pi_runtime.generation.sampling import random_stream, sample, temperature_at
from pi_runtime.generation.sequence import Draft
from pi_runtime.model.file import Config, Golden, ModelFile
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START, Vocabulary

TEXTS, TOKENS = 4, 100
"""How much text a quantized model is compared over."""

MOST_DIVERGENCE = 0.1
"""The mean KL divergence, in nats, above which a quantized model is not the same model."""


@dataclass(frozen=True)
class Divergence:
    """How far a quantized model's distributions are from the float32 ones, over its own text."""

    kl_mean: float
    """Kullback-Leibler divergence of the quantized from the float32 distribution, in nats."""
    kl_max: float
    argmax_agreement: float
    """The share of windows where both find the same token the likeliest."""


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
    divergence: Divergence | None = None
    """For a quantized model, on the TFLite interpreter where it could be tried."""

    @property
    def sensitive(self) -> bool:
        """Whether rounding alone may change this network's texts."""
        return self.divergence is None and self.tolerance > CHAOTIC


@dataclass(frozen=True)
class Recording:
    """Texts of the float32 network with its answers: what a quantized one is held to."""

    ids: npt.NDArray[np.int32]
    """[texts, tokens]."""
    probabilities: npt.NDArray[np.float32]
    """[texts, tokens, V]."""


def record(network: Network, vocabulary: Vocabulary, config: Config) -> Recording:
    """Let the network write texts and record what it reads and answers."""
    backend = numpy_backend(network, config.max_length)
    ids, probabilities = [], []
    for number in range(TEXTS):
        random, read, answers = random_stream(number), [], []
        backend.reset()
        token = vocabulary.id(START)
        for length in range(1, TOKENS + 1):
            read.append(token)
            answers.append(backend.advance([token])[0].copy())
            token = sample(answers[-1], temperature_at(SCHEDULE, length), random)
        ids.append(read)
        probabilities.append(answers)
    return Recording(np.array(ids, np.int32), np.array(probabilities, np.float32))


def diverge(backend: Backend, recording: Recording) -> Divergence:
    """Let a backend read a recording and compare its answers."""
    backend.reset(len(recording.ids))
    answers = np.stack([backend.advance(t.tolist()).copy() for t in recording.ids.T], axis=1)
    expected = recording.probabilities.astype(np.float64)
    found = np.maximum(answers.astype(np.float64), 1e-12)
    kl = (expected * np.log(np.maximum(expected, 1e-12) / found)).sum(axis=-1)
    same = expected.argmax(axis=-1) == found.argmax(axis=-1)
    return Divergence(float(kl.mean()), float(kl.max()), float(same.mean()))


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


def check_parity(content: bytes, recording: Recording | None = None) -> Parity:
    """Load a model file's bytes with every backend present and compare its golden windows.

    With a `recording` the model is a quantized one: what counts is its divergence from it.

    This runs in a process of its own: TensorFlow and tflite-runtime export the same symbols and
    crash each other, and a crash of the interpreter shall be a report.

    Raises:
        ParityError: a backend computes something else than the reference, or crashes on the file.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        if recording:
            np.savez(path.with_suffix(".npz"), **vars(recording))
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
    found = json.loads(child.stdout)
    if found["divergence"]:
        found["divergence"] = Divergence(**found["divergence"])
    parity = Parity(**found)
    if parity.divergence:
        if not parity.divergence.kl_mean <= MOST_DIVERGENCE:
            raise ParityError(
                f"quantized, this network diverges by {parity.divergence.kl_mean:.2f} nats",
                "convert it without --quantize",
            )
        return parity
    for name, deviation in parity.deviations.items():
        if not deviation <= parity.tolerance:
            raise ParityError(
                f"the {name} backend differs from the checkpoint by {deviation:.1e}, "
                f"more than {parity.tolerance:.1e}",
                "please report this checkpoint",
            )
    return parity


def measure(path: Path) -> Parity:
    """Run a model file's golden windows, and the recording beside it, on every backend present.

    Raises:
        ModelFileError: the file is damaged.
        BackendError: the interpreter refuses it.
    """
    model = ModelFile(path)
    golden = model.golden()
    backends = {"numpy": numpy_backend(model.network(), model.config.max_length)}
    tflite, missing = _tflite(model)
    if tflite:
        backends["tflite"] = tflite
    # Tolerances differ from window to window: report the one that comes closest to its own.
    found, allowed = {}, max(golden.tolerances)
    for name, backend in backends.items():
        measured = deviations(backend, golden)
        found[name] = max(measured)
        for deviation, tolerance in zip(measured, golden.tolerances, strict=True):
            if not deviation <= tolerance:
                found[name], allowed = deviation, tolerance
    recorded = path.with_suffix(".npz")
    divergence = None
    if recorded.exists():
        with np.load(recorded) as arrays:
            recording = Recording(arrays["ids"], arrays["probabilities"])
        divergence = diverge(tflite or backends["numpy"], recording)
    generator = TextGenerator(backends["numpy"], model.vocabulary, model.config)
    lines = generator.generate(seed=0)[0].splitlines()
    return Parity(found, allowed, missing, next(filter(str.strip, lines), ""), divergence)


def _tflite(model: ModelFile) -> tuple[Backend | None, str]:
    """Return the TFLite backend, or why there is none.

    The Pi's interpreter where it is installed and can run the file; else TensorFlow's own, which
    is the same code.
    """
    quantized = model.manifest["quantization"] != "float32"
    try:
        return tflite_backend(model), ""
    except BackendError as error:
        if installed_runtime() and not quantized:
            raise
        reason = str(error)
    import tensorflow as tf

    if not hasattr(tf.lite, "Interpreter"):
        return None, reason

    def make(**arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it has moved to LiteRT
            return tf.lite.Interpreter(**arguments)

    return tflite_backend(model, interpreter=make), ""


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1])))))  # noqa: T201
