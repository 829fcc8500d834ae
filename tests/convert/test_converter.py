"""`convert_checkpoint`: what it refuses, and, in a process of its own, what it returns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convert
from pi_runtime.errors import UsageError
from tests.helpers.checkpoints import (
    config_of,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.helpers.commands import ROOT, needs_tensorflow

HEAVY = {"tensorflow", "keras", "h5py"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint with its vocab and config."""
    pytest.importorskip("h5py")
    network = small_network(classes=20)
    write_weights(tmp_path / "colab_weights.hdf5", network)
    write_sidecars(tmp_path, "colab", small_vocab(20), config_of(network))
    return tmp_path


def test_importing_the_package_is_light() -> None:
    code = f"import sys, convert; print({HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_public_names() -> None:
    pytest.importorskip("h5py")
    assert convert.__all__ == [
        "CheckpointError",
        "Conversion",
        "ConversionError",
        "OutputError",
        "ParityError",
        "SidecarError",
        "convert_checkpoint",
    ]
    for name in convert.__all__:
        assert getattr(convert, name).__doc__
    with pytest.raises(AttributeError):
        convert.nothing_of_this_name  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"quantization": "int4"}, "quantization is 'int4' – take float32 or int8"),
        ({"quantization": None}, "quantization is None – take float32 or int8"),
        ({"max_length": 0}, "max_length is 0 – give a whole number from 1 to 2000"),
        ({"max_length": 5.5}, "max_length is 5.5 – give a whole number from 1 to 2000"),
        ({"max_length": True}, "max_length is True – give a whole number from 1 to 2000"),
        ({"max_length": "40"}, "max_length is '40' – give a whole number from 1 to 2000"),
        ({"path": None}, "path is None – give a string"),
        ({"output": 5}, "output is 5 – give a string"),
        ({"vocab": {"a": 1}}, "vocab is {'a': 1} – give a string"),
        ({"config": b"c.json"}, "config is b'c.json' – give a string"),
        ({"corpus": "poems.txt"}, "corpus is str – give a list of paths"),
        ({"corpus": None}, "corpus is NoneType – give a list of paths"),
        ({"corpus": ["poems.txt", 5]}, "corpus[1] is 5 – give a string"),
        ({"texts": "To be, or not"}, "texts is 'To be, or not' – give a list of strings"),
        ({"texts": [None]}, "texts[0] is None – give a string"),
    ],
)
def test_arguments_that_cannot_be(folder: Path, arguments: dict[str, object], says: str) -> None:
    before = sorted(folder.iterdir())
    call = {"path": folder / "colab_weights.hdf5", "output": folder / "x.tflite", **arguments}
    with pytest.raises(UsageError) as caught:
        convert.convert_checkpoint(**call)  # type: ignore[arg-type]
    assert str(caught.value) == says
    assert sorted(folder.iterdir()) == before


def test_an_output_that_exists_is_not_replaced(folder: Path) -> None:
    (folder / "x.tflite").write_bytes(b"mine")
    with pytest.raises(convert.OutputError, match=r"x\.tflite: exists"):
        convert.convert_checkpoint(folder / "colab_weights.hdf5", folder / "x.tflite")
    assert (folder / "x.tflite").read_bytes() == b"mine"


@needs_tensorflow
def test_what_needs_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/convert/with_tensorflow.py"],
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)
