"""Changes of a token's distribution that textgenrnn has not: penalties, bans and truncations.

Each is a pure function from logits float64[V] to logits float64[V], in which -inf is a token that
is not drawn. Logits are the logarithms of the network's probabilities; the formulas do not depend
on a constant added to all of them, except that of the penalty, which takes them as they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float64]


def penalized(logits: Logits, token_ids: npt.ArrayLike, penalty: float) -> Logits:
    """Make the tokens `token_ids` less likely, each once however often it is named.

    Source: Keskar et al., CTRL, 2019, section 4.1, as `RepetitionPenaltyLogitsProcessor` of
    transformers and llama.cpp have it: a negative logit is multiplied by the penalty, any other
    is divided by it. A logarithm of a probability is never positive.
    """
    found = np.unique(np.asarray(token_ids, np.intp))
    warped = logits.copy()
    values = warped[found]
    warped[found] = np.where(values < 0, values * penalty, values / penalty)
    return warped


def kept(logits: Logits, mask: npt.NDArray[np.bool_]) -> Logits:
    """Ban the tokens for which `mask` bool[V] is false."""
    return np.where(mask, logits, -np.inf)


def top_k(logits: Logits, k: int) -> Logits:
    """Keep the `k` likeliest tokens; of equal ones, those with lower ids.

    Source: Fan et al., Hierarchical Neural Story Generation, 2018, section 5.4.
    """
    if k >= len(logits):
        return logits
    least = np.partition(logits, -k)[-k]
    mask = logits > least
    mask[np.flatnonzero(logits == least)[: k - np.count_nonzero(mask)]] = True
    return kept(logits, mask)


def top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest tokens that have a probability of at least `p` together, and at least one.

    Source: Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, section 3.1.
    """
    order = np.argsort(-logits, kind="stable")
    total = np.cumsum(probabilities(logits)[order])
    count = int(np.searchsorted(total, p * total[-1])) + 1
    mask = np.zeros(len(logits), bool)
    mask[order[:count]] = True
    return kept(logits, mask)


def min_p(logits: Logits, p: float) -> Logits:
    """Keep the tokens that are at least `p` times as likely as the likeliest one.

    Source: Nguyen et al., Turning Up the Heat: Min-p Sampling, 2024, section 3.
    """
    with np.errstate(divide="ignore"):
        return kept(logits, logits >= logits.max() + np.log(p))


def probabilities(logits: Logits) -> npt.NDArray[np.float64]:
    """Return the softmax of logits, of which at least one is finite."""
    weights: npt.NDArray[np.float64] = np.exp(logits - logits.max())
    weights /= weights.sum()
    return weights
