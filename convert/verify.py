"""Whether a converted model computes what its checkpoint does, on every backend present.

`python -m convert.verify` reads a model from stdin and prints its parity as JSON (see
`check_parity`).
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from convert.building import WITHOUT_KERAS
from convert.errors import ParityError
from convert.recording import Divergence, Recording, diverge, most_tokens
from pi_runtime.backends import tflite
from pi_runtime.backends.base import Backend
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import CHAOTIC, FLOOR, float32_tolerance
from pi_runtime.backends.selfcheck import deviations
from pi_runtime.backends.tflite.interpreter import installed_runtime
from pi_runtime.errors import BackendError
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.defaults import MAX_GEN_LENGTH
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.model.file import ModelFile
from pi_runtime.model.manifest import Config, Golden
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary

_LENGTH_BYTES = 8
"""Of the length of the recording, which the child's stdin begins with; the model is the rest."""

MAX_DIVERGENCE = 0.1
"""The mean KL divergence, in nats, above which a quantized network is refused."""


@dataclass(frozen=True)
class Parity:
    """How exactly the backends present here compute a model's golden windows."""

    deviations: dict[str, float]
    """The largest |Δp| by backend."""
    tolerance: float
    """The largest tolerance of a golden window."""
    not_tried: str | None
    """Why the model was not tried on TFLite; None if it was."""
    sample: str
    """The first line that is not blank of the text that seed 0 gives; "" if there is none, or if
    the network is so large that writing one would take minutes."""
    divergence: Divergence | None = None
    """For a quantized model: on TFLite, or else on NumPy."""

    @property
    def sensitive(self) -> bool:
        """Whether rounding alone may change this network's texts."""
        return self.divergence is None and self.tolerance > CHAOTIC


def golden_windows(network: Network, vocabulary: Vocabulary, config: Config) -> Golden:
    """Return windows from the network's own texts, with the reference's probabilities."""
    backend = numpy_backend(network, config.max_length)
    params = SamplingParams(temperature=1.0, max_gen_length=2 * config.max_length)
    sampler = Sampler(params, vocabulary)
    most = most_tokens(network, config.max_length, texts=4)
    windows = []
    for part in range(4):
        sequence = SampledSequence(sampler, config.max_length, None, random_stream(part))
        for _ in islice(decode(backend, [sequence]), most):
            pass
        ids = [0] * config.max_length + sequence.token_ids[: sequence.ids_read]
        # From the start of one text to the end of another.
        end = config.max_length + 1 + (len(ids) - config.max_length - 1) * part // 3
        windows.append(ids[end - config.max_length : end])
    probabilities, tolerances = float32_tolerance(network, np.array(windows))
    return Golden(np.array(windows, np.int32), probabilities.astype(np.float32), tuple(tolerances))


def check_parity(content: bytes, recording: Recording | None = None) -> Parity:
    """Compute a model file's golden windows with every backend present.

    With a `recording` the model is a quantized one, and is judged by its divergence from that.

    This runs in a child process: TensorFlow and tflite-runtime export the same symbols and crash
    each other, and a crash of the interpreter is reported as an error. The child gets the model and
    the recording through its stdin.

    Raises:
        ParityError: a backend computes something else than the reference, or crashes on the file.
    """
    with tempfile.TemporaryFile() as message:  # not a pipe: a model may be large
        recorded = io.BytesIO()
        if recording:
            np.savez(recorded, **vars(recording))
        message.write(len(recorded.getvalue()).to_bytes(_LENGTH_BYTES, "little"))
        message.write(recorded.getvalue())
        message.write(content)
        message.seek(0)
        child = subprocess.run(
            # -P: nothing is imported from the folder that the user happens to be in.
            [sys.executable, "-X", "utf8", "-P", "-m", "convert.verify"],
            stdin=message,
            capture_output=True,
            check=False,
            env=os.environ | WITHOUT_KERAS,
        )
    if child.returncode:
        lines = child.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {child.returncode}"
        raise ParityError(
            f"the converted model cannot be run ({reason})", "please report this checkpoint"
        )
    found = json.loads(child.stdout)
    if found["divergence"]:
        found["divergence"] = Divergence(**found["divergence"])
    parity = Parity(**found)
    _judge(parity)
    return parity


def _judge(parity: Parity) -> None:
    if parity.divergence:
        if not parity.divergence.kl_mean <= MAX_DIVERGENCE:
            raise ParityError(
                f"quantized, this network diverges by {parity.divergence.kl_mean:.2f} nats",
                "convert it without --quantize",
            )
        return
    for name, deviation in parity.deviations.items():
        if not deviation <= parity.tolerance:
            rounding = parity.tolerance > FLOOR
            raise ParityError(
                f"the {name} backend differs from the checkpoint by {deviation:.1e}, "
                f"more than {parity.tolerance:.1e}",
                "the network amplifies rounding; take an earlier checkpoint, trained for less long"
                if rounding
                else "please report this checkpoint",
            )


def measure(model: ModelFile, recording: Recording | None = None) -> Parity:
    """Compute a model's golden windows, and a recording if given, with every backend present.

    Raises:
        ModelFileError: the model is damaged.
        BackendError: the interpreter refuses it.
    """
    golden = model.golden()
    network = model.network()
    on_numpy = numpy_backend(network, model.config.max_length)
    backends: dict[str, Backend] = {"numpy": on_numpy}
    not_tried: str | None = None
    try:
        backends["tflite"] = _on_tflite(model)
    except _NotTried as reason:
        not_tried = str(reason)
    # Tolerances differ from window to window: report the one that comes closest to its own.
    found, tolerance = {}, max(golden.tolerances)
    for name, backend in backends.items():
        measured = deviations(backend, golden)
        found[name] = max(measured)
        for deviation, allowed in zip(measured, golden.tolerances, strict=True):
            if not deviation <= allowed:
                found[name], tolerance = deviation, allowed
    divergence = diverge(backends.get("tflite", on_numpy), recording) if recording else None
    sample = ""
    if most_tokens(network, model.config.max_length) >= MAX_GEN_LENGTH:
        generator = TextGenerator(on_numpy, model.vocabulary, model.config)
        sample = _first_line(generator.stream(seed=0))
    return Parity(found, tolerance, not_tried, sample, divergence)


def _first_line(pieces: Iterable[str]) -> str:
    """Return the first line that is not blank, or ""; read no more of the text than that takes."""
    text = ""
    for piece in pieces:
        text += piece
        if any(map(str.strip, text.splitlines()[:-1])):
            break
    return next(filter(str.strip, text.splitlines()), "")


class _NotTried(Exception):  # noqa: N818 - no failure, but an answer
    """Why there is no interpreter here that should run the model."""


def _on_tflite(model: ModelFile) -> Backend:
    """Return the TFLite backend for a model.

    The interpreter is the Pi's, if it is installed and can run the file; else TensorFlow's own,
    which is the same code.

    Raises:
        _NotTried: there is neither.
        BackendError: an interpreter that should run the file cannot.
    """
    try:
        return tflite.load(model)
    except BackendError as error:
        if installed_runtime() and model.manifest.quantization == "float32":
            raise
        reason = str(error)
    import tensorflow as tf

    if not hasattr(tf.lite, "Interpreter"):
        raise _NotTried(reason)

    def make(**arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its move to LiteRT
            return tf.lite.Interpreter(**arguments)

    return tflite.load(model, interpreter=make)


def _main() -> None:
    message = sys.stdin.buffer
    recorded = message.read(int.from_bytes(message.read(_LENGTH_BYTES), "little"))
    recording = None
    if recorded:
        with np.load(io.BytesIO(recorded)) as arrays:
            recording = Recording(**arrays)
    parity = measure(ModelFile.from_bytes(message.read(), "the converted model"), recording)
    print(json.dumps(asdict(parity)))  # noqa: T201


if __name__ == "__main__":
    _main()
