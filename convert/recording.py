"""Texts of the float32 network, with which a quantized one is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pi_runtime.backends.base import Backend, Session
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.random_stream import random_stream
from pi_runtime.generation.sampling import Sampler
from pi_runtime.generation.sequence import SampledSequence
from pi_runtime.model.manifest import Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary

STEPS = 400
"""How many steps a recording has at most."""

MAX_TEXTS = 100
"""How many texts it has at most: a network may end each one with its first token."""

MAX_MULTIPLICATIONS = 50_000_000_000
"""Of the texts that a network writes to be compared: half a minute's work at most."""

PARAMS = SamplingParams(max_gen_length=100)


@dataclass(frozen=True)
class Recording:
    """Texts, one after the other: the tokens read and the probabilities after each of them."""

    token_ids: npt.NDArray[np.int32]
    """[steps]."""
    probabilities: npt.NDArray[np.float32]
    """[steps, V]."""
    starts: npt.NDArray[np.bool_]
    """[steps]: whether a text starts with this token."""


@dataclass(frozen=True)
class Divergence:
    """How far a quantized network is from the float32 one, over a recording of the latter."""

    kl_mean: float
    """Kullback-Leibler divergence of the quantized from the float32 distribution, in nats."""
    kl_max: float
    argmax_agreement: float
    """The share of steps after which both give the same token the highest probability."""


def most_tokens(network: Network, max_length: int, texts: int = 1) -> int:
    """Return how many tokens of each text a network of this size should be made to write.

    A token takes one multiplication for each weight and each step of the window.
    """
    weights = sum(
        lstm.kernel.size + lstm.recurrent.size for layer in network.layers for lstm in layer
    )
    return max(2, MAX_MULTIPLICATIONS // (weights * max_length * texts))


def record(network: Network, vocabulary: Vocabulary, config: Config) -> Recording:
    """Let a network generate texts; return the tokens it read and the probabilities after them."""
    backend = numpy_backend(network, config.max_length)
    steps = min(STEPS, most_tokens(network, config.max_length))
    token_ids: list[int] = []
    probabilities: list[npt.NDArray[np.float32]] = []
    starts: list[bool] = []
    sampler = Sampler(PARAMS, vocabulary)
    for index in range(MAX_TEXTS):
        sequence = SampledSequence(sampler, config.max_length, None, random_stream(index))
        for step in decode(backend, [sequence]):
            token_ids.append(sequence.token_ids[sequence.ids_read - 1])
            probabilities.append(step[0].copy())
            starts.append(sequence.ids_read == 1)
            if len(token_ids) == steps:
                break
        if len(token_ids) == steps:
            break
    return Recording(np.array(token_ids, np.int32), np.array(probabilities), np.array(starts))


def diverge(backend: Backend, recording: Recording) -> Divergence:
    """Let a backend read the tokens of a recording; compare its probabilities with the recorded."""
    computed: list[npt.NDArray[np.float32]] = []
    session: Session | None = None
    for token_id, start in zip(recording.token_ids.tolist(), recording.starts, strict=True):
        if session is None or start:
            if session is not None:
                session.close()
            session = backend.session()
        computed.append(session.step([token_id])[0].copy())
    if session is not None:
        session.close()
    expected = recording.probabilities.astype(np.float64)
    found = np.maximum(np.array(computed, np.float64), 1e-12)
    kl = (expected * np.log(np.maximum(expected, 1e-12) / found)).sum(axis=-1)
    same = expected.argmax(axis=-1) == found.argmax(axis=-1)
    return Divergence(float(kl.mean()), float(kl.max()), float(same.mean()))
