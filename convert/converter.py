"""From a checkpoint to the artefact: read, find its sidecars, build, check, write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convert.checkpoint import Checkpoint, read_checkpoint
from convert.errors import OutputError
from convert.sidecars import Sidecars, find_sidecars
from convert.verify import Parity, check_parity, golden_windows, record
from pi_runtime import __version__
from pi_runtime.files import replacing
from pi_runtime.model.file import Golden, ModelFile, pack_model
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary

# What loads which files. int8 ones hold FULLY_CONNECTED in version 12, which tflite-runtime's last
# release refuses; NumPy reads them everywhere.
RUNTIMES = {
    "float32": ["ai-edge-litert>=2.1", "tflite-runtime>=2.14", "numpy"],
    "int8": ["ai-edge-litert>=2.1", "numpy"],
}


@dataclass(frozen=True)
class Findings:
    """What a checkpoint is, before anything is built from it."""

    checkpoint: Checkpoint
    sidecars: Sidecars

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens, as the runtime will see them."""
        return Vocabulary(
            self.sidecars.vocab,
            self.checkpoint.network.classes,
            word_level=self.sidecars.config.word_level,
        )


def inspect(
    weights: Path,
    vocab: Path | None = None,
    config: Path | None = None,
    max_length: int | None = None,
) -> Findings:
    """Read a checkpoint and find its vocab and config.

    Raises:
        CheckpointError: the weights cannot be read.
        SidecarError: no vocab or config belongs to them.
    """
    checkpoint = read_checkpoint(weights)
    return Findings(
        checkpoint, find_sidecars(weights, checkpoint.network, vocab, config, max_length)
    )


def convert(
    findings: Findings,
    output: Path,
    *,
    quantization: str = "float32",
    force: bool = False,
    before_writing: Callable[[], None] = lambda: None,
) -> tuple[int, Parity]:
    """Write the artefact; return its size in bytes and how exactly it computes.

    `before_writing` is called when all is proved and may raise.

    Raises:
        OutputError: `output` exists, and `force` is not set.
        ParityError: the file would compute something else; nothing is written.
        OSError: the output cannot be written; nothing is left behind.
    """
    check_output(output, force=force)
    # Here, not above: it imports TensorFlow, which takes seconds.
    from convert.graph import build_flatbuffer

    network, config = findings.checkpoint.network, findings.sidecars.config
    flatbuffer, places = build_flatbuffer(network, config.max_length, quantization)
    manifest = _manifest(findings, places, quantization)
    golden = golden_windows(network, findings.vocabulary, config)
    content = _packed(findings, flatbuffer, manifest, golden)
    if quantization == "float32":
        parity = check_parity(content)
    else:
        # The golden answers are those of the quantized weights, as the reference computes them;
        # the interpreter quantizes activations too, and may differ by what it does here.
        network = _network_in(content)
        golden = golden_windows(network, findings.vocabulary, config)
        content = _packed(findings, flatbuffer, manifest, golden)
        parity = check_parity(
            content, record(findings.checkpoint.network, findings.vocabulary, config)
        )
        allowed = max(*golden.tolerances, 4 * max(parity.deviations.values()))
        golden = replace(golden, tolerances=(allowed,) * len(golden.tolerances))
        content = _packed(findings, flatbuffer, manifest, golden)
    before_writing()
    with replacing(output) as file:
        file.write(content)
    return len(content), parity


def _packed(
    findings: Findings, flatbuffer: bytes, manifest: dict[str, Any], golden: Golden
) -> bytes:
    config = asdict(findings.sidecars.config)
    return pack_model(
        flatbuffer,
        {
            "manifest.json": manifest,
            "config.json": {**config, "single_text": findings.vocabulary.single_text},
            "vocab.json": findings.sidecars.vocab,
            "golden.json": {
                "windows": golden.windows.tolist(),
                "probabilities": golden.probabilities.tolist(),
                "tolerances": list(golden.tolerances),
            },
        },
    )


def _network_in(content: bytes) -> Network:
    """Return the network that a model file's bytes hold, as the NumPy backend reads it."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        return ModelFile(path).network()


def check_output(output: Path, *, force: bool) -> None:
    """Check, before the long work, that `output` may be written.

    Raises:
        OutputError: it exists, and `force` is not set.
    """
    if output.is_dir():
        raise OutputError(f"{output}: is a folder", "name a file with -o")
    if output.exists() and not force:
        raise OutputError(
            f"{output}: exists", "give --force to replace it, or another name with -o"
        )
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder", "create it, or name another with -o")


def _manifest(findings: Findings, places: dict[str, Any], quantization: str) -> dict[str, Any]:
    checkpoint = findings.checkpoint
    sources = {checkpoint.path.name: checkpoint.sha256}
    for path in findings.sidecars.sources:
        sources[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "producer": {
            "textgenrnn-pi": __version__,
            "tensorflow": version("tensorflow"),
            "numpy": version("numpy"),
        },
        "source": {"layout": checkpoint.layout, "sha256": sources},
        "classes": checkpoint.network.classes,
        "quantization": quantization,
        "runtimes": RUNTIMES[quantization],
        "arrays": places,
    }
