"""A corpus as batches for Keras, made by TensorFlow in bounded memory: no Python a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from train.corpus import Corpus


class Batches:
    """Windows that end at `ends`, with the tokens after them, in a new order every epoch."""

    def __init__(
        self,
        corpus: Corpus,
        ends: npt.NDArray[Any],
        max_length: int,
        batch_size: int,
        labels: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.size = min(batch_size, len(ends))
        self.count = len(ends) // self.size
        """Batches an epoch; as in textgenrnn, what does not fill one waits for another epoch."""
        self._tokens = tf.constant(corpus.tokens)
        self._starts = tf.constant(corpus.starts)
        self._ends = tf.constant(ends)
        self._labels = None if labels is None else tf.constant(labels)
        self._max_length = max_length
        self._complete = corpus.complete

    def epoch(self, seed: int, number: int) -> tf.data.Dataset:
        """Return the batches of an epoch: (windows [B, T], targets [B]), labels where there are."""
        key = tf.constant([seed, number], tf.int32)
        return (
            tf.data.Dataset.range(self.count)
            .map(lambda step: self._batch(step, key), num_parallel_calls=2)
            .prefetch(4)
        )

    def _batch(self, step: tf.Tensor, key: tf.Tensor) -> Any:
        places = step * self.size + tf.range(self.size, dtype=tf.int64)
        # A permutation that is computed, not kept: an array of it would be the largest thing here.
        last = tf.cast(tf.size(self._ends, tf.int64) - 1, tf.int64)
        order = tf.random.experimental.index_shuffle(places, key, last)
        ends = tf.cast(tf.gather(self._ends, order), tf.int64)
        texts = tf.searchsorted(self._starts, ends, side="right", out_type=tf.int64) - 1
        at = ends[:, None] + tf.range(-self._max_length, 1, dtype=tf.int64)
        ids = tf.cast(tf.gather(self._tokens, tf.maximum(at, 0)), tf.int32)
        ids = tf.where(at >= tf.gather(self._starts, texts)[:, None], ids, 0)
        if not self._complete:
            known = tf.argsort(tf.cast(ids != 0, tf.int32), axis=1, stable=True)
            ids = tf.gather(ids, known, batch_dims=1)
        windows = tf.ensure_shape(ids[:, 1:], (self.size, self._max_length))
        targets = tf.ensure_shape(
            tf.cast(tf.gather(self._tokens, ends + 1), tf.int32), (self.size,)
        )
        if self._labels is None:
            return windows, targets
        labels = tf.ensure_shape(
            tf.gather(self._labels, texts), (self.size, int(self._labels.shape[1]))
        )
        return (windows, labels), (targets, targets)
