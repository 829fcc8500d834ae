"""`train`: what it refuses, and, in a process of its own, what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import train
from pi_runtime.errors import UsageError
from tests.helpers.checkpoints import small_network, small_vocab
from tests.helpers.commands import ROOT, needs_tensorflow
from train import ModelSettings, Start, TrainSettings

TEXTS = ["To be, or not to be"] * 9
TINY = ModelSettings(rnn_size=5, rnn_layers=2, max_length=5, dim_embeddings=6)
LINES = TrainSettings(line_delimited=True)


def test_importing_the_package_is_light() -> None:
    heavy = {"tensorflow", "keras", "h5py", "tqdm", "matplotlib"}
    code = f"import sys, train; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_public_names() -> None:
    assert train.__all__ == [
        "Epoch",
        "ModelSettings",
        "Start",
        "TextError",
        "TrainSettings",
        "TrainingError",
        "train",
    ]
    for name in train.__all__:
        assert getattr(train, name).__doc__


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"texts": "To be, or not"}, "texts is 'To be, or not' – give a list of strings"),
        ({"texts": None}, "texts is None – give a list of strings"),
        ({"texts": ["To be", None]}, "texts[1] is None – give a string"),
        ({"labels": "hamlet"}, "labels is 'hamlet' – give a list of strings"),
        ({"labels": ["a"] * 8 + [None]}, "labels[8] is None – give a string"),
        ({"labels": ["a"]}, "there are 9 texts and 1 labels – give a label per text"),
        ({"name": None}, "name is None – give a string"),
        ({"name": "a/b"}, "name is 'a/b' – give a file name of at most 100 characters, "),
        ({"name": ".."}, "name is '..' – give a file name of at most 100 characters, "),
        ({"name": ""}, "name is '' – give a file name of at most 100 characters, "),
        ({"name": "a" * 101}, f"name is '{'a' * 101}' – give a file name of at most 100 "),
        ({"model": {"rnn_size": 5}}, "model is dict – give ModelSettings"),
        ({"training": TINY}, "training is ModelSettings – give TrainSettings"),
        ({"folder": 5}, "folder is 5 – give a string"),
        (
            {"start": Start(small_network(units=7), small_vocab(12))},
            "rnn_size is 5, and 7 in the network to start from – give the settings of that network",
        ),
        (
            {"start": Start(small_network(), small_vocab(13))},
            "the vocabulary to start from has ids that are not 1 to 11 – give the vocabulary of ",
        ),
        (
            {"start": Start(small_network(), small_vocab(12, single_text=True))},
            "the network to start from was not trained on a text per line – leave out --line",
        ),
        (
            {"start": Start(small_network(), small_vocab(12)), "training": TrainSettings()},
            "the network to start from was not trained on one running text – add --line-delimited",
        ),
    ],
)
def test_arguments_that_cannot_be(tmp_path: Path, arguments: dict[str, object], says: str) -> None:
    call = {"texts": TEXTS, "model": TINY, "training": LINES, "folder": tmp_path, **arguments}
    with pytest.raises(UsageError) as caught:
        train.train(**call)  # type: ignore[arg-type]
    assert str(caught.value).startswith(says)
    assert not list(tmp_path.iterdir())


def test_texts_that_are_too_few(tmp_path: Path) -> None:
    for texts in ([], [""], ["abc"]):
        with pytest.raises(train.TextError, match="too few for a window of 5"):
            train.train(texts, "t", TINY, TrainSettings(), folder=tmp_path)
    assert not list(tmp_path.iterdir())


@needs_tensorflow
def test_what_needs_tensorflow() -> None:
    pytest.importorskip("tqdm")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default",
         "tests/train/with_tensorflow.py"],
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d passed", done.stdout)
