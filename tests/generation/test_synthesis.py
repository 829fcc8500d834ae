"""Texts of several models: textgenrnn's turns, and an end to each text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import SamplingParams, TextGenerator, UsageError, synthesize, synthesize_to_file
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.reference import window_probabilities
from pi_runtime.generation.defaults import SYNTHESIS_SCHEDULE
from pi_runtime.generation.random_stream import RandomStream, random_stream
from pi_runtime.generation.sampling import sample
from pi_runtime.generation.synthesis import OPTIONS, synthesized
from pi_runtime.model.network import Network
from pi_runtime.model.vocabulary import Vocabulary, clean_up, space_punctuation
from tests.helpers.checkpoints import config_of, small_network, small_vocab
from tests.helpers.texts import LENGTH, NETWORK, reference_generator

CLASSES = 20
WORDS = ["tea", "eat", "a", "stone", ",", ".", "'", '"', "on", "note"]


class Model:
    """A generator, and the parts of it that textgenrnn's loop reads."""

    def __init__(
        self, seed: int, *, words: bool = False, single: bool = False, window: int = 8
    ) -> None:
        ids = small_vocab(CLASSES, single_text=single)
        if words:
            tokens = list(dict.fromkeys([*WORDS, *ids]))[: CLASSES - 1]
            ids = {token: at for at, token in enumerate(tokens[:-1], 1)}
            ids["x" if single else "<s>"] = CLASSES - 1
        self.network: Network = small_network(seed, classes=CLASSES)
        self.vocabulary = Vocabulary(ids, CLASSES, word_level=words)
        self.window = window
        self.generator = TextGenerator(
            numpy_backend(self.network, window),
            self.vocabulary,
            config_of(self.network, window, word_level=words),
        )


def textgenrnn_turn(
    model: Model,
    text: str,
    temperature: Sequence[float],
    limit: int,
    stops: Sequence[str],
    random: RandomStream,
) -> tuple[str, bool]:
    """`textgenrnn_generate(synthesize=True)`, spelled out: a whole window for every token."""
    known = model.vocabulary
    words = space_punctuation(text).lower().split()
    tokens = ["<s>", *(words if known.word_level else text)]
    end = False
    while not end and len(tokens) < limit:
        ids = [known.id(token) for token in tokens[-model.window :]]
        window = np.array([[0] * (model.window - len(ids)) + ids])
        (probabilities,) = window_probabilities(model.network, window)
        at = temperature[(len(tokens) - 1) % len(temperature)]
        token = known.token(sample(probabilities, at, random))
        tokens.append(token)
        end = token == "<s>" or len(tokens) >= limit
        if token in stops or known.word_level or not stops:
            break
    tokens = tokens[1:]
    if "<s>" in tokens:
        tokens.remove("<s>")
    return (clean_up(" ".join(tokens)) if known.word_level else "".join(tokens)), end


def textgenrnn_synthesize(
    models: list[Model],
    seed: int,
    prefix: str = "",
    temperature: Sequence[float] = SYNTHESIS_SCHEDULE,
    max_gen_length: int = 300,
    stop_tokens: Sequence[str] = (" ", "\n"),
) -> str:
    """`synthesize` after `random.seed(seed)` and `numpy.random.seed(seed)`."""
    shuffled = list(models)
    Random(seed).shuffle(shuffled)
    random, text, end, turn = random_stream(seed), prefix, False, 0
    while not end:
        model = shuffled[turn % len(shuffled)]
        text, end = textgenrnn_turn(model, text, temperature, max_gen_length, stop_tokens, random)
        turn += 1
    return text


def generators(models: list[Model]) -> list[TextGenerator]:
    return [model.generator for model in models]


CHARACTERS = [Model(1), Model(2), Model(3, window=5)]
WORD_MODELS = [Model(4, words=True), Model(5, words=True, window=3)]


@pytest.mark.parametrize(
    "models",
    [CHARACTERS[:1], CHARACTERS[:2], CHARACTERS, WORD_MODELS, [CHARACTERS[0], WORD_MODELS[0]]],
    ids=["one", "two", "three", "words", "characters and words"],
)
@pytest.mark.parametrize("prefix", ["", "eat a", "Eat, tea! " * 2])
def test_a_text_is_textgenrnns(models: list[Model], prefix: str) -> None:
    found = set()
    for seed in range(8):
        options: dict[str, Any] = {"temperature": [1.0, 0.6], "max_gen_length": 40}
        expected = textgenrnn_synthesize(models, seed, prefix, **options)
        assert synthesize(generators(models), 1, prefix, seed=seed, **options) == [expected]
        found.add(expected)
    assert len(found) > 1


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    chosen=st.lists(st.sampled_from([*CHARACTERS, *WORD_MODELS]), min_size=1, max_size=4),
    prefix=st.text("eat ,.'", max_size=12),
    temperature=st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.0]), min_size=1, max_size=3),
    stop_tokens=st.lists(st.sampled_from(["e", "t", " ", "tea"]), max_size=3),
)
def test_any_models_take_textgenrnns_turns(
    seed: int,
    chosen: list[Model],
    prefix: str,
    temperature: list[float],
    stop_tokens: list[str],
) -> None:
    arguments = (prefix, temperature, 30, stop_tokens)
    expected = textgenrnn_synthesize(chosen, seed, *arguments)
    assert synthesize(generators(chosen), 1, *arguments, seed=seed) == [expected]


def test_the_defaults_are_textgenrnns() -> None:
    expected = textgenrnn_synthesize(CHARACTERS, 3)
    assert synthesize(generators(CHARACTERS), seed=3) == [expected]


def test_the_order_of_the_models_is_drawn_for_each_text() -> None:
    """With different first letters, a text tells which model began."""
    only = [reference_generator(vocab={letter: 1}) for letter in "ab"]
    texts = synthesize(only, 40, max_gen_length=10, temperature=0.0, stop_tokens=[], seed=0)
    assert {text[:4] for text in texts} == {"abab", "baba"}


def test_a_text_depends_on_its_number_not_on_how_many_there_are() -> None:
    options: dict[str, Any] = {"temperature": 1.0, "max_gen_length": 20, "seed": 5}
    many = synthesize(generators(CHARACTERS), 9, **options)
    assert many[:4] == synthesize(generators(CHARACTERS), 4, **options)
    assert len(set(many)) > 1


def test_without_a_seed_texts_differ() -> None:
    found = {synthesize(generators(CHARACTERS), temperature=1.0)[0] for _ in range(8)}
    assert len(found) > 1


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("prefix", ["", "eat a"])
def test_a_single_text_model_keeps_what_textgenrnn_cuts_off_in_each_turn(
    words: bool, prefix: str
) -> None:
    models = [Model(6, single=True, words=words), Model(7, single=True, words=words)]
    for seed in range(5):
        (text,) = synthesize(generators(models), 1, prefix, 1.0, 30, seed=seed)
        assert text.startswith(prefix)
        if not words:
            assert 30 + LENGTH - 1 <= len(text) <= 30 + LENGTH


def test_single_text_models_go_on_where_others_may_not() -> None:
    mixed = [Model(6, single=True).generator, reference_generator()]
    lengths = {len(text) for text in synthesize(mixed, 20, None, 2.0, 20, seed=1)}
    assert max(lengths) <= 20 + LENGTH


def test_a_prefix_longer_than_the_limit_is_the_text() -> None:
    """textgenrnn would let the models take turns for ever."""
    assert synthesize(generators(CHARACTERS), 2, "eaton", max_gen_length=4) == ["eaton"] * 2


@pytest.mark.timeout(120)
def test_words_that_are_nothing_but_line_breaks_come_to_an_end() -> None:
    """textgenrnn loses a line break before the next word, and would not end."""
    vocabulary = {"\n": 1, "<s>": 19}
    silent = reference_generator(vocab=vocabulary, word_level=True)
    params = SamplingParams(temperature=0.0, max_gen_length=50, min_length=10**6)
    found = [drawn.text for drawn in synthesized([silent], 1, seed=0, params=params)]
    assert found == ["\n"]


def test_options_of_single_draws_count_for_every_model() -> None:
    params = SamplingParams(1.0, 40, forbid="eta ", top_k=5)
    texts = synthesize(generators(CHARACTERS), 5, seed=1, params=params)
    assert not set("eta ") & set("".join(texts))
    assert any(texts)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("finish_sentence", True),
        ("skip_fragment", True),
        ("unescape", True),
        ("max_words", 3),
        ("stop_at", ("a",)),
    ],
)
def test_options_of_one_models_text_are_refused(option: str, value: object) -> None:
    assert option not in OPTIONS
    params = SamplingParams(**{option: value})  # type: ignore[arg-type] # of any option
    with pytest.raises(UsageError, match=f"^{option} has no use in synthesize – leave it out"):
        synthesize(generators(CHARACTERS), params=params)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"generators": []}, "generators are not TextGenerators – give a list of at least one"),
        ({"generators": ["colab.tflite"]}, "generators are not TextGenerators – "),
        ({"n": 0}, "n is 0 – give a whole number from 1 to "),
        ({"prefix": ["a"]}, r"prefix is \['a'\] – give a string"),
        ({"seed": -1}, "seed is -1 – "),
        ({"stop_tokens": " "}, "stop_tokens is ' ' – give a list of strings"),
        ({"max_gen_length": 0}, "max_gen_length is 0 – "),
        ({"params": SamplingParams(), "temperature": 1.0}, "params and temperature or "),
        ({"params": 0.5}, "params is float – give a SamplingParams"),
        ({"params": SamplingParams(allow="☃")}, "allow leaves no token that the model knows – "),
    ],
)
def test_arguments_that_cannot_be_right(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=f"^{says}"):
        synthesize(**{"generators": generators(CHARACTERS), **arguments})


def test_a_file_has_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    options: dict[str, Any] = {"prefix": "ea", "max_gen_length": 12, "seed": 2}
    models = generators(CHARACTERS)
    synthesize_to_file(models, path, 4, stop_tokens=["e"], **options)
    expected = synthesize(models, 4, stop_tokens=["e"], **options)
    assert path.read_text("utf-8") == "".join(f"{text}\n" for text in expected)


def test_the_networks_of_the_tests_are_different_ones() -> None:
    assert not np.array_equal(CHARACTERS[0].network.embedding, NETWORK.embedding)
    assert len({synthesize([each.generator], seed=0)[0] for each in CHARACTERS}) == 3
