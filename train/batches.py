"""A corpus as batches for Keras, made by TensorFlow in bounded memory: no Python a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from train.corpus import Corpus

SPLIT = -1
"""In place of an epoch's number: the order in which samples are parted."""


class Samples:
    """A corpus in TensorFlow's hands, with a label for each text where there are labels."""

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
        """Return the samples to train on and those to validate with, parted at random."""
        most = round(train_size * self.count)
        chosen = Batches(self, 0, most, batch_size)
        held = self.count - most
        return chosen, Batches(self, most, held, batch_size) if held else None

    def shuffled(self, places: tf.Tensor, count: int, number: int) -> tf.Tensor:
        """Return where a permutation of `count` things puts these places.

        It is computed, not kept: an array of it would be the largest thing here.
        """
        key = tf.constant([self.seed, number], tf.int32)
        return tf.random.experimental.index_shuffle(places, key, tf.constant(count - 1, tf.int64))

    def batch(self, samples: tf.Tensor) -> Any:
        """Return (windows [B, T], targets [B]) of samples by number, and labels where there are."""
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
    """Some of the samples, in a new order every epoch."""

    def __init__(self, samples: Samples, first: int, count: int, batch_size: int) -> None:
        self._samples = samples
        self._first, self._count = first, count
        self._size = max(1, min(batch_size, count))
        self.count = count // self._size
        """Batches an epoch; as in textgenrnn, what does not fill one waits for another epoch."""

    def epoch(self, number: int) -> tf.data.Dataset:
        """Return the batches of an epoch."""
        steps = tf.data.Dataset.range(self.count)
        return steps.map(lambda step: self._batch(step, number), num_parallel_calls=2).prefetch(4)

    def _batch(self, step: tf.Tensor, number: int) -> Any:
        samples = self._samples
        places = step * self._size + tf.range(self._size, dtype=tf.int64)
        parted = self._first + samples.shuffled(places, self._count, number)
        return samples.batch(samples.shuffled(parted, samples.count, SPLIT))
