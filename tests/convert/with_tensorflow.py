"""What of `convert_checkpoint` needs TensorFlow in the process; `test_converter.py` runs this.

(TensorFlow and tflite-runtime do not live in one process.)
"""

from __future__ import annotations

import doctest
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from convert import Conversion, convert_checkpoint, converter
from convert.graph import build_flatbuffer
from pi_runtime.backends import tflite
from pi_runtime.backends.selfcheck import passes
from pi_runtime.model.file import ModelFile, pack_model, read_network
from pi_runtime.model.network import Network
from tests.helpers.checkpoints import (
    config_of,
    packed_model,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)

NETWORK = small_network(classes=40, embedding=40, units=32)

watched: list[str] | None = None
"""What is opened to be written, by path, while it is not None; hooks cannot be removed."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if watched is not None and event == "open":
        path, _, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR) and isinstance(path, (str, bytes)):
            watched.append(os.fsdecode(path))


sys.addaudithook(_watch)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint with its vocab and config, in the current folder."""
    write_weights(tmp_path / "colab_weights.hdf5", NETWORK, "cudnn")
    write_sidecars(tmp_path, "colab", small_vocab(40), config_of(NETWORK))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_the_result_is_typed_and_the_file_repeatable(folder: Path, quantization: str) -> None:
    found = convert_checkpoint("colab_weights.hdf5", quantization=quantization, max_length=6)
    assert isinstance(found, Conversion)
    content = Path("colab.tflite").read_bytes()
    assert (found.path, found.size) == (Path("colab.tflite"), len(content))
    assert found.weights == Path("colab_weights.hdf5")
    assert found.layout == "CuDNNLSTM, Keras 2.2.4"
    assert (found.config.name, found.config.max_length, found.classes) == ("colab", 6, 40)
    assert found.quantization == quantization
    assert not found.single_text
    assert found.notes == (
        "vocab colab_vocab.json: its 39 ids fit the weights",
        "config colab_config.json",
        "max_length 6, as asked",
    )
    assert set(found.parity.deviations) == {"numpy", "tflite"}
    assert found.parity.not_tried is None
    assert (found.parity.divergence is None) == (quantization == "float32")
    assert ModelFile("colab.tflite").config == found.config
    again = convert_checkpoint(
        folder / "colab_weights.hdf5",
        folder / "again.tflite",
        vocab=folder / "colab_vocab.json",
        config="colab_config.json",
        max_length=6,
        quantization=quantization,
    )
    assert again.path.read_bytes() == content, "the same input, the same bytes"


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_nothing_is_written_but_the_output(
    folder: Path, quantization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    global watched
    sealed: list[bytes] = []

    def pack(*arguments: Any) -> bytes:
        sealed.append(pack_model(*arguments))
        return sealed[-1]

    monkeypatch.setattr(converter, "pack_model", pack)
    watched = []
    try:
        convert_checkpoint("colab_weights.hdf5", "out.tflite", quantization=quantization)
        written = watched
    finally:
        watched = None
    temporary = tempfile.gettempdir()
    (name,) = (
        Path(name).name
        for name in written
        if not name.startswith(("/dev/", f"{temporary}/rnn-convert-")) and name != temporary
    )
    assert name.startswith(".out.tflite.")
    assert not any(Path(name).exists() for name in written if "/rnn-convert-" in name)
    assert len(sealed) == {"float32": 1, "int8": 2}[quantization]
    assert sorted(path.name for path in folder.iterdir()) == [
        "colab_config.json",
        "colab_vocab.json",
        "colab_weights.hdf5",
        "out.tflite",
    ]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("quantization", ["float32", "int8"])
@pytest.mark.parametrize("value", ["zero", "one", "that of another"])
def test_arrays_that_tensorflow_may_leave_out_are_in_the_file(
    bidirectional: bool, quantization: str, value: str
) -> None:
    arrays = small_network(classes=40, embedding=40, units=32, bidirectional=bidirectional).arrays()
    for name, array in arrays.items():
        others = [n for n, other in arrays.items() if n != name and other.shape == array.shape]
        if value == "that of another" and not others:
            continue
        given = {
            "zero": np.zeros_like(array),
            "one": np.ones_like(array),
            "that of another": arrays[(others or [name])[0]],
        }[value]
        network = Network.from_arrays({**arrays, name: given}, 2, bidirectional)
        flatbuffer, specs = build_flatbuffer(network, 6, quantization)
        stored = read_network(flatbuffer, specs, config_of(network, 6)).arrays()
        for each, expected in network.arrays().items():
            # int8 has one scale for each output, which a layer's two kernels share.
            step = (
                0.0 if quantization == "float32" else 0.51 * max(1.0, np.abs(expected).max()) / 127
            )
            assert np.abs(stored[each] - expected).max() <= step, (name, each)
        if quantization == "float32":
            packed = packed_model(network, None, 6, built=(flatbuffer, specs))
            model = ModelFile.from_bytes(packed, name)
            backend = tflite.load(model, interpreter=tf.lite.Interpreter)
            assert passes(backend, model.golden()), name


def test_what_is_called_before_writing_may_prevent_it(folder: Path) -> None:
    def refuse() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_checkpoint("colab_weights.hdf5", before_writing=refuse)
    assert not Path("colab.tflite").exists()


@pytest.mark.usefixtures("folder")
def test_the_examples_in_the_docstring() -> None:
    failed, tried = doctest.testmod(converter)
    assert tried
    assert not failed
