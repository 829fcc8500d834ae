"""Texts that are spoken begin and end with a sentence; those that are printed are textgenrnn's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator
from pi_runtime.sentences import split_sentences
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.commands import run_command

TOKENS = ["a", "b", "c", ".", " ", "\\", "n"]
LIMIT = ("--max-gen-length", "30", "--temperature", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single_text model that writes sentences, and \\n for a line break."""
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    network = small_network(classes=len(TOKENS) + 1)
    network.output_bias[0] = -100  # padding, which is no token
    network.output_bias[-2:] = 1
    path.write_bytes(packed_model(network, {t: i for i, t in enumerate(TOKENS, 1)}))
    return path


def spoken(model: Path, folder: Path, *options: object) -> str:
    done = run_command(
        "rnn-speak", model, "--engine", "none", "--wav", folder / "a.wav", *LIMIT, *options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_printed_text_is_textgenrnns_unless_it_is_asked_for(model: Path) -> None:
    texts = TextGenerator.load(model)
    plain = texts.generate(5, seed=3, temperature=1.0, max_gen_length=30)
    done = run_command("rnn-generate", model, *LIMIT, "-n", 5, "--seed", 3, "-0")
    assert done.stdout == "".join(f"{text}\0" for text in plain)
    whole = texts.generate(5, seed=3, params=SamplingParams(1.0, 30, True, True, True))
    options = ("--finish-sentence", "--skip-fragment", "--unescape")
    done = run_command("rnn-generate", model, *LIMIT, "-n", 5, "--seed", 3, "-0", *options)
    assert done.stdout == "".join(f"{text}\0" for text in whole)
    assert any("\n" in text for text in whole)
    assert all(a != b for a, b in zip(plain, whole, strict=True))


def test_speech_has_whole_sentences_unless_it_is_told_not_to(model: Path, tmp_path: Path) -> None:
    texts = TextGenerator.load(model)
    for seed in range(3):
        whole = texts.generate(seed=seed, params=SamplingParams(1.0, 30, True, True, True))[0]
        sentences = "".join(f"{each}\n" for each in split_sentences([whole]))
        assert spoken(model, tmp_path, "--seed", seed) == sentences
        plain = texts.generate(seed=seed, temperature=1.0, max_gen_length=30)[0]
        sentences = "".join(f"{each}\n" for each in split_sentences([plain]))
        options = ("--no-finish-sentence", "--no-skip-fragment", "--no-unescape")
        assert spoken(model, tmp_path, "--seed", seed, *options) == sentences
