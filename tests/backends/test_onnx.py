"""What is particular to the ONNX Runtime backend: it is optional, and its graph is made here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pi_runtime.backends import onnx
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.onnx.in_flight import step_graph
from pi_runtime.backends.onnx.whole_window import window_graph
from pi_runtime.backends.registry import load_backend
from pi_runtime.backends.selfcheck import passes
from pi_runtime.errors import BackendError
from pi_runtime.model.file import ModelFile
from tests.helpers.backends import needs_onnx
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.commands import ROOT, run_command
from tests.helpers.conversion import Converter
from tests.helpers.networks import LENGTH, NETWORKS

CONTENT = packed_model(small_network())
"""Its FlatBuffer is no TFLite graph: what computes it reads its arrays alone."""


@pytest.fixture
def model() -> ModelFile:
    return ModelFile.from_bytes(CONTENT, "colab")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache in which nothing is remembered yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_gives_the_same_bytes(name: str) -> None:
    make = window_graph if NETWORKS[name].bidirectional else step_graph
    once, again = (make(NETWORKS[name], LENGTH).to_bytes() for _ in range(2))
    assert once == again


@needs_onnx
def test_it_reports_to_nobody(converted: Converter, tmp_path: Path) -> None:
    """Wheels since 1.29 keep what they are going to send in the cache of whoever runs them."""
    path = converted.small("small-both-ways", NETWORKS["both-ways"], LENGTH)
    # Without CI, which would keep it silent too.
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    done = run_command(
        *("rnn-generate", path, "--backend", "onnx", "--seed", 1, "--max-gen-length", 9),
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "onnx" in done.stderr
    ours = tmp_path / ".cache" / "textgenrnn-pi"
    assert [
        file for file in tmp_path.rglob("*") if not file.is_dir() and ours not in file.parents
    ] == []


def test_where_it_is_not_installed(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError) as caught:
        load_backend(model, "onnx")
    assert caught.value.what == "ONNX Runtime is not installed"
    assert "pip install 'textgenrnn-pi[onnx]'" in caught.value.todo


def test_looking_whether_it_is_installed_does_not_import_it(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(CONTENT)
    code = (
        "import sys\n"
        "from pi_runtime.backends.registry import fastest_first\n"
        "from pi_runtime.model.file import ModelFile\n"
        f"fastest_first(ModelFile({str(path)!r}))\n"
        "assert 'onnxruntime' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@needs_onnx
@pytest.mark.parametrize("name", ["forward", "both-ways"])
@pytest.mark.parametrize("threads", [1, 2])
def test_it_computes_what_the_converter_did_and_says_nothing(
    name: str, threads: int, capfd: pytest.CaptureFixture[str]
) -> None:
    model = ModelFile.from_bytes(packed_model(NETWORKS[name], None, LENGTH))
    loaded = load_backend(model, "onnx", threads, verify=True)
    assert loaded.backend.name == "onnx"
    assert capfd.readouterr() == ("", "")


@needs_onnx
def test_wrong_numbers_are_refused_and_that_is_remembered(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a version whose approximations are too coarse on this processor."""
    asked = []

    def load(*_: object) -> object:
        asked.append(1)
        return numpy_backend(small_network(9), 8)

    monkeypatch.setattr(onnx, "load", load)
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            load_backend(model, "onnx")
        says = "ONNX Runtime here cannot run colab (it computes wrong numbers)"
        assert caught.value.what == says
    assert len(asked) == 1
    loaded = load_backend(model)
    assert loaded.backend.name == "numpy"
    assert passes(loaded.backend, model.golden())


def test_a_network_that_no_protobuf_message_holds(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "MAX_BYTES", 1000)
    with pytest.raises(BackendError, match=r"cannot run colab \(it takes less than 2 GiB"):
        onnx.load(model)


def test_whatever_it_raises_is_one_line(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise RuntimeError("no such operator\nin a trace of many lines")

    monkeypatch.setattr(onnx, "onnx_backend", refuses)
    with pytest.raises(BackendError) as caught:
        onnx.load(model)
    assert caught.value.what == "ONNX Runtime here cannot run colab (no such operator)"
    assert "--backend numpy" in caught.value.todo
