"""The texts of a shard, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pi_runtime.generation.generator import TextGenerator
from pi_runtime.many.plan import Plan


def lines(generator: TextGenerator, plan: Plan, shard: int) -> Iterator[bytes]:
    """Yield a shard's texts in order, each as a line of JSON in UTF-8; null was rejected each time.

    A shard is computed for itself: its bytes do not depend on where, when and beside which others.

    Raises:
        UsageError: the plan's options leave nothing of this vocabulary.
    """
    texts = plan.texts(shard)
    drawn = generator.drawn(
        len(texts), plan.prefix or None, plan.seed, params=plan.params, first=texts.start
    )
    for each in drawn:
        record = {"index": each.index, "text": each.text}
        yield (json.dumps(record, ensure_ascii=False) + "\n").encode()
