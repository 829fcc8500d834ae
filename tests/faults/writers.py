"""Programs that write files, and which state a fault leaves these in."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import sys
import tempfile
import wave
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from pi_runtime.cli.text_log import TextLog
from tests.helpers.checkpoints import (
    config_of,
    packed_model,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.helpers.commands import ROOT, program

ENGINE = "espeak-ng" if shutil.which("espeak-ng") else "none"
OLD = "an old text\nand another one\n"
TEXTS = 3

STATES = ("old", "new", "half", "refused", "lost")
"""Half: all that was there and some of a text more. Refused: of several files that belong together
not all are the new ones, which is found out, and the next run completes them."""


@dataclass(frozen=True)
class Writer:
    """A program that replaces files or adds to one."""

    name: str
    argv: Callable[[Path], list[str]]
    """With a folder of what it reads."""
    prepare: Callable[[Path, Path], None]
    """Fill what it reads, and the folder it writes to with what is old."""
    state: Callable[[Path], str]
    """Return which of `STATES` that folder is in."""
    files: frozenset[str]
    """Names that may be there afterwards."""
    slow: bool = False
    """Whether it takes seconds: only some of its points are tried in CI."""
    mends: tuple[str, ...] = ()
    """Options with which the next run completes what is refused."""


def _model(given: Path) -> None:
    (given / "m.tflite").write_bytes(
        packed_model(small_network(), small_vocab(12, single_text=True))
    )


def _generate(*options: str, texts: int = TEXTS) -> Callable[[Path], list[str]]:
    return lambda given: [
        program("rnn-generate"), str(given / "m.tflite"), "--backend", "numpy", "--seed", "1",
        "-n", str(texts), "--max-gen-length", "30", "-q", *options,
    ]  # fmt: skip


def _with_old(name: str, content: bytes) -> Callable[[Path, Path], None]:
    def prepare(given: Path, folder: Path) -> None:
        _model(given)
        (folder / name).write_bytes(content)

    return prepare


def _texts(folder: Path) -> str:
    content = (folder / "out.txt").read_text("utf-8")
    if content == OLD:
        return "old"
    return "new" if len(content.splitlines()) == TEXTS and _whole(content) else "lost"


def _appended(folder: Path) -> str:
    """The old text must be there, and whatever follows be whole texts.

    Only a kill in the middle of a write leaves half of one; the next run begins a line of its own.
    """
    content = (folder / "out.txt").read_text("utf-8")
    if not content.startswith(OLD):
        return "lost"
    if content == OLD:
        return "old"
    *whole, last = content.removeprefix(OLD).splitlines(keepends=True)
    if not last.endswith("\n"):
        return "half"
    return "new" if _whole(last) and sum(not _whole(text) for text in whole) <= 1 else "lost"


def _whole(content: str) -> bool:
    return all(len(text) >= 29 for text in content.splitlines()) and content.endswith("\n")


def _records(folder: Path) -> str:
    content = (folder / "out.jsonl").read_text("utf-8")
    if content == OLD:
        return "old"
    try:
        records = [json.loads(line) for line in content.splitlines()]
    except ValueError:
        return "lost"
    return "new" if [record["index"] for record in records] == list(range(TEXTS)) else "lost"


def _old_log(given: Path, folder: Path) -> None:
    """A log of one text."""
    _model(given)
    record = {
        "text": OLD, "seed": 2, "index": 0, "temperature": (1.0,), "prefix": None, "options": {},
        "backend": "numpy", "model": None, "version": "1", "draws": 1,
    }  # fmt: skip
    with closing(TextLog(folder / "log")) as log:
        log.add(record, None)


def _logged(folder: Path) -> str:
    """The old text must be there, and whatever follows be whole texts of runs that began anew.

    A copy is looked at: reading a log brings it in order, and that the next run must do itself.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = shutil.copytree(folder, Path(name) / "copy")
        with closing(sqlite3.connect(copy / "log")) as log:
            if log.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return "lost"
            rows = log.execute("SELECT text, text_index FROM texts ORDER BY id").fetchall()
    if rows[:1] != [(OLD, 0)]:
        return "lost"
    ordered = all(
        index in (0, before + 1) for (_, before), (_, index) in pairwise([(OLD, -1), *rows[1:]])
    )
    if not ordered or not all(_whole(f"{text}\n") for text, _ in rows[1:]):
        return "lost"
    return "old" if len(rows) == 1 else "new"


def _page(folder: Path) -> str:
    content = (folder / "out.html").read_text("utf-8")
    if content == OLD:
        return "old"
    return "new" if content.endswith("</script>\n") else "lost"


def _sound(folder: Path) -> str:
    content = (folder / "out.wav").read_bytes()
    if content == OLD.encode():
        return "old"
    try:
        with wave.open(io.BytesIO(content)) as file:
            told, there = file.getnframes(), len(file.readframes(1 << 30)) // 2
    except (wave.Error, EOFError):
        return "lost"
    return "new" if told == there else "lost"


def _speak(given: Path) -> list[str]:
    return [
        program("rnn-speak"), str(given / "m.tflite"), "--backend", "numpy", "--seed", "1", "-q",
        "--max-gen-length", "40", "--prefix", "eat rain ", "--engine", ENGINE, "--wav", "out.wav",
    ]  # fmt: skip


GENERATE = Writer(
    "rnn-generate -o", _generate("-o", "out.txt"), _with_old("out.txt", OLD.encode()),
    _texts, frozenset({"out.txt"}),
)  # fmt: skip
RECORDS = Writer(
    "rnn-generate --json", _generate("--json", "-o", "out.jsonl"),
    _with_old("out.jsonl", OLD.encode()), _records, frozenset({"out.jsonl"}),
)  # fmt: skip
APPEND = Writer(
    "rnn-generate --append", _generate("--append", "-o", "out.txt"),
    _with_old("out.txt", OLD.encode()), _appended, frozenset({"out.txt"}),
)  # fmt: skip
PER_SHARD = 2
SHARD_FILES = frozenset(f"texts-{shard:04}.{end}" for shard in (0, 1) for end in ("json", "jsonl"))


def _no_shards(given: Path, folder: Path) -> None:
    _model(given)


def _shards(folder: Path) -> str:
    """What is there must be whole, and what the manifest and the records tell of must be there."""
    for shard in folder.glob("*.jsonl"):
        content = shard.read_text("utf-8")
        indices = [json.loads(line)["index"] for line in content.splitlines()]
        if indices != list(range(TEXTS))[int(shard.stem[-1]) * PER_SHARD :][:PER_SHARD]:
            return "lost"
    for record in folder.glob("texts-*.json"):
        digest = sha256(record.with_suffix(".jsonl").read_bytes()).hexdigest()
        if json.loads(record.read_text())["sha256"] != digest:
            return "lost"
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        return "old" if not list(folder.glob("texts-*")) else "lost"
    return "new" if manifest["complete"] else "old"


SHARDS = Writer(
    "rnn-generate --shards", _generate("--shards", ".", "--shard-size", str(PER_SHARD)),
    _no_shards, _shards, frozenset({"manifest.json", *SHARD_FILES}),
)  # fmt: skip
LOG = Writer("rnn-generate --log", _generate("--log", "log"), _old_log, _logged, frozenset({"log"}))


TRACE = Writer(
    "rnn-generate --trace", _generate("--trace", "out.html", texts=1),
    _with_old("out.html", OLD.encode()), _page, frozenset({"out.html"}),
)  # fmt: skip
SPEAK = Writer(
    "rnn-speak --wav", _speak, _with_old("out.wav", OLD.encode()), _sound, frozenset({"out.wav"})
)

FABLE = "The quick brown fox jumps over the lazy dog.\n" * 12
SET = {"f_weights.hdf5", "f_vocab.json", "f_config.json"}


def _checkpoint(given: Path, folder: Path) -> None:
    """An old set of three files that fit by size: the same letters in another order.

    As textgenrnn writes them: the weights tell no hashes. By a mark these are known to be old.
    """
    import h5py

    (given / "fable.txt").write_text(FABLE)
    letters = sorted(set(FABLE), reverse=True)
    network = small_network(classes=len(letters) + 1)
    write_weights(folder / "f_weights.hdf5", network)
    with h5py.File(folder / "f_weights.hdf5", "a") as file:
        file.attrs["old"] = True
    vocabulary = {letter: number for number, letter in enumerate(letters, 1)}
    write_sidecars(folder, "f", vocabulary, config_of(network))


def _train(given: Path) -> list[str]:
    network = small_network()
    return [
        program("rnn-train"), str(given / "fable.txt"), "--name", "f", "--force", "-q",
        "--rnn-size", str(network.units), "--rnn-layers", str(len(network.layers)),
        "--dim-embeddings", str(network.embedding.shape[1]), "--max-length", "6",
        "--num-epochs", "2", "--batch-size", "64",
    ]  # fmt: skip


def _set(folder: Path) -> str:
    """Only weights that tell which sidecars they need are refused beside others."""
    import h5py

    try:
        with h5py.File(folder / "f_weights.hdf5") as file:
            old_weights = "old" in file.attrs
            told = json.loads(file.attrs.get("textgenrnn_pi_sidecars", "null"))
        sidecars = {kind: (folder / f"f_{kind}.json").read_bytes() for kind in ("vocab", "config")}
        old_sidecars = [
            next(iter(json.loads(sidecars["vocab"]))) == max(FABLE),
            "single_text" not in json.loads(sidecars["config"]),
        ]
    except (OSError, ValueError):
        return "lost"
    if told and told != {kind: sha256(file).hexdigest() for kind, file in sidecars.items()}:
        return "refused"
    if any(old is not old_weights for old in old_sidecars):
        return "lost"
    return "old" if old_weights else "new"


TRAIN = Writer(
    "rnn-train",
    _train,
    _checkpoint,
    _set,
    frozenset({*SET, "f_training.png"}),
    slow=True,
    mends=("--resume",),
)


# What rnn-train writes in two epochs, without the training, which takes its seconds.
HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
EPOCHS = """
from pathlib import Path
import numpy as np
from tests.faults.writers import FABLE
from tests.helpers.checkpoints import small_network
from train.checkpoint import Sidecars, write_epoch
from train.resume import TrainingState
from train.settings import ModelSettings
letters = sorted(set(FABLE))
vocabulary = {letter: number for number, letter in enumerate(letters, 1)}
sidecars = Sidecars.of("f", vocabulary, ModelSettings(max_length=6), single=True)
arrays = [np.ones(999)]
for epoch in (1, 2):
    network = small_network(epoch, classes=len(letters) + 1)
    state = TrainingState(epoch, [1.0] * epoch, [], "", arrays)
    try:
        write_epoch(Path(), "f", network, sidecars, state, keep=epoch == 1)
    except OSError as error:
        sys.exit(f"error: {error}")
Path("f_resume.npz").unlink()
"""

EPOCHS_FILES = Writer(
    "epochs of rnn-train", lambda given: [sys.executable, "-c", HERE + EPOCHS], _checkpoint, _set,
    frozenset({*SET, "f_weights_epoch_1.hdf5"}),
)  # fmt: skip


def _old_model(given: Path, folder: Path) -> None:
    _checkpoint(given, given)
    _model(given)
    (folder / "f.tflite").write_bytes((given / "m.tflite").read_bytes())


def _convert(given: Path) -> list[str]:
    return [program("rnn-convert"), str(given / "f_weights.hdf5"), "-o", "f.tflite", "--force"]


def _converted(folder: Path) -> str:
    from pi_runtime.errors import ModelFileError
    from pi_runtime.model.file import ModelFile

    try:
        model = ModelFile(folder / "f.tflite")
    except (ModelFileError, OSError):
        return "lost"
    return "new" if model.config.name == "f" else "old"


CONVERT = Writer(
    "rnn-convert", _convert, _old_model, _converted, frozenset({"f.tflite"}), slow=True
)

QUICK = (GENERATE, RECORDS, APPEND, TRACE, SPEAK)
WRITERS = (*QUICK, LOG, SHARDS, EPOCHS_FILES, TRAIN, CONVERT)
