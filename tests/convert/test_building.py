"""The process that builds: what it is given, and what becomes of its failures."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from convert import building
from convert.building import workshop
from convert.errors import ConversionError
from convert.recording import most_tokens
from tests.convert.test_keras_layout import assert_equal
from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_network_is_mapped_and_the_folder_removed(bidirectional: bool) -> None:
    network = small_network(layers=3, bidirectional=bidirectional)
    with workshop(network) as shop:
        assert_equal(shop.network, network)
        folder = shop.folder
        assert folder.is_dir()
    assert not folder.exists()


@needs_tensorflow
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("os.kill(os.getpid(), 9)", "was killed, as the system does when memory is short – it "),
        ("sys.exit('no luck')", "TensorFlow cannot build the graph (no luck) – run it again"),
        ("os._exit(3)", "TensorFlow cannot build the graph (exit code 3) – "),
    ],
)
def test_a_failure_is_one_line(monkeypatch: pytest.MonkeyPatch, code: str, says: str) -> None:
    run = subprocess.run

    def harmed(command: list[str], **options: Any) -> Any:
        return run([command[0], "-c", f"import os, sys; {code}"], **options)

    monkeypatch.setattr(subprocess, "run", harmed)
    with workshop(small_network()) as shop, pytest.raises(ConversionError) as caught:
        shop.build(8, "float32")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_tensorflow_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_spec", lambda _: None)
    with workshop(small_network()) as shop, pytest.raises(ImportError) as caught:
        shop.build(8, "float32")
    assert caught.value.name == "tensorflow"


def test_a_large_network_writes_short_texts_to_be_compared() -> None:
    assert most_tokens(small_network(units=128, layers=4), 40) > 600
    assert most_tokens(small_network(units=400, layers=4, bidirectional=True), 300) < 40
