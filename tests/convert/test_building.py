"""The process that builds: what it is given, and what becomes of its failures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convert import building
from convert.building import workshop
from convert.errors import ConversionError
from convert.recording import most_tokens
from tests.convert.test_keras_layout import assert_equal
from tests.helpers.checkpoints import small_network
from tests.helpers.commands import ROOT, needs_tensorflow


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_network_is_mapped_and_the_folder_removed(bidirectional: bool) -> None:
    network = small_network(layers=3, bidirectional=bidirectional)
    with workshop(network) as shop:
        assert_equal(shop.network, network)
        folder = shop.folder
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    hold = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from convert.building import workshop\n"
        "from tests.helpers.checkpoints import small_network\n"
        "with workshop(small_network()) as shop: print(shop.folder, flush=True), sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path)]

    def begin() -> tuple[subprocess.Popen[str], Path]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes, text=True, cwd=ROOT)  # type: ignore[call-overload]
        return process, Path(process.stdout.readline().strip())

    killed, left = begin()
    with killed:
        killed.kill()
    assert left.is_dir()
    alive, held = begin()
    with alive:
        assert not left.exists()
        next_one, _ = begin()
        with next_one:
            next_one.communicate("")
        assert held.is_dir()
        alive.communicate("")
    assert not list(tmp_path.iterdir())


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
    start = subprocess.Popen

    def harmed(command: list[str], **options: Any) -> Any:
        return start([command[0], "-c", f"import os, sys; {code}"], **options)

    monkeypatch.setattr(subprocess, "Popen", harmed)
    with (
        workshop(small_network()) as shop,
        shop.building(8, "float32") as process,
        pytest.raises(ConversionError) as caught,
    ):
        process.result()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_tensorflow
def test_who_gives_up_leaves_no_process_behind() -> None:
    with (
        workshop(small_network()) as shop,
        pytest.raises(KeyboardInterrupt),
        shop.building(8, "float32") as process,
    ):
        raise KeyboardInterrupt
    assert process._child.returncode


@needs_tensorflow
def test_keras_is_not_imported() -> None:
    look = "import sys, tensorflow as tf; tf.lite.TFLiteConverter; print('keras' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look],
        env=os.environ | building.WITHOUT_KERAS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_without_tensorflow_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_spec", lambda _: None)
    with (
        workshop(small_network()) as shop,
        pytest.raises(ImportError) as caught,
        shop.building(8, "float32"),
    ):
        pass
    assert caught.value.name == "tensorflow"


def test_a_large_network_writes_short_texts_to_be_compared() -> None:
    middling = small_network(units=128, layers=4)
    assert most_tokens(middling, 40) > 600
    assert most_tokens(middling, 40) // 4 == most_tokens(middling, 40, texts=4)
    assert most_tokens(small_network(units=400, layers=4, bidirectional=True), 300) < 40
