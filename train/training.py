"""`train`: texts in, textgenrnn's three files out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime import checks
from pi_runtime.errors import UsageError
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START
from train.corpus import Corpus, make_vocabulary
from train.run import Epoch, Run
from train.settings import ModelSettings, T, TrainSettings


@dataclass(frozen=True)
class Start:
    """A trained network to fine-tune, with its vocabulary."""

    network: Network
    vocabulary: dict[str, int]


def train(
    texts: Sequence[str],
    name: str = "colab",
    model: ModelSettings | None = None,
    training: TrainSettings | None = None,
    *,
    folder: Path = Path(),
    labels: Sequence[str] = (),
    start: Start | None = None,
    resume: bool = False,
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
    callbacks: Sequence[Any] = (),
) -> Network:
    """Train on texts; write NAME_weights.hdf5, NAME_vocab.json and NAME_config.json in `folder`.

    Existing files of these names are replaced together after the first epoch, and the weights after
    each. With them NAME_resume.npz is written, from which `resume` continues an interrupted
    training; it is removed when the training is complete. The result is the trained network:
    arrays of float32.

    `labels`, one per text, help while training and are not part of the network. `start` is
    fine-tuned instead of a new network. `after_epoch` is called with the results of each epoch.
    `callbacks` are Keras's.

    >>> settings = ModelSettings(rnn_size=8, rnn_layers=1, max_length=5, dim_embeddings=4)
    >>> training = TrainSettings(num_epochs=1, line_delimited=True)
    >>> network = train(["To be, or not to be"] * 9, "tiny", settings, training)
    >>> network.units, network.classes
    (8, 11)

    Raises:
        UsageError: an argument cannot be right.
        TextError: the texts are too few or too short.
        TrainingError: there is nothing to resume, it is another training, or the loss diverged.
        OSError: a file cannot be written; those of the epoch before remain.
        ImportError: TensorFlow or h5py is not installed.
    """
    texts = checks.texts("texts", texts)
    labels = checks.texts("labels", labels)
    if labels and len(labels) != len(texts):
        raise UsageError(
            f"there are {len(texts)} texts and {len(labels)} labels", "give a label per text"
        )
    name = check_name(name)
    model = _settings("model", model, ModelSettings)
    training = _settings("training", training, TrainSettings)
    if not isinstance(folder, os.PathLike):
        folder = Path(checks.text("folder", folder))
    single = not (training.line_delimited or training.is_csv or labels)
    if start:
        _check_start(start, model, single=single)
        vocabulary, classes = start.vocabulary, start.network.classes
    else:
        vocabulary = make_vocabulary(
            texts, word_level=model.word_level, max_words=model.max_words, single_text=single
        )
        classes = len(vocabulary) + 1
    corpus = Corpus.encode(
        texts, vocabulary, model.max_length, word_level=model.word_level, single_text=single
    )
    run = Run(
        name,
        Path(folder),
        model,
        training,
        vocabulary,
        classes,
        corpus,
        _one_hot(labels),
        single=single,
    )
    if resume:
        run.resume()
    elif start:
        run.start_from(start.network)
    while run.epoch < training.num_epochs:
        run.train_epoch(callbacks)
        after_epoch(run.report())
    run.complete()
    return run.network


def check_name(value: Any) -> str:
    """Check the name of a model, with which its files' names begin.

    Raises:
        UsageError: it cannot begin a file name.
    """
    name = checks.text("name", value)
    if not re.fullmatch(r"[^/\x00]{1,100}", name) or name in (".", ".."):
        raise UsageError(
            f"name is {name[:110]!r}", "give a file name of at most 100 characters, without folders"
        )
    return name


def _settings(name: str, value: Any, kind: type[T]) -> T:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise UsageError(f"{name} is {type(value).__name__}", f"give {kind.__name__}")
    return value


def _check_start(start: Start, model: ModelSettings, *, single: bool) -> None:
    if single != (START not in start.vocabulary):
        texts = "one running text" if single else "a text per line"
        raise UsageError(
            f"the network to start from was not trained on {texts}",
            "add --line-delimited" if single else "leave out --line-delimited",
        )
    network = start.network
    if not all(0 < token_id < network.classes for token_id in start.vocabulary.values()):
        raise UsageError(
            f"the vocabulary to start from has ids that are not 1 to {network.classes - 1}",
            "give the vocabulary of that network",
        )
    found = {
        "rnn_size": network.units,
        "rnn_layers": len(network.layers),
        "rnn_bidirectional": network.bidirectional,
        "dim_embeddings": network.embedding.shape[1],
    }
    for name, value in found.items():
        if getattr(model, name) != value:
            raise UsageError(
                f"{name} is {getattr(model, name)}, and {value} in the network to start from",
                "give the settings of that network",
            )


def _one_hot(labels: list[str]) -> npt.NDArray[np.float32] | None:
    """Return [texts, labels], in alphabetical order, if there are labels."""
    if not labels:
        return None
    known, indices = np.unique(np.array(labels), return_inverse=True)
    return np.eye(len(known), dtype=np.float32)[indices]
