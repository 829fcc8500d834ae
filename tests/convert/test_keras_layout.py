"""Every layout that Keras has had is read as the same network, and written as Keras 2.2 does.

The files come from an independent writer (`tests.helpers.checkpoints`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.weights.keras_layout import network_from_keras, network_to_keras
from pi_runtime.model.network import FloatArray, Network
from tests.helpers.checkpoints import small_network, write_weights

h5py = pytest.importorskip("h5py")

from convert.weights.checkpoint import read_checkpoint  # noqa: E402 - it needs h5py


def assert_equal(found: Network, expected: Network) -> None:
    assert found.arrays().keys() == expected.arrays().keys()
    for name, array in expected.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array, err_msg=name)


def by_position(network: Network) -> dict[str, list[FloatArray]]:
    return {name: list(arrays.values()) for name, arrays in network_to_keras(network).items()}


@pytest.mark.parametrize("layout", ["keras2", "tf2", "cudnn", "keras1"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("attributes", ["bytes", "str", "variable"])
def test_every_layout_is_the_same_network(
    tmp_path: Path, layout: str, bidirectional: bool, attributes: str
) -> None:
    network = small_network(bidirectional=bidirectional)
    path = tmp_path / "w.hdf5"
    write_weights(path, network, layout, attributes=attributes)
    read = read_checkpoint(path)
    assert_equal(read.network, network)
    expected = {"cudnn": "CuDNNLSTM", "keras1": "split gates"}.get(layout, "LSTM")
    assert read.layout == f"{expected}, Keras 2.2.4"


@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_written_as_the_independent_writer_does(tmp_path: Path, bidirectional: bool) -> None:
    network = small_network(bidirectional=bidirectional)
    path = tmp_path / "w.hdf5"
    write_weights(path, network)
    with h5py.File(path) as file:
        stored = {
            layer: [file[layer][name][()] for name in file[layer].attrs["weight_names"]]
            for layer in ("embedding", "rnn_1", "rnn_2", "attention", "output")
        }
    written = by_position(network)
    assert list(written) == list(stored)
    for layer, arrays in stored.items():
        for array, ours in zip(arrays, written[layer], strict=True):
            np.testing.assert_array_equal(ours, array, err_msg=layer)


def test_arrays_have_the_names_of_keras() -> None:
    names = {layer: list(arrays) for layer, arrays in network_to_keras(small_network()).items()}
    assert names["embedding"] == ["embedding/embeddings:0"]
    assert names["rnn_2"] == ["rnn_2/kernel:0", "rnn_2/recurrent_kernel:0", "rnn_2/bias:0"]
    both = network_to_keras(small_network(bidirectional=True))
    assert list(both["rnn_1"])[3] == "rnn_1/backward_lstm_1/kernel:0"


def test_what_is_written_is_read() -> None:
    network = small_network(layers=3, bidirectional=True)
    assert_equal(network_from_keras(by_position(network)), network)


def test_networks_that_do_not_fit_together() -> None:
    arrays = by_position(small_network(layers=3))
    without = {name: found for name, found in arrays.items() if name != "rnn_2"}
    with pytest.raises(ValueError, match=r"recurrent layers are numbered \[1, 3\]"):
        network_from_keras(without)
    with pytest.raises(ValueError, match="a recurrent layer has 4 arrays, not 3 or 6"):
        network_from_keras({**arrays, "rnn_1": [*arrays["rnn_1"], arrays["rnn_1"][0]]})
    with pytest.raises(ValueError, match="output has 1 arrays, not 2"):
        network_from_keras({**arrays, "output": arrays["output"][:1]})
    with pytest.raises(ValueError, match="embedding has 0 arrays, not 1"):
        network_from_keras({"rnn_1": arrays["rnn_1"]})
    with pytest.raises(ValueError, match="only some of the recurrent layers are bidirectional"):
        network_from_keras({**arrays, "rnn_3": arrays["rnn_3"] * 2})
