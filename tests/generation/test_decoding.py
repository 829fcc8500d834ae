"""The decode loop, on a backend that writes down what it is asked to do."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from pi_runtime.generation.decoding import decode
from pi_runtime.generation.sequence import ChosenSequence, Probabilities
from pi_runtime.model.vocabulary import Vocabulary

VOCABULARY = Vocabulary({chr(at + 96): at for at in range(1, 27)}, 27, word_level=False)

Call = tuple[str, Any]


class Notebook:
    """A backend and its only session."""

    name = "notebook"

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def session(self, streams: int = 1) -> Notebook:
        self.calls.append(("session", streams))
        return self

    def step(self, token_ids: Sequence[int]) -> npt.NDArray[np.float32]:
        self.calls.append(("step", [VOCABULARY.token(token_id) for token_id in token_ids]))
        return np.arange(len(token_ids), dtype=np.float32)[:, None]

    def reorder(self, sources: Sequence[int | None]) -> None:
        self.calls.append(("reorder", list(sources)))

    def close(self) -> None:
        self.calls.append(("close", None))


class Planned(ChosenSequence):
    """A sequence that ends once it has read its letters."""

    def __init__(self, letters: str) -> None:
        super().__init__(VOCABULARY, 99, list(letters) or [""], hidden=0)
        self.given: list[float] = []
        if not letters:
            self.finish()

    def take(self, probabilities: Probabilities) -> None:
        self.given += probabilities.tolist()
        if not self.waiting:
            self.finish()


def begin(backend: Notebook, *sequences: Planned) -> Generator[npt.NDArray[np.float32], None, None]:
    """Return the steps of a loop that can be closed."""
    return cast("Generator[npt.NDArray[np.float32], None, None]", decode(backend, sequences))


def run(batch_size: int, *texts: str) -> list[Call]:
    """Return the calls that decoding these texts makes; every token is read once, in order."""
    backend = Notebook()
    sequences = [Planned(text) for text in texts]
    for _ in decode(backend, sequences, batch_size):
        pass
    assert all(sequence.done for sequence in sequences)
    assert [len(sequence.given) for sequence in sequences] == [len(text) for text in texts]
    read = sorted(letter for name, ids in backend.calls if name == "step" for letter in ids)
    assert read == sorted("".join(texts))
    return backend.calls


def test_a_sequence_alone_is_a_session_of_one_stream() -> None:
    assert run(1, "abc") == [
        ("session", 1),
        ("step", ["a"]),
        ("step", ["b"]),
        ("step", ["c"]),
        ("close", None),
    ]


def test_the_next_sequence_takes_the_place_of_one_that_is_done() -> None:
    assert run(2, "ab", "xyz", "cd") == [
        ("session", 2),
        ("step", ["a", "x"]),
        ("step", ["b", "y"]),
        ("reorder", [None, 1]),
        ("step", ["c", "z"]),
        ("reorder", [0]),
        ("step", ["d"]),
        ("close", None),
    ]


def test_the_last_in_the_row_fills_a_gap_if_nothing_comes_next() -> None:
    assert run(3, "a", "pqr", "xyz") == [
        ("session", 3),
        ("step", ["a", "p", "x"]),
        ("reorder", [2, 1]),
        ("step", ["y", "q"]),
        ("step", ["z", "r"]),
        ("close", None),
    ]


def test_a_batch_is_as_large_as_there_are_sequences() -> None:
    assert run(64, "a", "b")[0] == ("session", 2)


def test_sequences_that_are_done_from_the_start_are_not_computed() -> None:
    assert run(2, "", "ab", "", "", "c", "") == [
        ("session", 2),
        ("step", ["a", "c"]),
        ("reorder", [0]),
        ("step", ["b"]),
        ("close", None),
    ]
    assert run(2, "", "") == []
    assert run(2) == []


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_every_sequence_is_decoded_whatever_the_batch(batch_size: int) -> None:
    random = np.random.RandomState(batch_size)
    texts = ["".join(random.choice([*"abcdefgh"], random.randint(0, 9))) for _ in range(40)]
    calls = run(batch_size, *texts)
    assert max(len(ids) for name, ids in calls if name == "step") == min(
        batch_size, sum(map(bool, texts))
    )
    # While texts wait, no slot is empty.
    steps = [len(ids) for name, ids in calls if name == "step"]
    assert steps == sorted(steps, reverse=True)


def test_each_sequence_takes_its_own_row() -> None:
    one, other = Planned("abc"), Planned("xyz")
    for probabilities in decode(Notebook(), [one, other], 2):
        assert probabilities.shape == (2, 1)
    assert (one.given, other.given) == ([0, 0, 0], [1, 1, 1])


def test_sequences_are_begun_only_when_there_is_room() -> None:
    begun: list[str] = []

    def upcoming() -> Iterator[Planned]:
        for text in ("ab", "cd", "ef"):
            begun.append(text)
            yield Planned(text)

    steps = decode(Notebook(), upcoming(), 1)
    assert begun == []
    next(steps)
    assert begun == ["ab"]
    next(steps)
    assert begun == ["ab"]
    next(steps)
    assert begun == ["ab", "cd"]


@pytest.mark.parametrize("how", ["closed", "dropped", "failed"])
def test_the_session_ends_with_the_loop_however_that_ends(how: str) -> None:
    backend = Notebook()
    sequence = Planned("abc")
    steps = begin(backend, sequence)
    next(steps)
    if how == "closed":
        steps.close()
    elif how == "dropped":
        del steps
        gc.collect()
    else:
        sequence.token_ids.clear()
        with pytest.raises(IndexError):
            next(steps)
    assert backend.calls[-1] == ("close", None)
