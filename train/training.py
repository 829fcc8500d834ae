"""The training itself: epoch after epoch, each of which leaves whole files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime.errors import UsageError
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.model.file import Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START, Vocabulary
from train.corpus import Corpus, make_vocabulary
from train.errors import TextError, TrainingError
from train.settings import ModelSettings, TrainSettings, fingerprint

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)
SAMPLES = 3
"""Texts a temperature, as in textgenrnn."""


@dataclass(frozen=True)
class Start:
    """A trained network to go on from, with its vocabulary."""

    network: Network
    vocabulary: dict[str, int]


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to."""

    number: int
    """From 1."""
    losses: list[float]
    """The mean loss of each epoch so far, in nats a token."""
    val_losses: list[float]
    """The same over the validation windows; empty where there are none."""
    samples: dict[float, list[str]] = field(default_factory=dict)
    """By temperature."""


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
    """Train on texts and write NAME_weights.hdf5, NAME_vocab.json and NAME_config.json.

    They are written anew after every epoch, with NAME_resume.npz, from which `resume` goes on; that
    one goes when the training is complete. `labels` are the texts' contexts: they help while
    training and are not in the files. `start` is fine-tuned instead of a new network. `callbacks`
    are Keras's.

    Raises:
        TextError: there are too few texts.
        TrainingError: there is nothing to resume, or it was another training.
        OSError: a file cannot be written; those of the epoch before stay.
    """
    model, training = model or ModelSettings(), training or TrainSettings()
    folder = Path(folder)
    single = not (training.line_delimited or training.is_csv or len(labels))
    vocabulary = _vocabulary(texts, model, start, single=single)
    corpus = Corpus.encode(
        texts, vocabulary, model.max_length, word_level=model.word_level, single_text=single
    )
    run = _Run(name, folder, model, training, vocabulary, corpus, _one_hot(labels))
    if resume:
        run.restore()
    elif start:
        run.take(start.network)
    run.write_sidecars(single=single)
    while run.epoch < training.num_epochs:
        run.train_epoch(callbacks)
        after_epoch(run.report())
    run.end()
    return run.network


def _vocabulary(
    texts: Sequence[str], model: ModelSettings, start: Start | None, *, single: bool
) -> dict[str, int]:
    if start is None:
        return make_vocabulary(
            texts, word_level=model.word_level, max_words=model.max_words, single_text=single
        )
    if single != (START not in start.vocabulary):
        kind = "one running text" if single else "a text a line"
        raise UsageError(
            f"the network to go on from was not trained on {kind}",
            "leave out --line-delimited" if not single else "add --line-delimited",
        )
    return start.vocabulary


def _one_hot(labels: Sequence[str]) -> npt.NDArray[np.float32] | None:
    """Return [texts, labels], in alphabetical order."""
    if not len(labels):
        return None
    known, which = np.unique(np.array(labels), return_inverse=True)
    return np.eye(len(known), dtype=np.float32)[which]


class _Run:
    """A training at some epoch."""

    def __init__(
        self,
        name: str,
        folder: Path,
        model: ModelSettings,
        training: TrainSettings,
        vocabulary: dict[str, int],
        corpus: Corpus,
        labels: npt.NDArray[np.float32] | None,
    ) -> None:
        # Here, not above: they import TensorFlow, which takes seconds that an error should not.
        import keras

        from train.batches import Samples
        from train.model import build_model

        self._name, self._folder = name, folder
        self._model_settings, self._settings = model, training
        self._vocabulary = vocabulary
        self._fingerprint = _fingerprint(corpus, model, training, vocabulary)
        samples = Samples(corpus, model.max_length, training.seed, labels)
        self._batches, self._validation = samples.split(training.train_size, training.batch_size)
        if not self._batches.count:
            raise TextError("no text is left to train on", "raise --train-size or give more text")
        if not training.validation:
            self._validation = None
        keras.utils.set_random_seed(training.seed)
        self._model = build_model(
            len(vocabulary) + 1,
            model,
            dropout=training.dropout,
            optimizer=training.optimizer,
            context_size=0 if labels is None else labels.shape[1],
        )
        self.epoch = 0
        self._losses: list[float] = []
        self._val_losses: list[float] = []

    @property
    def network(self) -> Network:
        """The weights as they are."""
        from train.model import network_of

        return network_of(self._model)

    @property
    def _resume_path(self) -> Path:
        return self._folder / f"{self._name}_resume.npz"

    def take(self, network: Network) -> None:
        """Go on from a trained network."""
        from train.model import set_network

        set_network(self._model, network)

    def restore(self) -> None:
        """Take the state of the last whole epoch."""
        from train.checkpoint import State

        state = State.read(self._resume_path)
        if state.fingerprint != self._fingerprint:
            raise TrainingError(
                f"{self._resume_path} is a training on other texts or with other settings",
                "give the same again, or train without --resume",
            )
        for variable, value in zip(self._variables(), state.variables, strict=True):
            variable.assign(value)
        self.epoch, self._losses, self._val_losses = state.epoch, state.losses, state.val_losses

    def _variables(self) -> Iterator[Any]:
        self._model.optimizer.build(self._model.trainable_variables)
        yield from self._model.variables
        yield from self._model.optimizer.variables

    def write_sidecars(self, *, single: bool) -> None:
        """Write what does not change."""
        from train.checkpoint import write_sidecars

        write_sidecars(
            self._folder, self._name, self._vocabulary, self._model_settings, single=single
        )

    def train_epoch(self, callbacks: Sequence[Any]) -> None:
        """Train an epoch and write its files."""
        from train.model import LEARNING_RATE

        settings, model = self._settings, self._model
        model.optimizer.learning_rate = LEARNING_RATE * (1 - self.epoch / settings.num_epochs)
        validation = self._validation
        history = model.fit(
            self._batches.epoch(self.epoch),
            steps_per_epoch=self._batches.count,
            validation_data=validation.epoch(0) if validation else None,
            validation_steps=validation.count if validation else None,
            initial_epoch=self.epoch,
            epochs=self.epoch + 1,
            callbacks=list(callbacks),
            shuffle=False,  # the batches are
            verbose=0,
        ).history
        self.epoch += 1
        self._losses.append(float(history["loss"][0]))
        if validation:
            self._val_losses.append(float(history["val_loss"][0]))
        if not np.isfinite(self._losses[-1]):
            raise TrainingError(
                f"the loss of epoch {self.epoch} is {self._losses[-1]}: the training diverged",
                "the files are those of the epoch before; train with other settings",
            )
        self._write()

    def _write(self) -> None:
        from train.checkpoint import State, write_weights

        network = self.network
        write_weights(self._folder / f"{self._name}_weights.hdf5", network)
        every = self._settings.save_epochs
        if every and self.epoch % every == 0 and self.epoch < self._settings.num_epochs:
            write_weights(self._folder / f"{self._name}_weights_epoch_{self.epoch}.hdf5", network)
        state = State(
            self.epoch,
            self._losses,
            self._val_losses,
            self._fingerprint,
            [np.asarray(variable) for variable in self._variables()],
        )
        state.write(self._resume_path)

    def report(self) -> Epoch:
        """Return what the last epoch came to."""
        every = self._settings.gen_epochs
        samples = self._samples() if every and self.epoch % every == 0 else {}
        return Epoch(self.epoch, list(self._losses), list(self._val_losses), samples)

    def _samples(self) -> dict[float, list[str]]:
        from pi_runtime.backends.numpy import numpy_backend

        network, settings = self.network, self._model_settings
        config = Config(
            name=self._name,
            max_length=settings.max_length,
            word_level=settings.word_level,
            rnn_layers=settings.rnn_layers,
            rnn_size=settings.rnn_size,
            rnn_bidirectional=settings.rnn_bidirectional,
            dim_embeddings=settings.dim_embeddings,
        )
        generator = TextGenerator(
            numpy_backend(network, settings.max_length),
            Vocabulary(self._vocabulary, network.classes, word_level=settings.word_level),
            config,
        )
        length = self._settings.max_gen_length
        return {
            temperature: generator.generate(
                SAMPLES, temperature=temperature, max_gen_length=length, seed=self.epoch
            )
            for temperature in SAMPLE_TEMPERATURES
        }

    def end(self) -> None:
        """Forget how to go on: it is complete."""
        self._resume_path.unlink(missing_ok=True)


def _fingerprint(
    corpus: Corpus, model: ModelSettings, training: TrainSettings, vocabulary: dict[str, int]
) -> str:
    digest = hashlib.sha256(corpus.tokens.data)
    digest.update(corpus.starts.data)
    digest.update(repr((fingerprint(model, training), list(vocabulary))).encode())
    return digest.hexdigest()
