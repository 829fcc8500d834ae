"""Texts as vectors: what the network's attention makes of their first tokens.

Source: `encode_text_vectors` and `similarity` in textgenrnn 2.0.0 (textgenrnn.py). scikit-learn,
which it takes for PCA and t-SNE, is needed only for these; everything else is NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from pi_runtime import checks
from pi_runtime.backends.reference import window_vectors
from pi_runtime.errors import UsageError
from pi_runtime.model.manifest import MAX_STATE_BYTES, Config
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import START, Vocabulary

Vectors = npt.NDArray[np.float32]

MAX_BATCH = 64
"""How many texts are computed at once, if their states take little memory."""

SIMILARITY_DIMS = 50
"""The dimensions that `similarity` compares with PCA: textgenrnn's `pca_dims`."""

PERPLEXITY = 30
"""t-SNE's, by scikit-learn's default: it needs more texts than this."""


def encode(
    network: Network, vocabulary: Vocabulary, config: Config, texts: str | Iterable[str]
) -> Vectors:
    """Return the vector of each text, [N, F], a few texts at a time.

    Raises:
        UsageError: there is no text, or one is no string.
    """
    several = checks.texts("texts", [texts] if isinstance(texts, str) else texts)
    if not several:
        raise UsageError("texts is empty", "give at least one")
    at_once = min(MAX_BATCH, max(1, MAX_STATE_BYTES // config.state_bytes))
    found = []
    for at in range(0, len(several), at_once):
        windows = [_window(text, vocabulary, config) for text in several[at : at + at_once]]
        found.append(window_vectors(network, np.array(windows, np.int32)))
    return np.concatenate(found).astype(np.float32)


def _window(text: str, vocabulary: Vocabulary, config: Config) -> list[int]:
    """Return the ids of the start mark and a text's first tokens, the last T of these, [T].

    Words are cut at spaces alone, as textgenrnn cuts them here: punctuation stays at its word.
    """
    length = config.max_length
    words = [word for word in text.lower().split(" ") if word] if config.word_level else text
    ids = [vocabulary.id(token) for token in (START, *words[:length])][-length:]
    return [0] * (length - len(ids)) + ids


def reduced(
    vectors: Vectors,
    pca_dims: int | None,
    tsne_dims: int | None,
    tsne_seed: int | None,
    return_pca: bool,
    return_tsne: bool,
) -> Any:
    """Return vectors in fewer dimensions, or a list: these, and the objects that made them.

    `pca_dims` and `tsne_dims` of None reduce nothing.

    Raises:
        UsageError: there are too few vectors, or scikit-learn is not installed.
    """
    pca = tsne = None
    if pca_dims is not None:
        vectors, pca = _pca(vectors, pca_dims)
    if tsne_dims is not None:
        vectors, tsne = _tsne(vectors, tsne_dims, tsne_seed)
    found = [vectors]
    for name, made, wanted in (("pca", pca, return_pca), ("tsne", tsne, return_tsne)):
        if checks.truth(f"return_{name}", wanted):
            if made is None:
                raise UsageError(f"return_{name} without {name}_dims", f"give {name}_dims")
            found.append(made)
    return found if return_pca or return_tsne else vectors


def ranked(texts: list[str], vectors: Vectors, *, use_pca: bool) -> list[tuple[str, float]]:
    """Return texts with their cosine to the first vector; theirs are the others. Highest first.

    Raises:
        UsageError: there are too few texts for PCA, or scikit-learn is not installed.
    """
    first, others = vectors[:1], vectors[1:]
    if not texts:
        raise UsageError("texts is empty", "give at least one")
    if use_pca:
        others, pca = _pca(others, SIMILARITY_DIMS, "use_pca", "use_pca=False")
        first = pca.transform(first)
    cosines = _unit(others) @ _unit(first)[0]
    pairs = zip(texts, cosines.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])


def _unit(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return vectors of length 1; those of length 0 stay."""
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = exact / np.where(lengths == 0, 1, lengths)
    return unit


def _pca(
    vectors: Vectors, dims: int, name: str = "pca_dims", instead: str = "pca_dims=None"
) -> tuple[Vectors, Any]:
    dims = checks.whole_number("pca_dims", dims, 1, checks.MAX_COUNT)
    most = min(vectors.shape)
    if dims > most or len(vectors) < 2:
        raise UsageError(
            f"PCA to {dims} dimensions takes {max(dims, 2)} texts and a vector as long; here are "
            f"{len(vectors)} texts and vectors of {vectors.shape[1]}",
            f"give more texts, or {instead}",
        )
    # PCA draws at random if there are many vectors; the same texts are to give the same.
    pca = _scikit_learn("sklearn.decomposition", name, instead).PCA(dims, random_state=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # all texts may be the same
        return pca.fit_transform(vectors), pca


def _tsne(vectors: Vectors, dims: int, seed: int | None) -> tuple[Vectors, Any]:
    dims = checks.whole_number("tsne_dims", dims, 1, 3)
    if seed is not None:
        seed = checks.whole_number("tsne_seed", seed, 0, checks.MAX_SEED)
    if len(vectors) <= PERPLEXITY:
        raise UsageError(
            f"t-SNE takes more than {PERPLEXITY} texts; here are {len(vectors)}",
            "give more texts, or tsne_dims=None",
        )
    manifold = _scikit_learn("sklearn.manifold", "tsne_dims", "tsne_dims=None")
    tsne = manifold.TSNE(dims, random_state=seed)
    return tsne.fit_transform(vectors), tsne


def _scikit_learn(module: str, name: str, instead: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"{name} needs scikit-learn, which is not installed here",
            f'pip install "textgenrnn-pi[vectors]", or give {instead}',
        ) from None
