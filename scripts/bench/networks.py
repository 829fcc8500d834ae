"""Random networks, and any network as textgenrnn's three files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sizes import EMBEDDING

from pi_runtime.model.network import FloatArray, Lstm, Network
from train import ModelSettings
from train.checkpoint import Sidecars, weights_file


def random_network(layers: int, units: int, classes: int, *, bidirectional: bool) -> Network:
    """Return a network with weights of about the size that training gives."""
    random = np.random.RandomState(0)

    def draw(*shape: int) -> FloatArray:
        return np.asarray(random.randn(*shape) / np.sqrt(shape[0]), np.float32)

    ways = 2 if bidirectional else 1
    recurrent: list[tuple[Lstm, ...]] = []
    width = EMBEDDING
    for _ in range(layers):
        recurrent.append(
            tuple(
                Lstm(draw(width, 4 * units), draw(units, 4 * units), draw(4 * units))
                for _ in range(ways)
            )
        )
        width = units * ways
    features = EMBEDDING + layers * width
    return Network(
        draw(classes, EMBEDDING),
        tuple(recurrent),
        draw(features, 1),
        3 * draw(features, classes),
        draw(classes),
    )


def letters(classes: int) -> dict[str, int]:
    """Return a vocabulary of V - 1 characters, the last of which is the start mark."""
    tokens = [*(chr(0x3041 + at) for at in range(classes - 2)), "<s>"]
    return {token: token_id for token_id, token in enumerate(tokens, 1)}


def write_checkpoint(
    folder: Path,
    network: Network,
    vocabulary: dict[str, int],
    max_length: int,
    *,
    word_level: bool = False,
) -> Path:
    """Write model_weights.hdf5 with its vocab and config; return its path."""
    settings = ModelSettings(
        rnn_size=network.units,
        rnn_layers=len(network.layers),
        rnn_bidirectional=network.bidirectional,
        max_length=max_length,
        dim_embeddings=network.embedding.shape[1],
        word_level=word_level,
    )
    weights = folder / "model_weights.hdf5"
    sidecars = Sidecars.of("model", vocabulary, settings, single="<s>" not in vocabulary)
    weights.write_bytes(weights_file(network, sidecars))
    (folder / "model_vocab.json").write_bytes(sidecars.vocab)
    (folder / "model_config.json").write_bytes(sidecars.config)
    return weights
