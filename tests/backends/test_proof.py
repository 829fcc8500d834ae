"""A graph is run only after a process of its own has proved it, once per file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pi_runtime.backends import proof, registry, remembered
from pi_runtime.backends.proof import ForgedModelError, prove
from pi_runtime.backends.registry import load_backend
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile
from pi_runtime.model.flatbuffer import check_graph
from tests.helpers import graphs
from tests.helpers.backends import needs_interpreter
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, resealed
from tests.helpers.networks import LENGTH, NETWORKS


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which nothing is remembered yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "textgenrnn-pi" / "proved"


@pytest.fixture(autouse=True)
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs none of a file's graph, which is the subject here."""
    monkeypatch.setattr(registry, "fastest_first", lambda _: ["tflite", "numpy"])


@pytest.fixture(params=["forward", "both-ways"])
def content(request: pytest.FixtureRequest, converted: Converter) -> bytes:
    """A real model of each kind."""
    return converted.small(f"small-{request.param}", NETWORKS[request.param], LENGTH).read_bytes()


@pytest.fixture
def both_ways(converted: Converter) -> bytes:
    return converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH).read_bytes()


def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process that is started from now on fail."""
    monkeypatch.setattr(sys, "executable", "/bin/false")


@needs_interpreter
def test_a_file_is_proved_once(
    content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(ModelFile.from_bytes(content), "tflite")
    assert len(list(cache.iterdir())) == 2, "for the interpreter, and for NumPy"
    assert cache.stat().st_mode & 0o777 == 0o700
    no_process(monkeypatch)
    assert load_backend(ModelFile.from_bytes(content)).backend.name == "tflite"
    assert load_backend(ModelFile.from_bytes(content), "numpy").backend.name == "numpy"


@needs_interpreter
def test_another_file_is_not_what_was_proved(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(ModelFile.from_bytes(content), "tflite")
    flatbuffer, documents = members(content)
    documents["config.json"]["name"] += " "
    no_process(monkeypatch)
    with pytest.raises(BackendError, match="could not be tried in a process of its own"):
        prove(ModelFile.from_bytes(resealed(flatbuffer, documents)), "tflite")


@needs_interpreter
@pytest.mark.parametrize("change", ["mode", "link", "file"])
def test_a_folder_that_others_may_write_is_not_believed(
    content: bytes, change: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(ModelFile.from_bytes(content), "tflite")
    if change == "mode":
        cache.chmod(0o770)
    else:
        real = cache.rename(cache.with_name("real"))
        cache.write_bytes(b"") if change == "file" else cache.symlink_to(real)
    no_process(monkeypatch)
    with pytest.raises(BackendError, match="could not be tried"):
        prove(ModelFile.from_bytes(content), "tflite")


def test_nothing_can_be_remembered_and_that_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    prove(ModelFile.from_bytes(packed_model(small_network())), "numpy")


def test_the_service_manager_says_where_it_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "service"))
    prove(ModelFile.from_bytes(packed_model(small_network())), "numpy")
    assert len(list((tmp_path / "service" / "proved").iterdir())) == 1


def test_the_oldest_are_forgotten(cache: Path) -> None:
    for number in range(remembered.MAX_ENTRIES + 3):
        remembered.remember(str(number), "numpy")
        for path in cache.iterdir():  # of another second each
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    assert len(list(cache.iterdir())) == remembered.MAX_ENTRIES
    assert remembered.recall("0", "numpy") is None
    assert remembered.recall(str(remembered.MAX_ENTRIES + 2), "numpy") == ""


@needs_interpreter
def test_a_graph_without_end_is_ended(both_ways: bytes) -> None:
    forged = ModelFile.from_bytes(graphs.endless(both_ways))
    check_graph(forged.flatbuffer, loops=True)  # nothing is wrong with it to look at
    with pytest.raises(ForgedModelError, match="does not come to an end") as caught:
        load_backend(forged)
    assert "--backend numpy" in caught.value.todo
    assert load_backend(forged, "numpy").backend.name == "numpy", "which runs none of the graph"


@needs_interpreter
def test_a_graph_that_is_not_the_network_of_its_arrays(content: bytes) -> None:
    with pytest.raises(ForgedModelError, match="tflite computes wrong numbers"):
        load_backend(ModelFile.from_bytes(graphs.flattened(content)))


@needs_interpreter
def test_arrays_that_are_not_the_network_of_the_graph(content: bytes) -> None:
    """The two backends would write different texts from such a file."""
    flatbuffer, documents = members(content)
    arrays = documents["manifest.json"]["arrays"]
    one, other = arrays["rnn_1/forward/bias"], arrays["rnn_2/forward/bias"]
    one["offset"], other["offset"] = other["offset"], one["offset"]
    forged = ModelFile.from_bytes(resealed(flatbuffer, documents))
    for backend in ("auto", "tflite", "numpy"):
        with pytest.raises(BackendError, match="numpy computes wrong numbers"):
            load_backend(forged, backend)


@needs_interpreter
@pytest.mark.parametrize("number", [32, 118, 51])  # CUSTOM, IF, DELEGATE
def test_an_operator_that_no_model_needs_is_not_even_tried(
    content: bytes, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_process(monkeypatch)
    model = ModelFile.from_bytes(graphs.with_operator(content, number))
    loaded = load_backend(model)
    assert loaded.backend.name == "numpy"
    assert f"has the operator {number}, which no model needs" in str(loaded.fallback_reason)
    # And that is remembered.
    assert load_backend(model).fallback_reason == loaded.fallback_reason


@needs_interpreter
def test_the_interpreter_that_computes_is_part_of_what_is_remembered(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(ModelFile.from_bytes(content), "tflite")
    monkeypatch.setattr(proof, "_interpreter", lambda: "another version")
    no_process(monkeypatch)
    with pytest.raises(BackendError, match="could not be tried"):
        prove(ModelFile.from_bytes(content), "tflite")
