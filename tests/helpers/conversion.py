"""Checkpoints converted by rnn-convert, once for all tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pi_runtime.model.network import Network
from tests.helpers.checkpoints import config_of, small_vocab, write_sidecars, write_weights
from tests.helpers.commands import HAS_TENSORFLOW, run_command


class Converter:
    """Converts a checkpoint the first time it is asked for, or skips the test if it cannot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, weights: Path, *options: str) -> Path:
        """Return NAME.tflite, made from a checkpoint; the converter's report is NAME.json."""
        output = self.folder / f"{name}.tflite"
        with self._lock(name):
            if not output.exists():
                self._need_tensorflow()
                unfinished = output.with_suffix(".unfinished.tflite")
                done = run_command("rnn-convert", weights, "-o", unfinished, "--json", *options)
                assert done.returncode == 0, done.stderr
                output.with_suffix(".json").write_text(done.stdout, "utf-8")
                unfinished.replace(output)
        return output

    def small(self, name: str, network: Network, max_length: int, *options: str) -> Path:
        """Return NAME.tflite, made from a random network with `small_vocab`."""
        output = self.folder / f"{name}.tflite"
        if output.exists():
            return output
        self._need_tensorflow()
        with TemporaryDirectory() as folder:
            weights = Path(folder) / f"{name}_weights.hdf5"
            write_weights(weights, network)
            vocab = small_vocab(network.classes)
            write_sidecars(weights.parent, name, vocab, config_of(network, max_length))
            return self(name, weights, *options)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Let other processes, which share the folder, wait."""
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _need_tensorflow(self) -> None:
        if HAS_TENSORFLOW:
            return
        if os.environ.get("RNN_TEST_MODELS"):
            pytest.fail("the environment with TensorFlow has no test that converts this model")
        pytest.skip("tensorflow is not installed, and nothing was converted beforehand")
