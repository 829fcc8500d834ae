"""The network as arrays: their names, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pi_runtime.model.network import FloatArray, Network
from tests.helpers.checkpoints import small_network

FORWARD = small_network(layers=2)
BOTH_WAYS = small_network(layers=2, bidirectional=True)


@pytest.mark.parametrize("network", [FORWARD, BOTH_WAYS], ids=["forward", "both-ways"])
def test_a_network_comes_back_from_its_arrays(network: Network) -> None:
    again = Network.from_arrays(network.arrays(), 2, network.bidirectional)
    assert again.arrays().keys() == network.arrays().keys()
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    assert (again.classes, again.units, again.bidirectional) == (12, 5, network.bidirectional)


def test_arrays_have_names() -> None:
    assert list(FORWARD.arrays()) == [
        "embedding",
        "rnn_1/forward/kernel",
        "rnn_1/forward/recurrent",
        "rnn_1/forward/bias",
        "rnn_2/forward/kernel",
        "rnn_2/forward/recurrent",
        "rnn_2/forward/bias",
        "attention/embedding",
        "attention/rnn_1",
        "attention/rnn_2",
        "output/kernel",
        "output/bias",
    ]
    assert "rnn_2/backward/recurrent" in BOTH_WAYS.arrays()


def test_features_are_the_embedding_then_each_layer() -> None:
    blocks = {"embedding": slice(0, 6), "rnn_1": slice(6, 11), "rnn_2": slice(11, 16)}
    assert FORWARD.feature_blocks() == blocks
    assert BOTH_WAYS.feature_blocks()["rnn_2"] == slice(16, 26)


def test_attention_may_come_folded_in_rows() -> None:
    arrays = FORWARD.arrays()
    arrays["attention/embedding"] = arrays["attention/embedding"].reshape(2, 3)
    network = Network.from_arrays(arrays, 2, bidirectional=False)
    np.testing.assert_array_equal(network.attention, FORWARD.attention)


def changed(name: str, array: FloatArray | None) -> dict[str, FloatArray]:
    arrays = FORWARD.arrays()
    if array is None:
        del arrays[name]
    else:
        arrays[name] = array
    return arrays


@pytest.mark.parametrize("name", FORWARD.arrays())
def test_a_missing_array_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is missing"):
        Network.from_arrays(changed(name, None), 2, bidirectional=False)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("embedding", (12,), "embedding has 1 axes, not 2"),
        ("embedding", (11, 6), r"output/kernel has shape \[16, 12\], not \[16, 11\]"),
        ("rnn_1/forward/kernel", (6, 16), r"rnn_1/forward/kernel has shape \[6, 16\]"),
        ("rnn_2/forward/kernel", (6, 20), r"rnn_2/forward/kernel has shape \[6, 20\]"),
        ("rnn_2/forward/recurrent", (4, 20), r"rnn_2/forward/recurrent has shape \[4, 20\]"),
        ("rnn_2/forward/bias", (20, 1), r"rnn_2/forward/bias has shape \[20, 1\]"),
        ("output/kernel", (16, 13), r"output/kernel has shape \[16, 13\]"),
        ("output/bias", (13,), r"output/bias has shape \[13\], not \[12\]"),
    ],
)
def test_an_array_that_does_not_fit_is_named(name: str, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Network.from_arrays(changed(name, np.zeros(shape, np.float32)), 2, bidirectional=False)


def test_an_array_too_many_is_named() -> None:
    arrays = changed("dense/kernel", np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="dense/kernel does not belong"):
        Network.from_arrays(arrays, 2, bidirectional=False)
    with pytest.raises(ValueError, match="attention/rnn_2 does not belong"):
        Network.from_arrays(FORWARD.arrays(), 1, bidirectional=False)


def test_a_network_has_a_layer() -> None:
    arrays = {n: a for n, a in FORWARD.arrays().items() if not n.startswith(("rnn", "attention/r"))}
    with pytest.raises(ValueError, match="there is no recurrent layer"):
        Network.from_arrays(arrays, 0, bidirectional=False)


@pytest.mark.parametrize("rows", [15, 17])
def test_an_attention_of_another_length(rows: int) -> None:
    """NumPy cuts blocks that reach beyond an array short without a word."""
    network = replace(FORWARD, attention=np.zeros((rows, 1), np.float32))
    with pytest.raises(ValueError, match=rf"attention has shape \[{rows}, 1\], not \[16, 1\]"):
        network.check()
