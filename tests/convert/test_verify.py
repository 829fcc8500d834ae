"""The proof of a converted model: golden windows, recordings, the child process that measures."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from convert import recording, verify
from convert.recording import Recording, diverge, record
from convert.verify import golden_windows, measure
from pi_runtime.backends.base import Session
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import (
    FLOOR,
    MARGIN,
    ReferenceBackend,
    window_probabilities,
)
from pi_runtime.backends.selfcheck import passes
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary
from tests.helpers.checkpoints import config_of, packed_model, small_network, small_vocab

CLASSES, LENGTH = 20, 8
NETWORK = small_network(classes=CLASSES)
CONFIG = config_of(NETWORK, LENGTH)
VOCABULARY = Vocabulary(small_vocab(CLASSES), CLASSES, word_level=False)
SINGLE = Vocabulary(small_vocab(CLASSES, single_text=True), CLASSES, word_level=False)
START_ID = VOCABULARY.id("<s>")
CONTENT = packed_model(NETWORK)


def network_that_ends_texts() -> Network:
    """Return a network for which every text is over at once."""
    network = small_network(classes=CLASSES)
    network.output_bias[START_ID] = 100
    return network


def windows_of(recorded: Recording) -> list[list[int]]:
    """Return the window that each step of a recording completes."""
    windows: list[list[int]] = []
    for token_id, start in zip(recorded.token_ids.tolist(), recorded.starts, strict=True):
        before = [0] * LENGTH if start else windows[-1]
        windows.append([*before[1:], token_id])
    return windows


# --- golden windows ------------------------------------------------------------------------------


@pytest.mark.parametrize("vocabulary", [VOCABULARY, SINGLE])
def test_golden_windows_are_of_the_networks_own_texts(vocabulary: Vocabulary) -> None:
    golden = golden_windows(NETWORK, vocabulary, CONFIG)
    assert golden.windows.shape == (4, LENGTH)
    assert golden.windows[0].tolist() == [0] * (LENGTH - 1) + [vocabulary.id("<s>")]
    assert golden.windows[3].all(), "the last one is full"
    expected = window_probabilities(NETWORK, golden.windows)
    np.testing.assert_array_equal(golden.probabilities, expected)


def test_a_healthy_network_keeps_the_plain_floor() -> None:
    assert golden_windows(NETWORK, VOCABULARY, CONFIG).tolerances == (FLOOR,) * 4


def test_an_over_trained_network_is_allowed_what_rounding_does_to_it() -> None:
    """Its weights reach 100. To some windows rounding does more than float32 and float64 differ by
    in one go, so that difference alone would refuse some networks on some processors."""
    wider = 0
    for seed in range(1, 120, 3):
        random = np.random.RandomState(seed)
        network = small_network(
            seed,
            classes=CLASSES,
            units=int(random.randint(4, 32)),
            layers=int(random.randint(1, 5)),
            embedding=int(random.randint(1, 40)),
            scale=30,
        )
        length = int(random.randint(2, 50))
        golden = golden_windows(network, VOCABULARY, config_of(network, length))
        assert passes(numpy_backend(network, length), golden), seed
        exact = window_probabilities(network, golden.windows, np.float64)
        between = np.abs(golden.probabilities - exact).max(axis=-1)
        wider += sum(golden.tolerances > np.maximum(FLOOR, MARGIN * between))
    assert wider


# --- recordings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("vocabulary", [VOCABULARY, SINGLE])
def test_a_recording_is_what_was_read_and_what_followed(vocabulary: Vocabulary) -> None:
    recorded = record(NETWORK, vocabulary, CONFIG)
    assert len(recorded.token_ids) == recording.STEPS
    assert recorded.starts[0]
    assert recorded.starts.sum() > 1
    first = set(recorded.token_ids[recorded.starts].tolist())
    assert first == {vocabulary.id("<s>")}
    expected = window_probabilities(NETWORK, np.array(windows_of(recorded)))
    assert np.abs(recorded.probabilities - expected).max() < 1e-5


def test_a_network_that_ends_its_texts_is_recorded_too() -> None:
    recorded = record(network_that_ends_texts(), VOCABULARY, CONFIG)
    assert recorded.token_ids.tolist() == [START_ID] * recording.MAX_TEXTS
    assert recorded.starts.all()


def test_a_backend_of_the_same_network_does_not_diverge() -> None:
    recorded = record(NETWORK, VOCABULARY, CONFIG)
    same = diverge(ReferenceBackend(NETWORK, LENGTH), recorded)
    assert abs(same.kl_max) < 1e-5
    assert same.argmax_agreement > 0.99
    other = diverge(numpy_backend(small_network(1, classes=CLASSES), LENGTH), recorded)
    assert other.kl_max >= other.kl_mean > 0.1
    assert other.argmax_agreement < 0.9


class Counting:
    """A backend that counts its sessions."""

    name = "counting"

    def __init__(self) -> None:
        self.read: list[list[int]] = []
        self.closed = 0

    def session(self, streams: int = 1) -> Session:
        self.read.append([])
        return CountingSession(self)


class CountingSession:
    def __init__(self, backend: Counting) -> None:
        self._backend = backend

    def step(self, token_ids: Sequence[int]) -> npt.NDArray[np.float32]:
        self._backend.read[-1] += token_ids
        return np.full((1, 3), 1 / 3, np.float32)

    def reorder(self, sources: Sequence[int | None]) -> None:
        raise AssertionError

    def close(self) -> None:
        self._backend.closed += 1


def test_each_text_is_read_by_a_session_of_its_own() -> None:
    thirds = np.full((5, 3), 1 / 3, np.float32)
    starts = np.array([True, False, True, True, False])
    backend = Counting()
    found = diverge(backend, Recording(np.array([1, 2, 1, 1, 1], np.int32), thirds, starts))
    assert backend.read == [[1, 2], [1], [1, 1]]
    assert backend.closed == 3
    assert found.argmax_agreement == 1
    assert abs(found.kl_max) < 1e-6


# --- the child process ---------------------------------------------------------------------------


@pytest.fixture
def without_tflite(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: ModelFile) -> None:
        raise verify._NotTried("there is none")

    monkeypatch.setattr(verify, "_on_tflite", refuse)


@pytest.mark.usefixtures("without_tflite")
def test_it_says_what_it_could_not_try() -> None:
    parity = measure(ModelFile.from_bytes(CONTENT))
    assert parity.not_tried == "there is none"
    assert list(parity.deviations) == ["numpy"]
    assert parity.deviations["numpy"] <= parity.tolerance
    assert parity.divergence is None
    assert not parity.sensitive


@pytest.mark.parametrize(
    ("pieces", "line", "left"),
    [
        ("a b", "a b", ""),
        ("\n \nab\ncd", "ab", "d"),
        ("ab\n", "ab", ""),
        (" \n\n", "", ""),
        ("", "", ""),
    ],
)
def test_the_sample_is_the_first_line_and_no_more_is_generated(
    pieces: str, line: str, left: str
) -> None:
    characters = iter(pieces)
    assert verify._first_line(characters) == line
    assert "".join(characters) == left


@pytest.mark.usefixtures("without_tflite")
@pytest.mark.parametrize("quantized", [False, True])
def test_the_child_reads_stdin_and_no_file(
    quantized: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    message = io.BytesIO()
    members = vars(record(NETWORK, VOCABULARY, CONFIG)) if quantized else {}
    if members:
        np.savez(message, **members)
    length = message.tell().to_bytes(8, "little")
    message = io.BytesIO(length + message.getvalue() + CONTENT)
    message.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(message))
    for name in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    monkeypatch.setattr(ModelFile, "__init__", refuse)
    verify._main()
    found = json.loads(capsys.readouterr().out)
    assert found["deviations"]["numpy"] <= found["tolerance"]
    assert bool(found["divergence"]) == quantized
