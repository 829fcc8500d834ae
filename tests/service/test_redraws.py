"""A service whose texts are drawn again: what its settings reject, nobody hears."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import run_command
from tests.helpers.service import QUIET, needs_espeak, running

pytestmark = needs_espeak


def test_what_its_settings_reject_holds_for_every_text(tmp_path: Path, model: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("e\nt\n", "utf-8")
    options = {
        "n": 20, "seed": 5, "temperature": [1.0], "max_gen_length": 15, "finish_sentence": False,
    }  # fmt: skip
    with running(tmp_path, model, *QUIET, "--reject", "q", "--reject", words) as service:
        texts = service.ask("generate", **options)["texts"]
    plain = TextGenerator.load(model, "numpy")
    reject = ("q", r"(?i)(?<!\w)(?:e|t)(?!\w)")
    params = SamplingParams(1.0, 15, reject=reject)
    assert texts == plain.generate(20, seed=5, params=params)
    assert texts != plain.generate(20, seed=5, temperature=1.0, max_gen_length=15)


def test_it_goes_on_behind_a_text_that_was_never_accepted(tmp_path: Path, model: Path) -> None:
    argv = ("--engine", "espeak-ng", "--backend", "numpy", "--interval", "1s", "--seed", 3)
    with running(tmp_path, model, *argv, "--reject", "^", "--tries", 2) as service:
        for _ in range(2):
            service.wait_log("text 0 was drawn 2 times, and rejected each time")
        assert service.ask("status")["trouble"] == ""


def test_settings_that_a_model_cannot_meet_are_refused(tmp_path: Path, model: Path) -> None:
    done = run_command("rnn-speakd", model, *QUIET, "--original", 20, "--socket", tmp_path / "s")
    assert done.returncode == 2
    assert "this model does not know its training text" in done.stderr


@pytest.mark.parametrize("original", [0, 20])
def test_a_client_may_ask_for_originality(tmp_path: Path, model: Path, original: int) -> None:
    options = {"seed": 5, "temperature": [0.7], "max_gen_length": 60, "finish_sentence": False}
    plain = TextGenerator.load(model, "numpy")
    copied = plain.generate(10, seed=5, temperature=0.7, max_gen_length=60)
    path = tmp_path / "known.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20), texts=copied))
    with running(tmp_path, path, *QUIET) as service:
        texts = service.ask("generate", n=10, original=original, tries=500, **options)["texts"]
    assert (texts == copied) == (original == 0)
    assert original == 0 or not set(texts) & set(copied)
