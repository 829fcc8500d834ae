"""What a damaged or hostile model file provokes: one sentence, and nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.errors import ModelFileError
from pi_runtime.model.file import ModelFile
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.model_files import members, rebuilt

GOOD = packed_model(small_network())
WITH_NGRAMS = packed_model(small_network(), texts=["to be, or not to be: that is the question"])
NGRAMS = members(WITH_NGRAMS)[1]["ngrams.bin"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(GOOD)
    return path


def read_all(model: ModelFile) -> None:
    model.golden()
    model.network()
    model.ngrams()


def refusal(path: Path) -> str:
    """Read all of a model that must be refused; return the one line that says why."""
    with pytest.raises(ModelFileError) as caught:
        read_all(ModelFile(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_empty_folder_and_other_files(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.tflite")
    assert "is a directory" in refusal(tmp_path)
    path = tmp_path / "m"
    path.write_bytes(b"")
    assert "it has 0 bytes" in refusal(path)
    path.write_bytes(members(GOOD)[0])
    assert "not a zip file" in refusal(path).lower()


def test_another_format_version(path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    documents["manifest.json"]["format_version"] = 99
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert "format version 99, this package reads 1 and 2" in refusal(path)


@pytest.mark.parametrize("version", [0, 3, True, 1.0, "1", None, [1]])
def test_what_is_no_format_version(version: Any, path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    documents["manifest.json"]["format_version"] = version
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert "this package reads 1 and 2" in refusal(path)


@pytest.mark.parametrize(("content", "version"), [(GOOD, 2), (WITH_NGRAMS, 1)])
def test_a_format_version_with_the_files_of_another(
    content: bytes, version: int, path: Path
) -> None:
    flatbuffer, documents = members(content)
    documents["manifest.json"]["format_version"] = version
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert "its associated files are not those of its format version" in refusal(path)


NGRAM_ATTACKS: dict[str, tuple[bytes, str]] = {
    "none at all": (b"", "a set of n-grams of 0 bytes"),
    "a text": (b"to be, or not to be, that is the question", "of an unknown kind"),
    "cut off": (NGRAMS[:-1], "not as many as they say"),
    "too many": (NGRAMS + b"x", "not as many as they say"),
    "of words": (NGRAMS[:5] + b"\1" + NGRAMS[6:], "its n-grams are of words, its tokens are not"),
    "of one letter": (NGRAMS[:6] + b"\1" + NGRAMS[7:], "its n-grams have 1 units"),
    "of 255 letters": (NGRAMS[:6] + b"\xff" + NGRAMS[7:], "its n-grams have 255 units"),
    "of no probes": (NGRAMS[:7] + b"\0" + NGRAMS[8:], "more than fit in"),
    "of 255 probes": (NGRAMS[:7] + b"\xff" + NGRAMS[8:], "more than fit in"),
    "of 4 billion grams": (NGRAMS[:20] + b"\xff" * 4 + NGRAMS[24:], "more than fit in"),
    "of no bits": (NGRAMS[:12] + bytes(4) + NGRAMS[16:], "no whole bytes"),
    "of 4 billion bits": (NGRAMS[:12] + b"\xf8" + b"\xff" * 3 + NGRAMS[16:], "not as many as"),
    "of 100 MB": (bytes(100 << 20), "ngrams.bin has 104857600 bytes, more than 33554432"),
}


@pytest.mark.parametrize("attack", NGRAM_ATTACKS)
def test_forged_n_grams(attack: str, path: Path) -> None:
    content, reason = NGRAM_ATTACKS[attack]
    flatbuffer, documents = members(WITH_NGRAMS)
    path.write_bytes(rebuilt(flatbuffer, documents | {"ngrams.bin": content}))
    assert reason in refusal(path)


def test_a_changed_flatbuffer(path: Path) -> None:
    content = bytearray(GOOD)
    content[30] ^= 1
    path.write_bytes(content)
    assert "SHA-256" in refusal(path)


def _change(**places: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets members of the documents: `manifest__classes=5`."""

    def change(documents: dict[str, Any]) -> None:
        for dotted, value in places.items():
            document, *way, last = dotted.split("__")
            target = documents[f"{document}.json"]
            for key in way:
                target = target[key]
            target[last] = value

    return change


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "no arrays": _change(manifest__arrays={}),
    "arrays of another kind": _change(manifest__arrays=[1, 2]),
    "an offset behind the end": _change(manifest__arrays__embedding__offset=10**9),
    "a negative offset": _change(manifest__arrays__embedding__offset=-4),
    "an offset that is no number": _change(manifest__arrays__embedding__offset="0"),
    "a huge shape": _change(manifest__arrays__embedding__shape=[10**6, 10**6]),
    "a shape with zero strides": _change(
        manifest__arrays__embedding__shape=[10**5, 10**4],
        manifest__arrays__embedding__strides=[0, 0],
    ),
    "tiny strides over a huge shape": _change(
        manifest__arrays__embedding__shape=[10**5, 10**4],
        manifest__arrays__embedding__strides=[1, 1],
    ),
    "an unknown type": _change(manifest__arrays__embedding__dtype="object"),
    "an array of three axes": _change(
        manifest__arrays__embedding__shape=[2, 6, 6], manifest__arrays__embedding__strides=[4] * 3
    ),
    "strides of another count": _change(manifest__arrays__embedding__strides=[4]),
    "int8 without a scale": _change(manifest__arrays__embedding__dtype="int8"),
    "a scale of int8": _change(
        manifest__arrays__embedding__dtype="int8",
        manifest__arrays__embedding__scale={
            "dtype": "int8",
            "offset": 0,
            "shape": [1],
            "strides": [1],
            "scale": {"dtype": "float32", "offset": 0, "shape": [1], "strides": [4]},
        },
    ),
    "a scale that spreads a column into a huge array": _change(
        manifest__arrays__embedding__dtype="int8",
        manifest__arrays__embedding__shape=[1000, 1],
        manifest__arrays__embedding__strides=[1, 1],
        manifest__arrays__embedding__scale={
            "dtype": "float32",
            "offset": 0,
            "shape": [200],
            "strides": [4],
        },
    ),
    "a scale beyond the end": _change(
        manifest__arrays__embedding__dtype="int8",
        manifest__arrays__embedding__scale={
            "dtype": "float32",
            "offset": 10**8,
            "shape": [1],
            "strides": [4],
        },
    ),
    "another shape": _change(manifest__arrays__embedding__shape=[11, 6]),
    "classes that do not fit": _change(manifest__classes=10**6),
    "a flatbuffer longer than the file": _change(manifest__flatbuffer__length=10**8),
    "a huge window": _change(config__max_length=10**9),
    "classes that are no number": _change(manifest__classes="12"),
    "classes that are a truth value": _change(manifest__classes=True),
    "runtimes that are no list": _change(manifest__runtimes="numpy"),
    "no layers": _change(config__rnn_layers=0),
    "other layers": _change(config__rnn_layers=3),
    "other units": _change(config__rnn_size=6),
    "a config that is text": _change(config__word_level="yes"),
    "an id twice": lambda c: c["vocab.json"].update(zz=1),
    "an id of zero": lambda c: c["vocab.json"].update(zz=0),
    "an id beyond the classes": lambda c: c["vocab.json"].update(zz=99),
    "an id that is a truth value": lambda c: c["vocab.json"].update(e=True),
    "an empty vocab": lambda c: c["vocab.json"].clear(),
    "golden windows of another length": _change(golden__windows=[[1, 2]] * 3),
    "golden ids out of bounds": _change(golden__windows=[[99] * 8] * 3),
    "ragged golden windows": _change(golden__windows=[[1], [1, 2], []]),
    "golden text": _change(golden__probabilities="x"),
    "no golden windows": _change(
        golden__windows=[], golden__probabilities=[], golden__tolerances=[]
    ),
    "JSON nested too deep": lambda c: c.update({"golden.json": "[" * 200_000}),
    "JSON that is not text": lambda c: c.update({"vocab.json": b"\xff\xfe\x00"}),
    "JSON that is a list": lambda c: c.update({"config.json": "[]"}),
    "a member too many": lambda c: c.update({"../../etc/cron.d/x": "x"}),
    "a member too few": lambda c: c.pop("golden.json"),
    "a member of 100 MB": lambda c: c.update({"golden.json": b" " * (100 << 20)}),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_files(attack: str, path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    HOSTILE[attack](documents)
    content = rebuilt(flatbuffer, documents)
    path.write_bytes(content)
    assert str(path) in refusal(path)
    # A model that lies in memory is no better trusted.
    with pytest.raises(ModelFileError, match=r"^the model: not a textgenrnn-pi model, or damaged"):
        read_all(ModelFile.from_bytes(content))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vocab.json", "{}")
    assert "those that belong there" in refusal(path)


@pytest.mark.parametrize("good", [GOOD, WITH_NGRAMS], ids=["version 1", "version 2"])
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_is_one_sentence_or_harmless(
    path: Path, good: bytes, data: st.DataObject
) -> None:
    content = bytearray(good)
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(0, len(content) - 1), "at") :]
    for _ in range(data.draw(st.integers(0, 3), "flips")):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        read_all(ModelFile(path))
    except ModelFileError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["new.keras", "x.weights.h5", "x.zip", "disguised.tflite"])
def test_a_checkpoint_is_named_as_such(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert refusal(path) == f"{path} is a checkpoint, not a model – run: rnn-convert {path}"


@pytest.mark.parametrize("text", ["[" * 900 + "]" * 900, '{"a":' * 5000, "[]," * 5000])
def test_documents_of_more_parts_than_they_need(text: str, path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    path.write_bytes(rebuilt(flatbuffer, documents | {"golden.json": '{"a":[' + text + "]}"}))
    assert "golden.json holds more than any model of this size needs" in refusal(path)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_documents_hold_numbers(text: str, path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    path.write_bytes(
        rebuilt(flatbuffer, documents | {"golden.json": f'{{"tolerances": [{text}]}}'})
    )
    assert f"{text} is no number" in refusal(path)


@pytest.mark.parametrize("escape", [r"\ud83d", r"\uDC00", r"\ud83d\ud83d"])
@pytest.mark.parametrize("name", ["vocab.json", "config.json"])
def test_documents_hold_text(name: str, escape: str, path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    path.write_bytes(rebuilt(flatbuffer, documents | {name: f'{{"{escape}": 1}}'}))
    assert f"{name} holds half of a surrogate pair, which is no text" in refusal(path)


def test_a_pair_of_surrogates_is_text(path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    documents["vocab.json"] = {"\U0001f600": 1}
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert ModelFile(path).vocabulary.ids == {"\U0001f600": 1}


def test_a_flatbuffer_that_reaches_into_the_documents(path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    documents["manifest.json"]["flatbuffer"]["length"] = len(GOOD) - 100
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert "reaches into its associated files" in refusal(path)


def test_more_classes_than_the_file_has_bytes(path: Path) -> None:
    flatbuffer, documents = members(GOOD)
    documents["manifest.json"]["classes"] = 500_000
    path.write_bytes(rebuilt(flatbuffer, documents))
    assert "too small for the classes" in refusal(path)


def test_a_missing_model_and_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "colab.tflite").write_bytes(GOOD)
    assert f"did you mean {tmp_path / 'colab.tflite'}?" in refusal(tmp_path / "colap.tflite")
    assert f"there is {tmp_path / 'colab.tflite'}" in refusal(tmp_path / "x.tflite")
    assert "name a .tflite file" in refusal(tmp_path / "none" / "x.tflite")


def test_a_vocab_and_a_text_are_named_as_such(tmp_path: Path) -> None:
    vocab = tmp_path / "colab_vocab.json"
    vocab.write_text('{"a": 1}')
    assert "is a vocab or config, not a model" in refusal(vocab)
    (tmp_path / "colab_weights.hdf5").write_bytes(b"")
    assert f"run: rnn-convert {tmp_path / 'colab_weights.hdf5'}" in refusal(vocab)
    text = tmp_path / "poems.txt"
    text.write_text("Roses are red")
    assert "is a text, not a model" in refusal(text)
