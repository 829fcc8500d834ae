"""`scripts/demo`: from checkpoints to speech on a fresh machine, and again without a network."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pi_runtime.speech.pcm import Pcm
from tests.helpers.commands import ROOT, needs_tensorflow

MODELS = {path.name.removesuffix("_weights.hdf5") for path in ROOT.glob("models/*.hdf5")}


@needs_tensorflow
@pytest.mark.skipif(not shutil.which("festival"), reason="festival is not installed")
def test_the_demo_speaks_and_needs_no_network_the_second_time() -> None:
    without_network = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "-r", "--net"]
    assert len(MODELS) == 2
    for before in ([], without_network):
        if subprocess.run([*before, "true"], capture_output=True).returncode:
            pytest.skip("no network namespace can be made here, to do without a network in")
        for name in MODELS:
            (ROOT / "demo-out" / f"{name}.wav").unlink(missing_ok=True)
        done = subprocess.run(
            [*before, "scripts/demo"], cwd=ROOT, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr[-3000:]
        for name in MODELS:
            wav = ROOT / "demo-out" / f"{name}.wav"
            assert str(wav.relative_to(ROOT)) in done.stderr
            assert Pcm.from_wav(wav.read_bytes()).seconds > 5
