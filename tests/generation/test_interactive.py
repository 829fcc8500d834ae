"""A text written together with the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.generation.interactive import InteractiveText
from tests.helpers.checkpoints import small_vocab
from tests.helpers.texts import reference_generator


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from([*small_vocab(20)][:-1]), st.none()), max_size=30),
    st.sampled_from([None, "eat", "eatonisrhl" * 2]),
    st.booleans(),
)
def test_a_token_taken_back_leaves_no_trace(
    steps: list[str | None], prefix: str | None, single_text: bool
) -> None:
    texts = reference_generator(single_text=single_text)
    text = InteractiveText(texts, prefix)
    written: list[str] = []
    for step in steps:
        if step is None:
            assert text.undo() == bool(written)
            del written[-1:]
        else:
            text.add(step)
            written.append(step)
    fresh = InteractiveText(texts, prefix)
    for token in written:
        fresh.add(token)
    assert text.text == fresh.text == (prefix or "") + "".join(written)
    assert text.options(20) == fresh.options(20)


@pytest.mark.parametrize("single_text", [False, True])
@pytest.mark.parametrize("prefix", [None, "eat", "eatonisrhl" * 2])
def test_the_likeliest_option_is_what_is_generated_cold(
    prefix: str | None, single_text: bool
) -> None:
    texts = reference_generator(single_text=single_text)
    (expected,) = texts.generate(prefix=prefix or "e", temperature=0, max_gen_length=30, seed=0)
    text = InteractiveText(texts, prefix or "e")
    while len(text.text) < len(expected):
        text.add(text.options(1)[0])
    assert text.text == expected


def test_options_are_the_likeliest_tokens_in_order() -> None:
    texts = reference_generator()
    every = InteractiveText(texts).options(99)
    session = texts.backend.session()
    (probabilities,) = session.step([texts.vocabulary.id("<s>")])
    order = np.argsort(-probabilities, kind="stable").tolist()
    assert every == [texts.vocabulary.token(token_id) for token_id in order if token_id]
    assert "<s>" in every
    assert InteractiveText(texts).options(3) == every[:3]


def test_options_are_tokens_that_the_vocabulary_has() -> None:
    vocab = small_vocab(20)
    del vocab["e"], vocab["a"]
    text = InteractiveText(reference_generator(vocab=vocab))
    assert sorted(text.options(99)) == sorted(vocab)


def test_a_text_of_ones_own_is_cut_into_tokens() -> None:
    whole, by_token = (InteractiveText(reference_generator(), "e") for _ in range(2))
    whole.write("at on")
    for token in "at on":
        by_token.add(token)
    assert whole.text == by_token.text == "eat on"
    assert whole.options(20) == by_token.options(20)


def test_an_unknown_token_is_kept_and_read_as_unknown() -> None:
    text = InteractiveText(reference_generator())
    text.write("жQ")
    assert text.text == "жQ"
    assert text.options(3)


def test_the_end_mark_is_for_the_caller_to_act_on() -> None:
    """`options` names it; a text to which it is added goes on, and it can be taken back."""
    texts = reference_generator()
    text = InteractiveText(texts, "e")
    text.write("at")
    before = text.options(20)
    text.add("<s>")
    assert text.text == "eat<s>"
    text.add("o")
    assert text.text == "eat<s>o"
    session = texts.backend.session()
    for token in ["<s>", *"eat", "<s>", "o"]:
        (probabilities,) = session.step([texts.vocabulary.id(token)])
    assert text.options(1) == [texts.vocabulary.token(1 + int(probabilities[1:].argmax()))]
    assert text.undo()
    assert text.undo()
    assert (text.text, text.options(20)) == ("eat", before)


def test_words_are_joined_by_textgenrnns_rules() -> None:
    text = InteractiveText(reference_generator(word_level=True), "e a")
    text.write("t, o")
    assert text.text == "e a t, o"


def test_the_prefix_cannot_be_taken_back() -> None:
    text = InteractiveText(reference_generator(), "eat")
    assert not text.undo()
    text.add("o")
    assert text.undo()
    assert not text.undo()
    assert text.text == "eat"


def test_several_at_once_do_not_disturb_each_other() -> None:
    texts = reference_generator()
    one, other = InteractiveText(texts, "e"), InteractiveText(texts, "a")
    for token in "tonis":
        one.add(token)
        other.add(token)
    texts.generate(3, seed=1)
    alone = InteractiveText(texts, "e")
    alone.write("tonis")
    assert one.text == alone.text == "etonis"
    assert one.options(20) == alone.options(20)
