"""The settings: textgenrnn's names, from the notebook's dictionaries, each one checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pi_runtime.errors import UsageError
from train.settings import ModelSettings, TrainSettings, read_settings_file, settings_from


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_the_dictionaries_of_the_notebook_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"settings.{kind}"
    path.write_text(
        '{"model_cfg": {"rnn_size": 64, "word_level": true}, "train_cfg": {"num_epochs": 3}}'
        if kind == "json"
        else "[model_cfg]\nrnn_size = 64\nword_level = true\n[train_cfg]\nnum_epochs = 3\n"
    )
    model, training = read_settings_file(path)
    assert settings_from(ModelSettings, model) == ModelSettings(rnn_size=64, word_level=True)
    assert settings_from(TrainSettings, training).num_epochs == 3


@pytest.mark.parametrize(
    "members",
    [{"rnn_sizes": 5}, {"rnn_size": 0}, {"rnn_size": "64"}, {"rnn_size": True}, {"word_level": 1}],
)
def test_a_setting_that_cannot_be_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        settings_from(ModelSettings, members)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"rnn_sizes": 5}, "rnn_sizes is an unknown setting – take one of dim_embeddings, "),
        ({"rnn_size": 0}, "rnn_size is 0 – give a whole number from 1 to 4096"),
        ({"rnn_size": 6.4}, "rnn_size is 6.4 – give a whole number from 1 to 4096"),
        ({"rnn_size": True}, "rnn_size is True – give a whole number from 1 to 4096"),
        ({"rnn_size": "64"}, "rnn_size is '64' – give a whole number from 1 to 4096"),
        ({"word_level": 1}, "word_level is 1 – give true or false"),
    ],
)
def test_a_refusal_says_what_to_give(members: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_from(ModelSettings, members)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"num_epochs": 0}, "num_epochs is 0 – give a whole number from 1 to 100000"),
        ({"train_size": "1"}, "train_size is '1' – give a number from 0.01 to 1"),
        ({"train_size": 1.5}, "train_size is 1.5 – give a number from 0.01 to 1"),
        ({"dropout": float("nan")}, "dropout is nan – give a number from 0 to 0.95"),
        ({"dropout": True}, "dropout is True – give a number from 0 to 0.95"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd' – take adam or rmsprop"),
        ({"optimizer": None}, "optimizer is None – give a string"),
        ({"delimiter": ""}, "delimiter is '' – give one character"),
    ],
)
def test_so_do_those_of_the_training(members: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_from(TrainSettings, members)
    assert str(caught.value) == says


def test_settings_are_kept_in_plain_types() -> None:
    settings = settings_from(TrainSettings, {"seed": np.int64(7), "dropout": np.float32(0.5)})
    assert [type(value) for value in (settings.seed, settings.dropout)] == [int, float]
    assert settings == TrainSettings(seed=7, dropout=0.5)
    assert type(TrainSettings(train_size=1).train_size) is float
