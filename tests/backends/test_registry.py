"""Which backend runs a model here, and what "auto" does if the fastest one cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime.backends import proof, registry, tflite
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.registry import BACKENDS, fastest_first, load_backend
from pi_runtime.backends.selfcheck import passes
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile, seal
from tests.helpers.backends import HAS_INTERPRETER, HAS_ONNX, needs_interpreter
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members
from tests.helpers.networks import LENGTH, NETWORKS

CONTENT = packed_model(small_network())
"""Its FlatBuffer is no TFLite graph: NumPy runs it, every interpreter refuses it."""


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    path = tmp_path / "m.tflite"
    path.write_bytes(CONTENT)
    return ModelFile(path)


@pytest.fixture
def wrong(tmp_path: Path) -> ModelFile:
    """A model whose golden windows expect something else of its weights."""
    flatbuffer, documents = members(CONTENT)
    documents["golden.json"]["probabilities"][0].reverse()
    path = tmp_path / "wrong.tflite"
    path.write_bytes(seal(flatbuffer, documents))
    return ModelFile(path)


ALL = ["tflite", "onnx", "numpy"]


def test_their_names() -> None:
    assert [*BACKENDS] == ALL


@pytest.mark.parametrize(
    ("bidirectional", "quantization", "narrow", "installed", "order"),
    [
        (False, "float32", False, True, ALL),
        (False, "float32", False, False, ["tflite", "numpy"]),
        (True, "float32", False, True, ["onnx", "tflite", "numpy"]),
        (True, "float32", False, False, ["tflite", "numpy"]),
        (True, "int8", False, True, ALL),  # ONNX Runtime computes it in float32
        (False, "float32", True, True, ["onnx", "numpy"]),
        (True, "int8", True, False, ["numpy"]),
    ],
)
def test_the_order_that_auto_tries_them_in(
    bidirectional: bool,
    quantization: str,
    narrow: bool,
    installed: bool,
    order: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ModelFile.from_bytes(packed_model(small_network(bidirectional=bidirectional)))
    model.manifest = model.manifest._replace(quantization=quantization)
    monkeypatch.setattr(registry, "NARROW", narrow)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: installed or None)
    assert fastest_first(model) == order


@pytest.mark.parametrize("verify", [False, True])
def test_the_backend_asked_for(model: ModelFile, verify: bool) -> None:
    loaded = load_backend(model, "numpy", verify=verify)
    assert loaded.backend.name == "numpy"
    assert loaded.fallback_reason is None
    assert passes(loaded.backend, model.golden())


@pytest.mark.parametrize("name", ["gpu", "", "reference", "Numpy"])
def test_a_backend_that_does_not_exist(model: ModelFile, name: str) -> None:
    with pytest.raises(BackendError) as caught:
        load_backend(model, name)
    assert str(caught.value) == f"no backend is called {name!r} – take auto, tflite, onnx, numpy"


def test_a_backend_that_cannot_be_had_is_not_replaced(model: ModelFile) -> None:
    with pytest.raises(BackendError) as caught:
        load_backend(model, "tflite")
    assert "--backend numpy" in caught.value.todo
    assert "\n" not in str(caught.value)


def test_auto_falls_back_and_says_why(model: ModelFile) -> None:
    loaded = load_backend(model)
    assert loaded.backend.name == ("onnx" if HAS_ONNX else "numpy")
    assert loaded.fallback_reason
    says = f"cannot run {model.name}" if HAS_INTERPRETER else "no TFLite interpreter is installed"
    assert says in loaded.fallback_reason


def test_wrong_numbers_are_no_backend(wrong: ModelFile) -> None:
    with pytest.raises(BackendError, match="numpy computes wrong numbers") as caught:
        load_backend(wrong)
    assert wrong.name in str(caught.value)
    with pytest.raises(BackendError, match="numpy computes wrong numbers"):
        load_backend(wrong, "numpy")


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file count as proved, as one does that was proved on another board."""
    monkeypatch.setattr(proof, "prove", lambda *_: None)


@needs_interpreter
@pytest.mark.usefixtures("proved")
def test_an_interpreter_that_computes_wrong_numbers_gives_way(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a board whose interpreter rounds too coarsely.
    monkeypatch.setattr(tflite, "load", lambda *_: numpy_backend(small_network(9), 8))
    loaded = load_backend(model, verify=True)
    assert passes(loaded.backend, model.golden())
    assert loaded.fallback_reason
    assert "computes wrong numbers" in loaded.fallback_reason
    with pytest.raises(BackendError, match="tflite computes wrong numbers"):
        load_backend(model, "tflite", verify=True)


@pytest.mark.usefixtures("proved")
def test_a_32_bit_process_passes_the_interpreter_over_and_that_is_no_fallback(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tflite, "load", lambda *_: numpy_backend(small_network(9), 8))
    monkeypatch.setattr(registry, "NARROW", True)
    loaded = load_backend(model)
    assert passes(loaded.backend, model.golden())
    assert loaded.fallback_reason is None
    assert not passes(load_backend(model, "tflite").backend, model.golden()), "if asked for"


@needs_interpreter
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["forward", "both-ways"])
def test_auto_takes_the_fastest(converted: Converter, name: str, threads: int) -> None:
    path = converted.small(f"small-{name}", NETWORKS[name], LENGTH)
    in_memory = ModelFile.from_bytes(path.read_bytes())
    for model in (ModelFile(path), in_memory):
        loaded = load_backend(model, threads=threads, verify=True)
        expected = "onnx" if HAS_ONNX and name == "both-ways" else "tflite"
        assert (loaded.backend.name, loaded.fallback_reason) == (expected, None)
