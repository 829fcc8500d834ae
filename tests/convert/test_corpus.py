"""The texts a network was trained on, from files: as rnn-train reads them, and bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert import corpus
from convert.corpus import ngrams_of, read_corpus
from convert.errors import ConversionError
from pi_runtime.model import ngrams
from pi_runtime.model.vocabulary import Vocabulary
from train.settings import TrainSettings
from train.texts import read_texts

LINES = Vocabulary({"a": 1, "<s>": 2}, 3, word_level=False)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text("ab ж\n\r\ufeff\u2028", max_size=30), min_size=1, max_size=3), st.booleans()
)
def test_it_reads_what_rnn_train_reads(
    tmp_path: Path, contents: list[str], single_text: bool
) -> None:
    paths = [tmp_path / f"{at}.txt" for at in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content.encode())
    texts, _ = read_texts(paths, TrainSettings(line_delimited=not single_text))
    assert read_corpus(paths, single_text=single_text) == texts


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ConversionError) as caught:
        read_corpus([path], single_text=True)
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("single_text", [False, True])
def test_no_file_is_no_corpus(single_text: bool) -> None:
    assert read_corpus([], single_text=single_text) == []


def test_the_byte_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a b.txt"
    assert refused(path, b"abc\xe4") == (
        ": byte 3, 0xe4, is not UTF-8 – "
        f"convert it: iconv -f ENCODING -t UTF-8 '{path}' > utf-8.txt"
    )
    assert ": byte 6, 0xff, is not UTF-8" in refused(path, b"\xef\xbb\xbfabc\xff")
    assert "iconv -f UTF-16 -t UTF-8" in refused(path, "день".encode("utf-16"))
    assert refused(path, b"a\0b") == " is not a text: it has zero bytes – name a text file"


def test_more_text_than_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text("to be, or not to be")
    monkeypatch.setattr(corpus, "MAX_CORPUS_BYTES", 38)
    assert len(read_corpus(paths, single_text=True)[0]) == 39
    monkeypatch.setattr(corpus, "MAX_CORPUS_BYTES", 37)
    with pytest.raises(ConversionError, match=r"b\.txt: the corpus has more than 0 MB"):
        read_corpus(paths, single_text=True)


def test_more_n_grams_than_a_model_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "MAX_NGRAM_BYTES", 40)
    with pytest.raises(ConversionError, match="the corpus: its n-grams take more than 32 MB"):
        ngrams_of(["the quick brown fox jumps over the lazy dog"] * 2, LINES)


def test_a_pipe_is_read_as_a_shells_process_substitution_is() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"one\ntwo\n")
    os.close(theirs)
    try:
        assert read_corpus([Path(f"/dev/fd/{ours}")], single_text=False) == ["one", "two"]
    finally:
        os.close(ours)
