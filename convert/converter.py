"""From a checkpoint to the model file: read, find the sidecars, build, seal, prove, write."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from convert.building import Workshop, workshop
from convert.corpus import ngrams_of, read_corpus
from convert.errors import CheckpointError, OutputError
from convert.files.archive import is_archive, unpacked
from convert.files.sidecars import find_sidecars
from convert.recording import record
from convert.verify import Parity, check_parity, golden_windows
from convert.weights.checkpoint import read_checkpoint
from pi_runtime import __version__, checks
from pi_runtime.errors import UsageError, shown_path
from pi_runtime.files import replacing
from pi_runtime.model.file import pack_model, read_network
from pi_runtime.model.manifest import MAX_LENGTH, MAX_TOLERANCE, ArraySpec, Config, Manifest
from pi_runtime.model.network import Network
from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary

# What loads which files. int8 ones hold FULLY_CONNECTED in version 12, which tflite-runtime's last
# release refuses; NumPy reads them everywhere.
RUNTIMES = {
    "float32": ["ai-edge-litert>=2.1", "tflite-runtime>=2.14", "numpy"],
    "int8": ["ai-edge-litert>=2.1", "numpy"],
}

STAGES = ("reading", "building", "proving", "writing")
"""What converting does, in order."""

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Source:
    """A checkpoint with its vocab and config, as they were read."""

    weights: Path
    layout: str
    """The Keras layout and version of the weights file, e.g. "LSTM, Keras 2.2.4"."""
    network: Network
    vocabulary: Vocabulary
    config: Config
    notes: tuple[str, ...]
    """Which vocab and config were taken and why, for people to read."""
    sha256: dict[str, str]
    """Of each file read, by its name."""

    @property
    def classes(self) -> int:
        """V: tokens in the vocabulary, and one for padding."""
        return self.network.classes

    @property
    def single_text(self) -> bool:
        """Whether the network was trained on one running text."""
        return self.vocabulary.single_text


@dataclass(frozen=True)
class Conversion:
    """What `convert_checkpoint` read, wrote and measured."""

    weights: Path
    layout: str
    """The Keras layout and version of the weights file, e.g. "LSTM, Keras 2.2.4"."""
    classes: int
    """V: tokens in the vocabulary, and one for padding."""
    single_text: bool
    """Whether the network was trained on one running text."""
    config: Config
    """The name, the window (`max_length`) and the architecture."""
    notes: tuple[str, ...]
    """Which vocab and config were taken and why, for people to read."""
    path: Path
    """The file written."""
    size: int
    """Its length in bytes."""
    quantization: str
    """"float32" or "int8"."""
    parity: Parity
    """How exactly the file computes what the checkpoint does, by backend."""
    ngrams: NgramSet | None = None
    """What the file says of the texts that the network was trained on."""


def convert_checkpoint(
    path: AnyPath,
    output: AnyPath | None = None,
    *,
    vocab: AnyPath | None = None,
    config: AnyPath | None = None,
    max_length: int | None = None,
    word_level: bool | None = None,
    quantization: str = "float32",
    corpus: Sequence[AnyPath] = (),
    texts: Sequence[str] = (),
    force: bool = False,
    before_writing: Callable[[], None] = lambda: None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Conversion:
    """Convert a textgenrnn checkpoint to one .tflite file.

    `path` names the weights, an .hdf5, .h5, .weights.h5 or .keras file, or a .zip of a
    checkpoint's files. `output` is NAME.tflite in the current folder if it is not given, for
    NAME_weights.hdf5; an existing file is replaced only with `force`. `vocab` and `config` are
    textgenrnn's files, looked for beside the weights if not given. `max_length` overrides the
    config's window, 1 to 2000 tokens, and `word_level` whether tokens are words. `quantization` is
    "float32", or "int8" for a quarter of the size and nearly the same text. `corpus` names the
    files, in UTF-8, that the network was trained on, or `texts` are these texts: their hashed
    n-grams are added to the model, which then tells what it copies from what it makes up.
    `before_writing` is called once the file is proved; if it raises, nothing is written.
    `on_stage` is called as each stage begins, with one of `STAGES`.

    The model is run with every backend installed here, in a child process, and written only if it
    computes what the checkpoint does. This takes about ten seconds.

    >>> conversion = convert_checkpoint("colab_weights.hdf5", force=True)
    >>> print(conversion.path)
    colab.tflite
    >>> conversion.size == conversion.path.stat().st_size
    True
    >>> max(conversion.parity.deviations.values()) <= conversion.parity.tolerance
    True

    Raises:
        UsageError: an argument cannot be right.
        CheckpointError: the weights cannot be read.
        SidecarError: no vocab or config belongs to them.
        OutputError: the output exists and `force` is not set, or its folder does not.
        ParityError: the file would compute something else; nothing is written.
        ConversionError: TensorFlow failed, or there was not enough memory for it; or the corpus
            cannot be read.
        OSError: the output cannot be written; nothing is left behind.
        ImportError: TensorFlow is not installed.
    """
    if quantization not in RUNTIMES:
        raise UsageError(f"quantization is {quantization!r}", f"take {' or '.join(RUNTIMES)}")
    paths, given = _paths("corpus", corpus), checks.texts("texts", texts)
    on_stage("reading")
    source = read_source(
        path, vocab=vocab, config=config, max_length=max_length, word_level=word_level
    )
    target = Path(f"{source.config.name}.tflite") if output is None else _path("output", output)
    _check_output(target, force=force)
    given += read_corpus(paths, single_text=source.single_text)
    ngrams = ngrams_of(given, source.vocabulary) if given else None
    with workshop(source.network) as shop:
        source = replace(source, network=shop.network)  # mapped: the arrays read are given free
        content, parity = _proved(source, shop, quantization, ngrams, on_stage)
    before_writing()
    on_stage("writing")
    with replacing(target) as file:
        file.write(content)
    return Conversion(
        weights=source.weights,
        layout=source.layout,
        classes=source.classes,
        single_text=source.single_text,
        config=source.config,
        notes=source.notes,
        path=target,
        size=len(content),
        quantization=quantization,
        parity=parity,
        ngrams=ngrams,
    )


def read_source(
    path: AnyPath,
    *,
    vocab: AnyPath | None = None,
    config: AnyPath | None = None,
    max_length: int | None = None,
    word_level: bool | None = None,
) -> Source:
    """Read a checkpoint and find its vocab and config. See `convert_checkpoint`.

    Raises:
        UsageError: an argument cannot be right.
        CheckpointError: the weights cannot be read.
        SidecarError: no vocab or config belongs to them.
    """
    weights = _path("path", path)
    vocab_path = None if vocab is None else _path("vocab", vocab)
    config_path = None if config is None else _path("config", config)
    if max_length is not None:
        max_length = checks.whole_number("max_length", max_length, 1, MAX_LENGTH)
    if word_level is not None:
        word_level = checks.truth("word_level", word_level)
    if not is_archive(weights):
        return _read(weights, vocab_path, config_path, max_length, word_level)
    with unpacked(weights) as inside:
        source = _read(inside, vocab_path, config_path, max_length, word_level)
    return replace(source, weights=weights)


def _read(
    weights: Path,
    vocab_path: Path | None,
    config_path: Path | None,
    max_length: int | None,
    word_level: bool | None,
) -> Source:
    checkpoint = read_checkpoint(weights)
    sidecars = find_sidecars(
        weights,
        checkpoint.network,
        vocab_path,
        config_path,
        max_length,
        word_level=word_level,
        sealed=checkpoint.sidecars,
    )
    try:
        sidecars.config.check_work(checkpoint.network.classes)
    except ValueError as error:
        raise CheckpointError(
            f"{shown_path(weights)}: {error}",
            "train a smaller one, or with a smaller max_length",
        ) from None
    vocabulary = Vocabulary(
        sidecars.vocab, checkpoint.network.classes, word_level=sidecars.config.word_level
    )
    notes = checkpoint.notes + sidecars.notes
    if vocabulary.escaped_line_breaks:
        notes += (r"it writes \n for a line break; rnn-generate --unescape prints one",)
    files = {weights.name: checkpoint.sha256, **sidecars.sha256}
    return Source(
        weights=weights,
        layout=checkpoint.layout,
        network=checkpoint.network,
        vocabulary=vocabulary,
        config=sidecars.config,
        notes=notes,
        # A name on disk may be no text, as one in another encoding.
        sha256={shown_path(name): digest for name, digest in files.items()},
    )


def _path(name: str, value: Any) -> Path:
    return Path(value if isinstance(value, os.PathLike) else checks.text(name, value))


def _paths(name: str, values: Any) -> list[Path]:
    if isinstance(values, (str, bytes, dict, os.PathLike)) or not hasattr(values, "__iter__"):
        raise UsageError(f"{name} is {type(values).__name__}", "give a list of paths")
    return [_path(f"{name}[{at}]", value) for at, value in enumerate(values)]


def _check_output(output: Path, *, force: bool) -> None:
    """Check, before the long work, that `output` may be written."""
    if output.is_dir():
        raise OutputError(f"{output}: is a folder", "name a file with -o")
    if output.exists() and not force:
        raise OutputError(
            f"{output}: exists", "give --force to replace it, or another name with -o"
        )
    if not output.parent.is_dir():
        raise OutputError(
            f"{output.parent}: no such folder",
            f"create it (mkdir -p {shlex.quote(str(output.parent))}), or name another with -o",
        )


def _proved(
    source: Source,
    shop: Workshop,
    quantization: str,
    ngrams: NgramSet | None,
    on_stage: Callable[[str], None],
) -> tuple[bytes, Parity]:
    """Return the bytes of the model file and how exactly they compute."""
    on_stage("building")
    if quantization == "float32":
        content = _exact(source, shop, ngrams)
        on_stage("proving")
        return content, check_parity(content)
    # The golden probabilities are those of the quantized weights, by the reference. The interpreter
    # quantizes activations too, so the tolerance allows four times its deviation here.
    vocabulary, config = source.vocabulary, source.config
    with shop.building(config.max_length, quantization) as building:
        recording = record(source.network, vocabulary, config)
        flatbuffer, arrays = building.result()
    manifest = _manifest(source, quantization, arrays)
    golden = golden_windows(read_network(flatbuffer, arrays, config), vocabulary, config)
    on_stage("proving")
    parity = check_parity(
        pack_model(flatbuffer, manifest, config, vocabulary, golden, ngrams), recording
    )
    tolerance = max(*golden.tolerances, 4 * max(parity.deviations.values()))
    tolerance = min(tolerance, MAX_TOLERANCE)
    golden = replace(golden, tolerances=(tolerance,) * len(golden.tolerances))
    return pack_model(flatbuffer, manifest, config, vocabulary, golden, ngrams), parity


def _exact(source: Source, shop: Workshop, ngrams: NgramSet | None) -> bytes:
    """Return a float32 model file; what it was built from is out of memory afterwards."""
    with shop.building(source.config.max_length, "float32") as building:
        golden = golden_windows(source.network, source.vocabulary, source.config)
        flatbuffer, arrays = building.result()
    manifest = _manifest(source, "float32", arrays)
    return pack_model(flatbuffer, manifest, source.config, source.vocabulary, golden, ngrams)


def _manifest(source: Source, quantization: str, arrays: Mapping[str, ArraySpec]) -> Manifest:
    return Manifest(
        producer={
            "textgenrnn-pi": __version__,
            "tensorflow": version("tensorflow"),
            "numpy": version("numpy"),
        },
        source={"layout": source.layout, "sha256": source.sha256},
        classes=source.classes,
        quantization=quantization,
        runtimes=list(RUNTIMES[quantization]),
        arrays=dict(arrays),
    )
