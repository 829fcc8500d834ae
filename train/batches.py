"""A corpus as batches for Keras, built by TensorFlow in bounded memory: no Python per sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from train.corpus import Corpus

SPLIT = -1
"""In place of an epoch's number: the permutation by which samples are split."""


class Samples:
    """A corpus as TensorFlow constants, with a label per text if there are labels."""

    def __init__(
        self,
        corpus: Corpus,
        max_length: int,
        seed: int,
        labels: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.count = corpus.samples
        self.seed = seed
        self._tokens = tf.constant(corpus.tokens)
        self._starts = tf.constant(corpus.starts)
        self._before = tf.constant(corpus.before)
        self._first = corpus.first
        self._ends = None if corpus.ends is None else tf.constant(corpus.ends)
        self._labels = None if labels is None else tf.constant(labels)
        self._max_length = max_length

    def split(self, train_size: float, batch_size: int) -> tuple[Batches, Batches | None]:
        """Return the samples to train on and those to validate with, split at random."""
        trained = round(train_size * self.count)
        held = self.count - trained
        validation = Batches(self, trained, held, batch_size) if held else None
        return Batches(self, 0, trained, batch_size), validation

    def shuffled(self, places: tf.Tensor, count: int, number: int) -> tf.Tensor:
        """Return where permutation `number` of `count` items puts the items at these places.

        It is computed each time: as an array it would be the largest object here.
        """
        key = tf.constant([self.seed, number], tf.int32)
        return tf.random.experimental.index_shuffle(places, key, tf.constant(count - 1, tf.int64))

    def batch(self, samples: tf.Tensor) -> Any:
        """Return (windows [B, T], targets [B]) of samples by index, with labels if there are."""
        size = samples.shape[0]
        if self._ends is None:
            texts = tf.searchsorted(self._before, samples, side="right", out_type=tf.int64) - 1
            within = samples - tf.gather(self._before, texts)
            ends = tf.gather(self._starts, texts) + self._first + within
        else:
            ends = tf.cast(tf.gather(self._ends, samples), tf.int64)
            texts = tf.searchsorted(self._starts, ends, side="right", out_type=tf.int64) - 1
        at = ends[:, None] + tf.range(-self._max_length, 1, dtype=tf.int64)
        ids = tf.cast(tf.gather(self._tokens, tf.maximum(at, 0)), tf.int32)
        ids = tf.where(at >= tf.gather(self._starts, texts)[:, None], ids, 0)
        if self._ends is not None:
            known = tf.argsort(tf.cast(ids != 0, tf.int32), axis=1, stable=True)
            ids = tf.gather(ids, known, batch_dims=1)
        windows = tf.ensure_shape(ids[:, 1:], (size, self._max_length))
        targets = tf.cast(tf.gather(self._tokens, ends + 1), tf.int32)
        if self._labels is None:
            return windows, targets
        return (windows, tf.gather(self._labels, texts)), (targets, targets)


class Batches:
    """Some of the samples, in another order in each epoch."""

    def __init__(self, samples: Samples, first: int, count: int, batch_size: int) -> None:
        self._samples = samples
        self._first, self._count = first, count
        self._size = max(1, min(batch_size, count))
        self.count = count // self._size
        """Batches per epoch. As in textgenrnn, an incomplete one is left out; other samples form it
        in the next epoch."""

    def epoch(self, number: int) -> tf.data.Dataset:
        """Return the batches of an epoch."""
        steps = tf.data.Dataset.range(self.count)
        return steps.map(lambda step: self._batch(step, number), num_parallel_calls=2).prefetch(4)

    def _batch(self, step: tf.Tensor, number: int) -> Any:
        samples = self._samples
        places = step * self._size + tf.range(self._size, dtype=tf.int64)
        order = self._first + samples.shuffled(places, self._count, number)
        return samples.batch(samples.shuffled(order, samples.count, SPLIT))
