"""From a checkpoint to the artefact: read, find its sidecars, build, check, write."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from convert.checkpoint import Checkpoint, read_checkpoint
from convert.errors import OutputError
from convert.sidecars import Sidecars, find_sidecars
from convert.verify import Parity, check_parity, golden_windows
from pi_runtime import __version__
from pi_runtime.files import replacing
from pi_runtime.model_file import pack_model
from pi_runtime.vocabulary import Vocabulary


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


def convert(findings: Findings, output: Path, *, force: bool = False) -> tuple[int, Parity]:
    """Write the artefact; return its size in bytes and how exactly it computes.

    Raises:
        OutputError: `output` exists, and `force` is not set.
        ParityError: the file would compute something else; nothing is written.
        OSError: the output cannot be written; nothing is left behind.
    """
    check_output(output, force=force)
    # Here, not above: it imports TensorFlow, which takes seconds.
    from convert.graph import build_flatbuffer

    network, config = findings.checkpoint.network, findings.sidecars.config
    flatbuffer, places = build_flatbuffer(network, config.max_length)
    golden = golden_windows(network, findings.vocabulary, config)
    content = pack_model(
        flatbuffer,
        {
            "manifest.json": _manifest(findings, places),
            "config.json": {**asdict(config), "single_text": findings.vocabulary.single_text},
            "vocab.json": findings.sidecars.vocab,
            "golden.json": {
                "windows": golden.windows.tolist(),
                "probabilities": golden.probabilities.tolist(),
                "tolerances": list(golden.tolerances),
            },
        },
    )
    parity = check_parity(content)
    with replacing(output) as file:
        file.write(content)
    return len(content), parity


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


def _manifest(findings: Findings, places: dict[str, Any]) -> dict[str, Any]:
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
        "quantization": "float32",
        "arrays": places,
    }
