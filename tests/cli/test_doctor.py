"""rnn-doctor examines every part, and says what to type."""

from __future__ import annotations

import json
from pathlib import Path

from pi_runtime.backends.registry import fastest_first
from pi_runtime.model.file import ModelFile
from tests.helpers.backends import HAS_ONNX
from tests.helpers.commands import run_command
from tests.helpers.service import needs_espeak

pytestmark = needs_espeak


def test_the_doctor_examines_every_part(model: Path) -> None:
    done = run_command("rnn-doctor", model, "--json")
    findings = json.loads(done.stdout)
    assert {"python", "numpy", "interpreter", "model", "voice", "card", "disk"} <= set(findings)
    assert findings["model"]["ok"], findings["model"]
    assert "characters per second" in findings["model"]["text"]
    order = ", ".join(fastest_first(ModelFile(model)))
    assert f"for a forward-only float32 network: {order}" in findings["model"]["text"]
    assert ("onnxruntime" in findings["interpreter"]["text"]) == HAS_ONNX
    assert findings["voice"]["ok"], findings["voice"]
    for finding in findings.values():
        assert finding["ok"] or finding["fix"] or finding["text"]
    wrong = [finding for finding in findings.values() if finding["fix"] and not finding["ok"]]
    assert done.returncode == (1 if wrong else 0)


def test_the_doctor_says_what_to_type_about_a_damaged_model(model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(model.read_bytes()[:-50])
    done = run_command("rnn-doctor", damaged, "--only", "model")
    assert done.returncode == 1
    assert done.stdout.startswith("WRONG model")
    assert "→" in done.stdout
