"""A vocab and a config belong to weights by proof, whatever they are called."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convert.errors import SidecarError
from convert.files import belonging
from convert.files.sidecars import find_sidecars, stock_vocab
from pi_runtime.model.vocabulary import Vocabulary
from tests.helpers.checkpoints import config_of, small_network, small_vocab, write_sidecars
from tests.helpers.zoo import SHARED

NETWORK = small_network()
VOCAB = small_vocab(12)
CONFIG = config_of(NETWORK, max_length=9)
OTHER = dict(zip("ABCDEFGHIJK", range(1, 12), strict=True))
WORDS = {f"word{i}": i for i in range(1, 12)}
STOCK = small_network(classes=465)


def write_vocab(path: Path, vocab: object) -> None:
    path.write_text(json.dumps(vocab), "utf-8")


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("colab_weights.hdf5", "colab"),
        ("colab.hdf5", "colab_model"),
        ("colab.hdf5", "colab"),
        ("colab_weights_epoch_7.hdf5", "colab"),
        ("my.backup.hdf5", "textgenrnn"),
    ],
)
def test_names_tell_where_to_look_first(tmp_path: Path, weights: str, name: str) -> None:
    write_sidecars(tmp_path, name, VOCAB, CONFIG)
    other = {f"{i}": i for i in range(1, 12)}
    write_vocab(tmp_path / "a_vocab.json", other)
    found = find_sidecars(tmp_path / weights, NETWORK)
    assert found.vocab == VOCAB
    assert found.config.max_length == 9


def test_a_vocab_of_any_name_that_is_the_only_one_to_fit(tmp_path: Path) -> None:
    write_vocab(tmp_path / "tokens.json", VOCAB)
    write_vocab(tmp_path / "w_vocab.json", {"a": 1})
    found = find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert found.vocab == VOCAB
    assert "the only one here whose ids fit" in found.notes[0]


def test_two_that_fit_and_no_name_to_choose_by(tmp_path: Path) -> None:
    write_vocab(tmp_path / "a.json", VOCAB)
    write_vocab(tmp_path / "b.json", {f"{i}": i for i in range(1, 12)})
    with pytest.raises(SidecarError, match=r"a\.json, b\.json all fit – choose one with --vocab"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not JSON"),
        ("[" * 50_000, "it is not a table"),
        ("[1, 2]", "it is not a table"),
        ('{"a": "b"}', "it is not a table"),
        ('{"a": 1, "b": 1}', "it gives one id to two tokens"),
        ('{"a": 1}', "it has 1 tokens, the weights have 12 classes"),
        (json.dumps({str(i): i for i in range(2, 13)}), "its ids are not 1 to 11"),
    ],
)
def test_a_vocab_that_does_not_fit_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "w_vocab.json"
    path.write_text(text, "utf-8")
    with pytest.raises(SidecarError) as beside:
        find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert "12 classes and no vocab beside it fits" in str(beside.value)
    assert f"w_vocab.json does not fit: {reason}" in str(beside.value)
    with pytest.raises(SidecarError, match=reason):
        find_sidecars(tmp_path / "w_weights.hdf5", NETWORK, vocab_path=path)


def test_a_repeated_key_leaves_a_gap(tmp_path: Path) -> None:
    pairs = [(f"t{i}", i) for i in range(1, 11)] + [("t1", 11)]
    text = "{" + ", ".join(f'"{token}": {number}' for token, number in pairs) + "}"
    (tmp_path / "w_vocab.json").write_text(text, "utf-8")
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.vocab["t1"] == 11
    assert 1 not in found.vocab.values()


def test_another_models_config_is_left_alone(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, replace(CONFIG, rnn_layers=4))
    found = find_sidecars(tmp_path / "w_weights.hdf5", NETWORK)
    assert found.config.rnn_layers == 2
    assert found.config.max_length == 40
    assert any("another model's (rnn_layers 4, the weights have 2)" in n for n in found.notes)
    assert any("max_length 40 and character level are assumed" in n for n in found.notes)
    with pytest.raises(SidecarError, match="rnn_layers 4, the weights have 2"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, config_path=tmp_path / "w_config.json")


def test_max_length_as_asked(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, CONFIG)
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK, max_length=17).config.max_length == 17


@pytest.mark.parametrize(
    "length", [0, -1, 10_001, "forty", "4_0", 40.5, 1e300, float("nan"), True, [40]]
)
def test_a_window_out_of_bounds(tmp_path: Path, length: object) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    write_vocab(tmp_path / "w_config.json", {"max_length": length})
    with pytest.raises(SidecarError, match="max_length is"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)


def test_465_classes_and_nothing_that_fits_are_the_stock_model(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, replace(CONFIG, max_length=99))
    found = find_sidecars(tmp_path / "w_weights.hdf5", STOCK)
    assert found.vocab == stock_vocab()
    assert found.config.max_length == 40, "the config beside it is another model's"
    assert any("textgenrnn's stock one" in note for note in found.notes)
    assert found.sha256 == {}


def test_465_classes_with_a_vocab_of_their_own(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", small_vocab(465), config_of(STOCK, max_length=21))
    found = find_sidecars(tmp_path / "w_weights.hdf5", STOCK)
    assert found.vocab != stock_vocab()
    assert found.config.max_length == 21


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared beside the checkout")
def test_the_stock_vocab_is_textgenrnns() -> None:
    assert stock_vocab() == json.loads((SHARED / "stock_vocab.json").read_text("utf-8"))


def pairs_as_json(pairs: list[tuple[str, int]]) -> str:
    return "{" + ", ".join(f"{json.dumps(token)}: {number}" for token, number in pairs) + "}"


def test_a_repeated_key_that_ends_on_the_id_of_another_token(tmp_path: Path) -> None:
    pairs = [(letter, number) for number, letter in enumerate("abcdef", 1)]
    pairs += [("smash", 7), ("g", 8), ("h", 9), ("i", 10), ("<s>", 11), ("smash", 11)]
    (tmp_path / "w_vocab.json").write_text(pairs_as_json(pairs), "utf-8")
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK).vocab
    vocabulary = Vocabulary(found, NETWORK.classes, word_level=True)
    vocab = json.loads(pairs_as_json(pairs))
    indices_char = dict((vocab[c], c) for c in vocab)  # noqa: C402 - as textgenrnn writes it
    assert {i: vocabulary.token(i) for i in range(1, 12) if i in vocabulary} == indices_char
    assert indices_char[11] == "<s>"
    assert 7 not in vocabulary


def test_of_a_repeated_key_only_the_last_value_counts(tmp_path: Path) -> None:
    text = json.dumps(VOCAB).replace("{", '{"e": null, ', 1)
    (tmp_path / "w_vocab.json").write_text(text, "utf-8")
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK).vocab == VOCAB


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode_encoding(tmp_path: Path, encoding: str) -> None:
    vocab = {"ж" if token == "a" else token: number for token, number in VOCAB.items()}
    text = json.dumps(vocab, ensure_ascii=False, indent=4)
    (tmp_path / "w_vocab.json").write_text(text, encoding)
    (tmp_path / "w_config.json").write_text(json.dumps({"max_length": 9}), encoding)
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.vocab == vocab
    assert found.config.max_length == 9


@pytest.mark.parametrize(
    ("weights", "vocab"),
    [
        ("Colab_weights.hdf5", "COLAB_VOCAB.JSON"),
        ("COLAB_WEIGHTS.HDF5", "colab_vocab.json"),
        ("colab_weights.weights.h5", "colab_vocab.json"),
        ("colab.weights.h5", "colab_vocab.json"),
        ("colab.keras", "colab_vocab.json"),
        ("colab.h5", "colab_model_vocab.json"),
        ("colab (1).hdf5", "colab_vocab (1).json"),
        ("colab_weights (1).hdf5", "colab_vocab (1).json"),
        ("colab_weights (1).hdf5", "colab_vocab.json"),
        ("colab_weights(2).hdf5", "colab_vocab (2).json"),
        ("colab_final.hdf5", "colab_vocab.json"),
        ("colab.hdf5", "colab-final_vocab.json"),
    ],
)
def test_a_name_that_fits_is_stronger_than_the_default_one(
    tmp_path: Path, weights: str, vocab: str
) -> None:
    write_vocab(tmp_path / vocab, VOCAB)
    config = {"max_length": 9}
    write_vocab(tmp_path / vocab.replace("vocab", "config").replace("VOCAB", "CONFIG"), config)
    write_vocab(tmp_path / "textgenrnn_vocab.json", OTHER)
    write_vocab(tmp_path / "colab_vocab (7).json", OTHER)
    found = find_sidecars(tmp_path / weights, NETWORK)
    assert found.vocab == VOCAB
    assert found.config.max_length == 9


def test_the_copy_of_the_same_number_comes_first(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", OTHER)
    write_vocab(tmp_path / "w_vocab (1).json", VOCAB)
    assert find_sidecars(tmp_path / "w_weights (1).hdf5", NETWORK).vocab == VOCAB
    assert find_sidecars(tmp_path / "w_weights.hdf5", NETWORK).vocab == OTHER


@pytest.mark.parametrize(
    "names",
    [
        ("poem_one_vocab.json", "poem_two_vocab.json"),
        ("poem_one_vocab.json", "textgenrnn_vocab.json"),
        ("Poem_Final_vocab.json", "POEM_final_vocab.json"),
    ],
)
def test_two_names_that_fit_equally_are_a_question(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name, vocab in zip(names, (VOCAB, OTHER), strict=True):
        write_vocab(tmp_path / name, vocab)
    with pytest.raises(SidecarError, match="all fit") as error:
        find_sidecars(tmp_path / "poem_final.hdf5", NETWORK)
    assert all(name in str(error.value) for name in names)
    assert str(error.value).endswith(" – choose one with --vocab")
    for name in names:  # the same one twice is none
        write_vocab(tmp_path / name, VOCAB)
    assert find_sidecars(tmp_path / "poem_final.hdf5", NETWORK).vocab == VOCAB


@pytest.mark.parametrize("text", ["", " \n", "{}", "\ufeff"])
def test_an_empty_config_is_no_config(tmp_path: Path, text: str) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    (tmp_path / "w_config.json").write_text(text, "utf-8")
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.config.max_length == 40
    assert "config w_config.json is empty" in found.notes


@pytest.mark.parametrize("length", [9, 9.0, "9", " 9 ", "9.0"])
@pytest.mark.parametrize("words", [True, "true", "True", 1, "1"])
def test_numbers_and_flags_as_people_write_them(
    tmp_path: Path, length: object, words: object
) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    config = {
        "max_length": length,
        "word_level": words,
        "rnn_layers": "2",
        "rnn_size": 5.0,
        "rnn_bidirectional": "false",
        "dim_embeddings": None,
    }
    write_vocab(tmp_path / "w_config.json", config)
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.config.max_length == 9
    assert found.config.word_level is True


def test_a_flag_that_says_neither(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    write_vocab(tmp_path / "w_config.json", {"word_level": "maybe"})
    with pytest.raises(SidecarError, match="word_level is 'maybe'"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)


def test_a_word_vocabulary_without_a_config_is_words(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", WORDS)
    write_vocab(tmp_path / "c_vocab.json", VOCAB)
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.config.word_level is True
    assert "word level, since the vocab has tokens of several characters" in found.notes
    assert find_sidecars(tmp_path / "c.hdf5", NETWORK).config.word_level is False
    assert not find_sidecars(tmp_path / "w.hdf5", NETWORK, word_level=False).config.word_level
    write_vocab(tmp_path / "w_config.json", {"word_level": "false"})
    assert not find_sidecars(tmp_path / "w.hdf5", NETWORK).config.word_level
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK, word_level=True).config.word_level


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    weights = tmp_path / os.fsdecode(b"caf\xe9_weights.hdf5")
    write_vocab(tmp_path / os.fsdecode(b"caf\xe9_vocab.json"), VOCAB)
    found = find_sidecars(weights, NETWORK)
    assert found.vocab == VOCAB
    assert found.config.name == "caf\ufffd", "text, as it is written into the model"
    assert all(note.isprintable() for note in found.notes)


def test_what_lies_beside_and_cannot_be_a_vocab_costs_nothing(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    with (tmp_path / "w_data.json").open("wb") as file:  # sparse: two gigabytes of zeros
        file.truncate(2 << 30)
    with (tmp_path / "w_weights_vocab.json").open("wb") as file:
        file.truncate(2 << 30)
    os.mkfifo(tmp_path / "w_pipe.json")
    os.mkfifo(tmp_path / "w_config.json")
    (tmp_path / "w_folder.json").mkdir()
    (tmp_path / "w_link.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "w_loop.json").symlink_to(tmp_path / "w_loop.json")
    (tmp_path / "w_zero.json").symlink_to("/dev/zero")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert find_sidecars(tmp_path / "w_new.hdf5", NETWORK).vocab == VOCAB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_a_fifo_given_as_a_vocab_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SidecarError, match="pipe: it is not a file"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, vocab_path=tmp_path / "pipe")


def test_more_json_files_than_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belonging, "MOST_READ", 200)
    for number in range(30):
        write_vocab(tmp_path / f"{number:02}.json", OTHER)
    with pytest.raises(SidecarError, match=r"are too many to look at – give its vocab with --voc"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK).vocab == VOCAB


def test_control_characters_of_a_name_or_a_file_are_escaped(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w\x1b[2J_vocab.json", VOCAB)
    write_vocab(tmp_path / "w\x1b[2J_config.json", {"rnn_layers": "\x1b]0;"})
    found = find_sidecars(tmp_path / "w\x1b[2J.hdf5", NETWORK)
    assert all(note.isprintable() for note in found.notes)
    assert found.config.name == "w_[2J"


def test_weights_that_say_which_vocab_was_written_with_them(tmp_path: Path) -> None:
    write_sidecars(tmp_path, "w", VOCAB, CONFIG)
    sealed = {
        kind: hashlib.sha256((tmp_path / f"w_{kind}.json").read_bytes()).hexdigest()
        for kind in ("vocab", "config")
    }
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK, sealed=sealed)
    assert "vocab w_vocab.json: written with these weights" in found.notes

    write_vocab(tmp_path / "w_config.json", {"max_length": 3})
    with pytest.raises(SidecarError, match=r"was not written with w\.hdf5 – give it with --config"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, sealed=sealed)
    given = find_sidecars(
        tmp_path / "w.hdf5", NETWORK, config_path=tmp_path / "w_config.json", sealed=sealed
    )
    assert given.config.max_length == 3

    # A training that was cut off: a new vocab beside old weights, of the same size.
    (tmp_path / "w_vocab.json").rename(tmp_path / "kept.json")
    write_vocab(tmp_path / "w_vocab.json", OTHER)
    assert (
        find_sidecars(
            tmp_path / "w.hdf5", NETWORK, max_length=5, sealed={"vocab": sealed["vocab"]}
        ).vocab
        == VOCAB
    ), "the one of another name is that which was written with them"
    (tmp_path / "kept.json").unlink()
    with pytest.raises(SidecarError, match=r"w_vocab\.json belongs to other weights"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, sealed=sealed)
    with pytest.raises(SidecarError, match="belongs to other weights"):
        find_sidecars(
            tmp_path / "w.hdf5", NETWORK, vocab_path=tmp_path / "w_vocab.json", sealed=sealed
        )


UNREADABLE = "/proc/self/mem"
"""A regular file whose first byte not even root can read."""


def test_what_cannot_be_read_is_passed_by(tmp_path: Path) -> None:
    for name in ("w_vocab.json", "w_config.json", "W_vocab.json"):
        (tmp_path / name).symlink_to(UNREADABLE)
    with pytest.raises(SidecarError, match=r"w_vocab\.json does not fit: input/output error"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK)
    write_vocab(tmp_path / "textgenrnn_vocab.json", VOCAB)
    assert find_sidecars(tmp_path / "w.hdf5", NETWORK).vocab == VOCAB
    (tmp_path / "w_vocab.json").unlink()
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert "config w_config.json is not readable" in found.notes
    assert found.config.max_length == 40


@pytest.mark.parametrize("kind", ["vocab_path", "config_path"])
def test_given_files_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    given: dict[str, Any] = {kind: tmp_path / "none.json"}
    with pytest.raises(SidecarError, match=r"none\.json: no such file or directory – give an exi"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, **given)
    given = {kind: tmp_path}
    with pytest.raises(SidecarError, match="not a file"):
        find_sidecars(tmp_path / "w.hdf5", NETWORK, **given)


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    assert belonging.json_files_in(tmp_path / "none", "w_vocab.json") == [
        tmp_path / "none" / "w_vocab.json"
    ]
    with pytest.raises(SidecarError, match="no vocab beside it fits"):
        find_sidecars(tmp_path / "none" / "w.hdf5", NETWORK)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer, not the file"),
        (b" <!DOCTYPE html>", "it is a web page, not the file itself"),
        (b"\x1f\x8b\x08", "it is packed: unpack it first"),
        (b"PK\x03\x04", "it is packed: unpack it first"),
        (b"\xff\xfe{", "it is not JSON in UTF-8, UTF-16 or UTF-32"),
        (b"\xf1{", "it is not JSON in UTF-8, UTF-16 or UTF-32"),
        (b"{}", "it is empty"),
        (b"", "it is empty"),
        (b" " * 100_000, "it is larger than 76 KiB"),
        (b'{"a": [1]}', "it is not a table of tokens and ids"),
        (b'{"a": {"b": 1}}', "it is not a table of tokens and ids"),
        (b'{"a": 1.5}', "it is not a table of tokens and ids"),
        (b'{"a": true}', "it is not a table of tokens and ids"),
        (b'{"a": 1' + b',"b": 2' * 100 + b"}", "it has more tokens than the weights have classes"),
        (b'"{"', "it is not a table of tokens and ids"),
        (b'{"\\ud800": 1, ' + json.dumps(VOCAB)[9:].encode(), "it has half a surrogate pair"),
    ],
)
def test_what_a_vocab_is_instead(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(SidecarError) as error:
        find_sidecars(tmp_path / "w.hdf5", NETWORK, vocab_path=tmp_path / "v")
    assert str(error.value).startswith(f"{tmp_path / 'v'}: {reason}")


def test_ids_as_floats(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", {token: float(i) for token, i in VOCAB.items()})
    vocab = find_sidecars(tmp_path / "w.hdf5", NETWORK).vocab
    assert vocab == VOCAB
    assert all(type(token_id) is int for token_id in vocab.values())


def test_a_config_that_is_none(tmp_path: Path) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    for text, reason in (("{", "not JSON"), ("[1]", "not a table")):
        (tmp_path / "w_config.json").write_text(text)
        with pytest.raises(SidecarError, match=f"w_config.json: {reason} – fix it"):
            find_sidecars(tmp_path / "w.hdf5", NETWORK)


@pytest.mark.parametrize("said", [True, "true", 1, "both"])
def test_a_config_of_another_direction(tmp_path: Path, said: object) -> None:
    write_vocab(tmp_path / "w_vocab.json", VOCAB)
    write_vocab(tmp_path / "w_config.json", {"max_length": 9, "rnn_bidirectional": said})
    found = find_sidecars(tmp_path / "w.hdf5", NETWORK)
    assert found.config.max_length == 40
    assert any("another model's (rnn_bidirectional" in note for note in found.notes)


def test_the_config_named_as_the_weights_are(tmp_path: Path) -> None:
    write_vocab(tmp_path / "tokens.json", VOCAB)
    write_vocab(tmp_path / "w_config.json", {"max_length": 9})
    assert find_sidecars(tmp_path / "w_weights.hdf5", NETWORK).config.max_length == 9
