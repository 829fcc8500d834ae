"""What a request costs, whatever its own size: the multiplications that its texts take."""

from __future__ import annotations

from pi_runtime.errors import UsageError
from pi_runtime.generation.params import SamplingParams
from pi_runtime.generation.sampling import warps
from pi_runtime.model.manifest import Config
from pi_runtime.service.limits import MULTIPLICATIONS

TOKEN = 1_000_000
"""What a token takes beside its network, in multiplications: drawing it, and Python's own work."""

WARPED = 3_000
"""What a class takes where options change the distribution, in multiplications."""

BATCH = 16
"""How many texts of a request are computed at once."""

BATCH_BYTES = 16_000_000
"""What the state of a batch may take, if it is more than one text."""


def batch_size(config: Config) -> int:
    """Return how many texts are computed at once: a large network's windows take much memory."""
    layers = config.rnn_layers * config.rnn_size * (2 if config.rnn_bidirectional else 1)
    floats = config.max_length * (config.dim_embeddings + 3 * layers)  # outputs, cells, average
    return min(BATCH, max(1, BATCH_BYTES // (4 * floats)))


def per_token(config: Config, classes: int) -> int:
    """Return about how many multiplications a token takes: its window through every layer."""
    directions = 2 if config.rnn_bidirectional else 1
    units, width = config.rnn_size, config.dim_embeddings
    window, features = 0, width
    for _ in range(config.rnn_layers):
        window += directions * 4 * units * (width + units)
        width = directions * units
        features += width
    return TOKEN + config.max_length * (window + features) + features * classes


def per_drawn_token(config: Config, classes: int, params: SamplingParams) -> int:
    """Return the same with what the options of a draw take: they sort the classes."""
    return per_token(config, classes) + (WARPED * classes if warps(params) else 0)


def of_texts(config: Config, classes: int, n: int, params: SamplingParams) -> int:
    """Return about how many multiplications `n` texts take at most, all their draws."""
    if params.original or params.reject:
        n *= params.tries
    longest = params.max_gen_length * 3 // 2 if params.finish_sentence else params.max_gen_length
    return n * (longest + config.max_length) * per_drawn_token(config, classes, params)


def check(cost: int, own: int, token: int) -> None:
    """Check what a request costs. A text such as the service itself speaks is always allowed.

    Raises:
        UsageError: it is too much for one request.
    """
    if cost > max(MULTIPLICATIONS, own):
        raise UsageError(
            "that is too much work for one request",
            f"ask for up to {MULTIPLICATIONS // token} tokens of this model",
        )
