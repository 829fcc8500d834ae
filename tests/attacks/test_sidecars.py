"""Files beside weights, from a stranger: rnn-convert reads the weights and nothing else of it."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from convert.errors import SidecarError
from convert.files.inputs import kind_of
from convert.files.sidecars import Sidecars, find_sidecars
from tests.helpers.checkpoints import small_network, small_vocab

NETWORK = small_network()
VOCAB = small_vocab(12)


def find(folder: Path) -> Sidecars:
    return find_sidecars(folder / "w_weights.hdf5", NETWORK)


def grown_by(action: Callable[[], object]) -> int:
    """Return how many MB more an action takes at its most."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    action()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": ' + b"[" * 500_000,
        b"[" + b"[]," * 20_000_000,
        b"{" + b'"":1,' * 10_000_000,
        b'{"a": "' + b"\\" * 40_000_000,
        b"{" + b'"\\' * 10_000_000,
    ],
    ids=["deep", "wide", "repeated", "backslashes", "open strings"],
)
def test_json_that_takes_many_times_its_size(tmp_path: Path, content: bytes) -> None:
    """`[[],[],…]` of 60 MB became 1.5 GB of lists before its shape was looked at."""
    (tmp_path / "w_vocab.json").write_bytes(content)

    def refused() -> None:
        with pytest.raises(SidecarError, match=r"w_vocab\.json does not fit"):
            find(tmp_path)

    assert grown_by(refused) < 64
    assert grown_by(lambda: kind_of(tmp_path / "w_vocab.json")) < 64


def test_a_thousand_files_of_nearly_the_right_size(tmp_path: Path) -> None:
    """A data set of JSON records in the folder of the weights."""
    (tmp_path / "w_vocab.json").write_text(json.dumps(VOCAB))
    for number in range(1000):
        (tmp_path / f"{number}.json").write_text(json.dumps({str(i): i for i in range(2, 13)}))
    assert find(tmp_path).vocab == VOCAB
    (tmp_path / "w_vocab.json").unlink()
    with pytest.raises(SidecarError, match="no vocab beside it fits"):
        find(tmp_path)


def test_pipes_and_devices_beside_the_weights(tmp_path: Path) -> None:
    """A FIFO of the vocab's very name: whoever opens it waits for ever."""
    os.mkfifo(tmp_path / "w_vocab.json")
    os.mkfifo(tmp_path / "w_config.json")
    (tmp_path / "W_VOCAB.json").symlink_to("/dev/zero")
    (tmp_path / "textgenrnn_vocab.json").write_text(json.dumps(VOCAB))
    assert find(tmp_path).vocab == VOCAB
    assert kind_of(tmp_path / "w_vocab.json") == "other"


def test_a_vocab_of_the_right_size_under_the_default_name(tmp_path: Path) -> None:
    """`textgenrnn_vocab.json` of another training in the folder was taken in silence, although
    poem_vocab.json was there for poem_final.hdf5: every letter was another one."""
    (tmp_path / "poem_vocab.json").write_text(json.dumps(VOCAB))
    other = dict(zip(VOCAB, reversed(VOCAB.values()), strict=True))
    (tmp_path / "textgenrnn_vocab.json").write_text(json.dumps(other))
    assert find_sidecars(tmp_path / "poem_final.hdf5", NETWORK).vocab == VOCAB
    (tmp_path / "poem_vocab.json").unlink()
    (tmp_path / "prose_vocab.json").write_text(json.dumps(VOCAB))
    assert find_sidecars(tmp_path / "poem_final.hdf5", NETWORK).vocab == other


def test_names_and_values_that_a_terminal_obeys(tmp_path: Path) -> None:
    """ESC ] 0 ; … BEL in a config's value sets the window's title."""
    (tmp_path / "w_vocab.json").write_text(json.dumps(VOCAB))
    for value in ("\x1b]0;owned\x07", ["\x9b2J"], "\u202e"):
        (tmp_path / "w_config.json").write_text(json.dumps({"max_length": value}))
        with pytest.raises(SidecarError, match="max_length is") as error:
            find(tmp_path)
        assert str(error.value).isprintable()
