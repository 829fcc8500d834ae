"""A folder of JSON files beside weights of twelve classes: their contents, encodings and names.

A wrong success is a vocab that is no vocab of these weights by Python's json and textgenrnn's rules
(as many keys, or entries, as there are classes less one, and ids within them); a choice between two
different ones whose names fit equally, or of the one whose name fits worse; or a config value that
is not what the file says. How well a name fits is written down here name by name.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from convert.files.sidecars import Sidecars, find_sidecars
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked
from tests.helpers.checkpoints import small_network, small_vocab

NEEDS = ()

NETWORK = small_network()
CLASSES = NETWORK.classes
BASE = small_vocab(CLASSES)

WEIGHTS: dict[str, dict[str, float]] = {
    # Weights, and what their vocab may be called: the higher the number, the better the name.
    "poem_weights.hdf5": {
        "poem_vocab.json": 9, "POEM_Vocab.json": 8, "Poem_vocab.JSON": 8,
        "poem_model_vocab.json": 6,
        "poem_final_vocab.json": 4, "poem-2_vocab.json": 4, "textgenrnn_vocab.json": 1,
        "prose_vocab.json": 0, "tokens.json": 0, "poem_vocab (1).json": 0,
    },
    "poem_weights (1).hdf5": {
        "poem_vocab (1).json": 9, "poem_vocab.json": 7, "poem_vocab (2).json": 0,
        "poem_final_vocab.json": 4, "textgenrnn_vocab.json": 1, "a.json": 0,
    },
    "poem_final.weights.h5": {
        "poem_final_vocab.json": 9, "POEM_FINAL_VOCAB.JSON": 8, "poem_final_model_vocab.json": 6,
        "poem_vocab.json": 3, "poem_final_2_vocab.json": 4, "poem_two_vocab.json": 1,
        "textgenrnn_vocab.json": 1, "other.json": 0, "b_vocab.json": 0,
    },
    "caf\udce9.keras": {
        "caf\udce9_vocab.json": 9, "textgenrnn_vocab.json": 1, "\x1b[2J_vocab.json": 0, "x.json": 0,
    },
}  # fmt: skip
ENCODINGS = ("utf-8",) * 6 + ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251")
STRANGE: tuple[Any, ...] = (
    0, -1, 12, 11, 1.0, 1.5, 1e308, "1", None, True, [], {}, {"a": 1}, 2**70, float("nan"), 10**300,
)  # fmt: skip
TOKENS = ("", "\0", "\x1b[2J", "\ud800", "😀", "word", "<s>", "a" * 5000, "{", "[", '"', "\\", "ж")
CONFIG = {
    "name": "x", "max_length": 9, "word_level": False, "rnn_layers": 2, "rnn_size": 5,
    "rnn_bidirectional": False, "dim_embeddings": 6, "max_words": 100,
}  # fmt: skip
VALUES: tuple[Any, ...] = (
    *STRANGE, "40", " 40 ", "40.0", 40.0, 40.5, "true", "False", "maybe", 10_001, "٤٠", "4_0",
    "1e3",
    "0x10", "\x1b[2J", "inf", "-5",
)  # fmt: skip
RAW = (
    b"", b" ", b"{}", b"[]", b"null", b"[" * 100_000, b"{" * 100_000, b'{"a":' * 100_000,
    b"[[]," * 100_000, b"\0" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b"version https://git-lfs\n",
    b"<!doctype html>", b"\x1f\x8b\x08", b'{"a": 1', b'"', b'"\\', b"{" + b'"a":1,' * 100_000,
    b'{"a":' + b"9" * 5000 + b"}", b"{" + b'"\\' * 30_000,
)  # fmt: skip


class _Sidecars:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "case"

    def run(self, number: int) -> Outcome:
        random = Random(number)
        weights, ranks = random.choice(list(WEIGHTS.items()))
        names = random.sample(list(ranks), random.choice((1, 1, 2, 2, 3, len(ranks))))
        different = random.random() < 0.5
        files = {name: _vocab(random, different=different) for name in names}
        for name in names:
            if random.random() < 0.5:
                files[name.replace("vocab", "config").replace("VOCAB", "CONFIG")] = _config(random)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for name, content in files.items():
            (self._folder / name).write_bytes(content)
        for name in ("a_pipe.json", "poem_pipe_vocab.json"):
            if random.random() < 0.1:
                os.mkfifo(self._folder / name)
        given = random.choice(names) if random.random() < 0.1 else None
        path = self._folder / weights

        def read() -> None:
            vocab_path = self._folder / given if given else None
            found = find_sidecars(path, NETWORK, vocab_path)
            chosen = _check_vocab(found, files)
            if not given:
                _check_choice(chosen, files, ranks)
            _check_config(found, files, chosen)

        verdict, what = read_forked(read, sum(map(len, files.values())))
        kept = {name.encode("utf-8", "replace").decode(): files[name] for name in files}
        return Outcome(verdict, f"{weights!a} {sorted(files)!a}: {what}", kept)


def _by_python(content: bytes) -> dict[str, int] | None:
    """Return the vocab in a file by Python's json, if it is one of twelve classes."""
    entries: list[list[str]] = []
    nested: list[Any] = []

    def count(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries.append([key for key, _ in pairs])
        nested.extend(value for _, value in pairs if isinstance(value, (list, dict)))
        return dict(pairs)

    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        vocab = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=count)
    except (ValueError, RecursionError):
        return None
    if not isinstance(vocab, dict) or not vocab or nested:
        return None  # also where a repeated key hides it: no vocab was ever written so
    if any(isinstance(i, bool) or not isinstance(i, (int, float)) for i in vocab.values()):
        return None
    if any(i != i or i in (float("inf"),) or int(i) != i for i in vocab.values()):
        return None
    keys = entries[-1]
    fits = CLASSES - 1 in (len(vocab), len(keys))
    alone = [i for key, i in vocab.items() if keys.count(key) == 1]
    within = all(1 <= i < CLASSES for i in vocab.values())
    return vocab if fits and within and len(alone) == len(set(alone)) else None


def _check_vocab(found: Sidecars, files: Mapping[str, bytes]) -> str:
    name = next(iter(found.sha256))
    vocab = _by_python(files[name])
    if vocab is None:
        raise WrongSuccess(f"{name} is no vocab of these weights")
    if list(found.vocab.items()) != list(vocab.items()):
        raise WrongSuccess(f"{name} is not what Python reads")
    return name


def _check_choice(chosen: str, files: Mapping[str, bytes], ranks: Mapping[str, float]) -> None:
    for name, rank in ranks.items():
        if name == chosen or name not in files or rank < ranks[chosen]:
            continue
        other = _by_python(files[name])
        if other is None or any("\ud800" <= c <= "\udfff" for token in other for c in token):
            continue
        if rank > ranks[chosen]:
            raise WrongSuccess(f"{chosen} was taken, and {name} fits better")
        if other != _by_python(files[chosen]):
            raise WrongSuccess(f"{chosen} was taken, and {name} fits as well")


def _check_config(found: Sidecars, files: Mapping[str, bytes], vocab: str) -> None:
    names = [name for name in found.sha256 if name != vocab]
    said = {}
    if names:
        content = files[names[0]]
        text = content.decode(json.detect_encoding(content))
        said = json.loads(text.removeprefix("\ufeff") or "{}")
    length = said.get("max_length")
    if found.config.max_length != (40 if length is None else float(length)):
        raise WrongSuccess(f"max_length {found.config.max_length}, not {length!r}")
    words = said.get("word_level")
    expected = any(len(token) > 1 for token in found.vocab if token != "<s>")
    if words is not None:
        expected = words in (True, 1, "1") or str(words).strip().lower() == "true"
    if found.config.word_level is not expected:
        raise WrongSuccess(f"word_level {found.config.word_level}, not {words!r}")


def _vocab(random: Random, *, different: bool) -> bytes:
    if random.random() < 0.08:
        return random.choice(RAW)
    pairs: list[tuple[str, Any]] = list(BASE.items())
    if different:
        tokens = [token for token, _ in pairs]
        random.shuffle(tokens)
        pairs = [(token, number) for number, token in enumerate(tokens, 1)]
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        at = random.randrange(len(pairs))
        token, number = pairs[at]
        change = random.randrange(7)
        if change == 0:
            pairs[at] = (token, random.choice(STRANGE))
        elif change == 1:
            pairs[at] = (random.choice(TOKENS), number)
        elif change == 2:
            pairs.insert(random.randrange(len(pairs)), (token, random.choice(pairs)[1]))
        elif change == 3:
            pairs.append((random.choice(pairs)[0], random.choice(pairs)[1]))
        elif change == 4:
            pairs[at] = (random.choice(pairs)[0], number)
        elif change == 5:
            del pairs[at]
        else:
            random.shuffle(pairs)
    members = ", ".join(f"{json.dumps(token)}: {json.dumps(value)}" for token, value in pairs)
    text = f"{{{members}}}"
    if random.random() < 0.3:
        text = json.dumps(dict(pairs), ensure_ascii=False, indent=random.choice((None, 4)))
    return _encoded(text, random)


def _config(random: Random) -> bytes:
    if random.random() < 0.08:
        return random.choice(RAW)
    members: dict[str, Any] = dict(CONFIG)
    for _ in range(random.choice((0, 1, 1, 2))):
        members[random.choice(list(members))] = random.choice(VALUES)
    if random.random() < 0.3:
        del members[random.choice(list(members))]
    return _encoded(json.dumps(members, ensure_ascii=random.random() < 0.5), random)


def _encoded(text: str, random: Random) -> bytes:
    encoding = random.choice(ENCODINGS)
    if encoding == "cp1251":
        return text.encode(encoding, "replace")
    marked = "\ufeff" + text if encoding == "utf-8-sig" else text
    content = marked.encode(encoding.removesuffix("-sig"), "surrogatepass")
    if random.random() < 0.05:
        at = random.randrange(len(content) + 1)
        content = content[:at] + random.randbytes(random.choice((0, 1))) + content[at + 1 :]
    return content


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Sidecars]:
    """Make folders of JSON files, and look in them for the vocab and config of weights."""
    yield _Sidecars(folder)
