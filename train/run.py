"""A training in progress: each epoch leaves complete files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.quiet import quiet_tensorflow
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.model.manifest import Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary
from train.corpus import Corpus
from train.errors import TextError, TrainingError
from train.settings import ModelSettings, TrainSettings, fingerprint

SAMPLE_TEMPERATURES = (0.2, 0.5, 1.0)
SAMPLES = 3
"""Texts per temperature, as in textgenrnn."""


@dataclass(frozen=True)
class Epoch:
    """The results of an epoch."""

    number: int
    """From 1."""
    losses: list[float]
    """The mean loss of each epoch so far, in nats per token."""
    val_losses: list[float]
    """The same over the validation samples; empty if there are none."""
    samples: dict[float, list[str]] = field(default_factory=dict)
    """Generated texts by temperature; empty if none were due."""


class Run:
    """A training after some number of epochs."""

    def __init__(
        self,
        name: str,
        folder: Path,
        model: ModelSettings,
        training: TrainSettings,
        vocabulary: dict[str, int],
        classes: int,
        corpus: Corpus,
        labels: npt.NDArray[np.float32] | None,
        *,
        single: bool,
    ) -> None:
        """Create the model, of V `classes`, with its initial weights.

        `labels` are [texts, labels], one-hot; `single` says whether the text is a single one.
        """
        # Not at the top: these import TensorFlow, which takes seconds that errors should not take.
        with quiet_tensorflow():
            import keras

            from train.batches import Samples
            from train.checkpoint import Sidecars
            from train.model import build_model

        self._name, self._folder = name, folder
        self._model_settings, self._settings = model, training
        self._vocabulary = vocabulary
        self._sidecars = Sidecars.of(name, vocabulary, model, single=single)
        self._fingerprint = _fingerprint(corpus, model, training, vocabulary)
        samples = Samples(corpus, model.max_length, training.seed, labels)
        self._batches, self._validation = samples.split(training.train_size, training.batch_size)
        if not self._batches.count:
            raise TextError("no text is left to train on", "raise --train-size or give more text")
        if not training.validation:
            self._validation = None
        keras.utils.set_random_seed(training.seed)
        self._model = build_model(
            classes,
            model,
            dropout=training.dropout,
            optimizer=training.optimizer,
            context_size=0 if labels is None else labels.shape[1],
        )
        self.epoch = 0
        """How many epochs are complete."""
        self._losses: list[float] = []
        self._val_losses: list[float] = []

    @property
    def network(self) -> Network:
        """The current weights."""
        from train.model import network_of

        return network_of(self._model)

    @property
    def _resume_path(self) -> Path:
        return self._folder / f"{self._name}_resume.npz"

    def start_from(self, network: Network) -> None:
        """Take the weights of a trained network."""
        from train.model import set_network

        set_network(self._model, network)

    def resume(self) -> None:
        """Take the state after the last complete epoch of an interrupted training.

        Its files are written again, as they may be those of the epoch before, or not all be there.
        """
        from train.resume import TrainingState

        variables = list(self._variables())
        like = [np.asarray(variable) for variable in variables]
        state = TrainingState.read(self._resume_path, self._fingerprint, like)
        for variable, value in zip(variables, state.variables, strict=True):
            variable.assign(value)
        self.epoch, self._losses, self._val_losses = state.epoch, state.losses, state.val_losses
        self._write()

    def _variables(self) -> Iterator[Any]:
        self._model.optimizer.build(self._model.trainable_variables)
        yield from self._model.variables
        yield from self._model.optimizer.variables

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
        from train.checkpoint import write_epoch
        from train.resume import TrainingState

        state = TrainingState(
            self.epoch,
            self._losses,
            self._val_losses,
            self._fingerprint,
            [np.asarray(variable) for variable in self._variables()],
        )
        every = self._settings.save_epochs
        write_epoch(
            self._folder,
            self._name,
            self.network,
            self._sidecars,
            state,
            keep=bool(every) and self.epoch % every == 0 and self.epoch < self._settings.num_epochs,
        )

    def report(self) -> Epoch:
        """Return the results of the last epoch."""
        every = self._settings.gen_epochs
        samples = self._samples() if every and self.epoch % every == 0 else {}
        return Epoch(self.epoch, list(self._losses), list(self._val_losses), samples)

    def _samples(self) -> dict[float, list[str]]:
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
        return generator.generate_samples(
            SAMPLES,
            SAMPLE_TEMPERATURES,
            max_gen_length=self._settings.max_gen_length,
            seed=self.epoch,
        )

    def complete(self) -> None:
        """Remove the file for resuming."""
        self._resume_path.unlink(missing_ok=True)


def _fingerprint(
    corpus: Corpus, model: ModelSettings, training: TrainSettings, vocabulary: dict[str, int]
) -> str:
    digest = hashlib.sha256(corpus.tokens.data)
    digest.update(corpus.starts.data)
    digest.update(repr((fingerprint(model, training), list(vocabulary))).encode())
    return digest.hexdigest()
