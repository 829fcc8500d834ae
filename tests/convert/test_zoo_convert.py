"""Every real checkpoint converts on its own, or is refused for its true reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.helpers.commands import needs_tensorflow, run_command
from tests.helpers.conversion import Converter
from tests.helpers.zoo import entries, weights_of

pytestmark = needs_tensorflow


@entries("convert")
def test_converts_with_no_other_argument(
    entry: dict[str, Any], converted: Converter, models: Path
) -> None:
    converted(entry["name"], weights_of(entry))
    report = json.loads((models / f"{entry['name']}.json").read_text("utf-8"))
    architecture = report["architecture"]
    assert architecture["classes"] == entry["num_classes"]
    for key in ("max_length", "word_level", "single_text", "rnn_layers", "rnn_size"):
        assert architecture[key] == entry["config_used"][key], key
    assert architecture["rnn_bidirectional"] == entry["bidirectional"]
    stock = any(note.startswith("vocab: textgenrnn's stock one") for note in report["notes"])
    assert stock == (entry["vocab_from"] == "stock")
    assert ("CuDNN" in report["layout"]) == entry["cudnn"]
    assert report["sensitive"] == ("chaotic" in entry), report["tolerance"]
    assert set(report["deviation"]) == {"numpy", "tflite"}


REASONS = {
    "itc-vocab-mismatch": "has 92 tokens, the weights have 101 classes",
    "textgenrnn-0x": "a textgenrnn 0.x network: one LSTM, no attention",
    "duck-nan": "28 of its arrays hold NaN",
    "rnn-gui-empty": "the file is empty (0 bytes)",
    "eric-cartbot-no-vocab": "64 classes and no vocab beside it fits",
}


@entries("refuse")
def test_refuses_in_one_line_with_the_true_reason(entry: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "out.tflite"
    done = run_command("rnn-convert", weights_of(entry), "-o", output)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert REASONS[entry["name"]] in line
    assert not list(tmp_path.iterdir())
