"""Which layer of textgenrnn's network a group of a file is, where the file names it otherwise.

Keras 3 names a group for the layer's class and counts (`lstm`, `lstm_1`). The layer's own name is
in an attribute since Keras 3.4, or in a .keras archive's configuration. A network spread over
several GPUs lies in one nested model, whose arrays carry the layers' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

OWN_NAME = re.compile(r"(embedding|rnn_\d+|attention|output|context_\w*?)(_\d+)?")
"""A layer's name in textgenrnn; TensorFlow appends a number to all names of a second network."""

_BY_CLASS = {
    "embedding": "embedding",
    "attention_weighted_average": "attention",
    "dense": "output",
}
_RECURRENT = ("lstm", "bidirectional", "cu_dnnlstm", "cudnn_lstm")


def group_names(layers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the layers' names by Keras 3's names of their groups.

    `layers` are (class name, name) as an archive's configuration lists them.

    >>> group_names([("LSTM", "rnn_1"), ("AttentionWeightedAverage", "a"), ("LSTM", "rnn_2")])
    {'lstm': 'rnn_1', 'attention_weighted_average': 'a', 'lstm_1': 'rnn_2'}
    """
    found: dict[str, str] = {}
    used: dict[str, int] = {}
    for class_name, name in layers:
        snake = _snake_case(class_name)
        used[snake] = used.get(snake, -1) + 1
        found[f"{snake}_{used[snake]}" if used[snake] else snake] = name
    return found


def _snake_case(name: str) -> str:
    """Return a class name as Keras's `to_snake_case` does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def names_by_class(groups: Sequence[str]) -> dict[str, str] | None:
    """Return the layers' names by group, where a file says nothing but their classes.

    `groups` are those with weights. Strangers among them keep their names. None: several groups
    of a class make it ambiguous which is which.

    >>> names_by_class(["dense", "embedding", "lstm_1", "lstm", "gru"])
    {'dense': 'output', 'embedding': 'embedding', 'lstm_1': 'rnn_2', 'lstm': 'rnn_1', 'gru': 'gru'}
    """
    found = {}
    for group in groups:
        kind, number = _counted(group)
        if kind in _RECURRENT:
            found[group] = f"rnn_{number + 1}"
        elif kind in _BY_CLASS:
            if number:
                return None
            found[group] = _BY_CLASS[kind]
        else:
            found[group] = group
    return found if len(set(found.values())) == len(found) else None


def _counted(group: str) -> tuple[str, int]:
    kind, _, number = group.rpartition("_")
    return (kind, int(number)) if number.isdecimal() and kind else (group, 0)


def nested_layers(paths: Sequence[str]) -> Mapping[str, list[str]] | None:
    """Return a nested model's arrays by the layers that their paths begin with.

    None: it is no model of textgenrnn's layers.

    >>> nested_layers(["embedding_2/embeddings:0", "rnn_1_2/kernel:0", "rnn_1_2/bias:0"])
    {'embedding': ['embedding_2/embeddings:0'], 'rnn_1': ['rnn_1_2/kernel:0', 'rnn_1_2/bias:0']}
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition("/")
        if not rest:
            return None
        match = OWN_NAME.fullmatch(first)
        found.setdefault(match[1] if match else first, []).append(path)
    return found if len(found) > 1 and "embedding" in found else None
