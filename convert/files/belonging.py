"""Which vocab belongs to weights, by proof: file names only say which one was meant.

A vocab belongs to weights of V classes if it has V - 1 tokens with ids from 1 to V - 1. (There are
files that repeat a key, which leaves a gap, or gives one id to two tokens: see `Vocabulary`.) Of
several that fit, the one whose name fits best is taken; two different ones that fit equally are a
question.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from convert.errors import SidecarError
from convert.files.json_files import MAX_BYTES, NotATable, looks_like_a_table, read_table
from convert.files.names import model_name, rank
from pi_runtime.errors import shown_path

MOST_READ = 64 << 20
"""Bytes of JSON files read in a folder because they might be the vocab."""
MOST_NAMED = 5
"""Files named in a message."""

Rank = tuple[int, int, bool]


@dataclass(frozen=True)
class Vocab:
    """A vocab that fits."""

    ids: dict[str, int]
    path: Path
    sha256: str
    rank: Rank = (0, 0, False)

    def same_text(self, other: Vocab) -> bool:
        """Return whether a network says the same with either."""
        return self.ids == other.ids and _written(self.ids) == _written(other.ids)


def _written(ids: Mapping[str, int]) -> dict[int, str]:
    return {token_id: token for token, token_id in ids.items()}


def read_vocab(path: Path, classes: int) -> Vocab:
    """Read the vocab of weights with that many classes.

    Raises:
        NotATable: it is not that; the message says why.
        OSError: it cannot be read.
    """
    table = read_table(path, _most_bytes(classes), members=2 * classes + 16)
    ids = {}
    for token, value in table.members.items():
        token_id = int(value) if isinstance(value, float) and value.is_integer() else value
        if type(token_id) is not int:
            raise NotATable("it is not a table of tokens and ids")
        ids[token] = token_id
    _check_ids(ids, Counter(token for token, _ in table.pairs), classes)
    return Vocab(ids, path, table.sha256)


def _check_ids(ids: Mapping[str, int], times: Counter[str], classes: int) -> None:
    if not ids:
        raise NotATable("it is empty")
    own = [token_id for token, token_id in ids.items() if times[token] == 1]
    if len(set(own)) != len(own):
        raise NotATable("it gives one id to two tokens")
    # textgenrnn counts the keys; the weights of one real file have a class for each entry.
    if classes - 1 not in (len(ids), times.total()):
        raise NotATable(f"it has {len(ids)} tokens, the weights have {classes} classes")
    if min(ids.values()) < 1 or max(ids.values()) >= classes:
        raise NotATable(f"its ids are not 1 to {classes - 1}")
    if any("\ud800" <= letter <= "\udfff" for token in ids for letter in token):
        raise NotATable("it has half a surrogate pair as a token, which is no character")


def _most_bytes(classes: int) -> int:
    """Return what a vocab takes at most: tokens may be long words, escaped, in UTF-16."""
    return min(MAX_BYTES, 65_536 + 1024 * classes)


def find_vocab(
    weights: Path, classes: int, sealed: str | None = None
) -> tuple[Vocab | None, list[str]]:
    """Return the vocab beside weights that belongs to them, and why others do not.

    `sealed` is the hash of the vocab written with the weights, where they say so.

    Raises:
        SidecarError: two different ones fit equally, or the one written with them is not there.
    """
    search = _Search(weights, classes)
    fitting: list[Vocab] = []
    for found in search.groups():
        fitting += found
        if any(vocab.sha256 == sealed for vocab in found) or (found and not sealed):
            break
    if sealed and fitting:
        own = [vocab for vocab in fitting if vocab.sha256 == sealed]
        if not own:
            raise SidecarError(
                f"{_names([fitting[0]])} belongs to other weights than {shown_path(weights.name)}",
                "put the vocab that was written with these beside them, or train again",
            )
        return own[0], search.refused
    if not fitting:
        if search.unread and not sealed:
            raise _too_many(weights, search.unread)
        return None, search.refused
    if search.unread and search.unread_rank == fitting[0].rank:
        raise _too_many(weights, search.unread)
    if not all(vocab.same_text(fitting[0]) for vocab in fitting):
        raise SidecarError(
            f"{shown_path(weights.name)}: {_names(fitting)} all fit", "choose one with --vocab"
        )
    return fitting[0], search.refused


def _too_many(weights: Path, count: int) -> SidecarError:
    return SidecarError(
        f"{shown_path(weights.name)}: {count} of the JSON files beside it are too many to look at",
        "give its vocab with --vocab",
    )


def _names(vocabs: list[Vocab]) -> str:
    names = [shown_path(vocab.path.name) for vocab in vocabs[:MOST_NAMED]]
    return ", ".join(names) + (" …" if len(vocabs) > MOST_NAMED else "")


class _Search:
    """The JSON files beside weights, those first whose name fits best, read as far as needed."""

    def __init__(self, weights: Path, classes: int) -> None:
        self.refused: list[str] = []
        """What was called a vocab and is not that of these weights."""
        self.unread = 0
        """Files that were not looked at, since too much was read before."""
        self.unread_rank: Rank = (0, 0, False)
        self._classes = classes
        self._left = MOST_READ
        exact = f"{model_name(weights)}_vocab.json"
        ranked = [
            ((*rank(weights, path, "vocab"), path.name == exact), path)
            for path in json_files_in(weights.parent, exact)
            if "config" not in path.name.lower()
        ]
        self._files = sorted(ranked, key=lambda item: (*(-part for part in item[0]), item[1].name))

    def groups(self) -> Iterator[list[Vocab]]:
        """Yield the vocabs that fit, together those whose names fit equally, the best first."""
        for found, files in groupby(self._files, key=lambda item: item[0]):
            vocabs = (self._look_at(path, found) for _, path in files)
            yield [vocab for vocab in vocabs if vocab]

    def _look_at(self, path: Path, found: Rank) -> Vocab | None:
        most = _most_bytes(self._classes)
        called = "vocab" in path.name.lower()
        if found[0] < 4:
            if not looks_like_a_table(path, 5 * (self._classes - 1), most) and not called:
                return None
            if self._left <= 0:
                self.unread_rank = self.unread_rank if self.unread else found
                self.unread += 1
                return None
        try:
            self._left -= min(most, path.stat().st_size)
            vocab = read_vocab(path, self._classes)
            return Vocab(vocab.ids, path, vocab.sha256, found)
        except NotATable as reason:
            self._refuse(path, str(reason), named=called)
        except OSError as error:
            self._refuse(path, (error.strerror or "not readable").lower(), named=called)
        return None

    def _refuse(self, path: Path, reason: str, *, named: bool) -> None:
        if named and len(self.refused) < MOST_NAMED:
            self.refused.append(f"{shown_path(path.name)} does not fit: {reason}")


def json_files_in(folder: Path, expected: str = "") -> list[Path]:
    """Return a folder's regular files called .json; of one that cannot be listed, the expected."""
    try:
        with os.scandir(folder) as entries:
            return [
                folder / entry.name
                for entry in entries
                if entry.name.lower().endswith(".json") and _is_file(entry)
            ]
    except OSError:
        return [folder / expected] if expected else []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
