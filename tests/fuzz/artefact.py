"""Model files whose seals were renewed after something was changed, as a forger would do it.

Changed are bytes and numbers of the graph, weights, the manifest's numbers, the config, tokens,
golden windows and tolerances, n-grams, JSON, and the ZIP. Each mutant is loaded and generates
twenty tokens, in a process of its own.

A wrong success is a mutant that is read, and whose probabilities after any of these tokens are not
finite, or differ from what the definition (`backends/reference`) computes from the file's arrays by
more than ten times the file's own tolerance; that generates text which cannot be written; or whose
n-grams answer what no text can have. So is an error of more than one line, or with control
characters.
"""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pi_runtime.model.ngrams import NgramSet
from pi_runtime.model.vocabulary import Vocabulary
from tests.fuzz.cases import Outcome, Verdict
from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.commands import HAS_TENSORFLOW
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, resealed
from tests.helpers.networks import LENGTH, NETWORKS

NEEDS = ()

Documents = dict[str, Any]
Parts = tuple[bytearray, Documents]


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[ArtefactFuzzer]:
    """Start the process that reads the mutants."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.artefact_reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    ) as reader:
        try:
            yield ArtefactFuzzer(folder, reader)
        finally:
            reader.kill()


def bases(folder: Path) -> list[bytes]:
    """Return small models: real ones if they can be made here, else bare arrays for NumPy."""
    kept = os.environ.get("RNN_TEST_MODELS")
    if not (HAS_TENSORFLOW or kept):
        return [packed_model(small_network())]
    converter = Converter(Path(kept) if kept else folder)
    names = ("forward", "both-ways")
    return [converter.small(f"small-{name}", NETWORKS[name], LENGTH).read_bytes() for name in names]


def mutant(number: int, models: list[bytes]) -> tuple[bytes, str]:
    """Return the mutant of a number, made of one of the models, and how it was made."""
    rng = random.Random(number)
    flatbuffer, documents = members(rng.choice(models))
    mutate = rng.choice(MUTATIONS)
    made = mutate(rng, bytearray(flatbuffer), documents)
    content = made if isinstance(made, bytes) else resealed(bytes(made[0]), made[1])
    return content, mutate.__name__


class ArtefactFuzzer:
    """See `Fuzzer`."""

    def __init__(self, folder: Path, reader: subprocess.Popen[str]) -> None:
        self._path = folder / "mutant.tflite"
        self._bases = bases(folder)
        self._reader = reader

    def run(self, number: int) -> Outcome:
        """See `Fuzzer`."""
        content, how = mutant(number, self._bases)
        self._path.write_bytes(content)
        backend = "numpy" if number % 3 == 2 else "auto"
        assert self._reader.stdin
        assert self._reader.stdout
        self._reader.stdin.write(json.dumps([str(self._path), backend]) + "\n")
        self._reader.stdin.flush()
        verdict, what = json.loads(self._reader.stdout.readline())
        return Outcome(Verdict(verdict), f"{how}: {what}", {"m.tflite": content})


NUMBERS = (0, 1, 2, 3, 7, 8, 64, 255, 256, 2000, 2001, 65_535, 1 << 31, (1 << 31) - 1, -1, -4)


def _number(rng: random.Random) -> int:
    return rng.choice((*NUMBERS, rng.randrange(1 << 32), rng.randrange(100)))


def _structure(flatbuffer: bytearray, documents: Documents) -> list[int]:
    """Return the words of a graph that no array of the network lies upon."""
    taken = bytearray(len(flatbuffer))
    for entry in documents["manifest.json"]["arrays"].values():
        size = 4 if entry["dtype"] == "float32" else 1
        reach = sum((n - 1) * s for n, s in zip(entry["shape"], entry["strides"], strict=True))
        end = entry["offset"] + reach + size
        taken[entry["offset"] : end] = b"\1" * (end - entry["offset"])
    return [at for at in range(0, len(flatbuffer) - 3, 4) if not taken[at]]


def graph_bytes(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    words = _structure(flatbuffer, documents)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        flatbuffer[rng.choice(words) + rng.randrange(4)] ^= rng.randrange(1, 256)
    return flatbuffer, documents


def graph_words(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    words = _structure(flatbuffer, documents)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice(words)
        (old,) = struct.unpack_from("<I", flatbuffer, at)
        new = rng.choice((_number(rng), old + rng.choice((-4, -1, 1, 4, 8))))
        struct.pack_into("<I", flatbuffer, at, new % (1 << 32))
    return flatbuffer, documents


def graph_pieces(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    words = _structure(flatbuffer, documents)
    size = rng.choice((4, 8, 16, 64))
    source, target = rng.choice(words), rng.choice(words)
    flatbuffer[target : target + size] = flatbuffer[source : source + size]
    del flatbuffer[rng.choice((len(flatbuffer), len(flatbuffer), rng.randrange(8, 1000))) :]
    return flatbuffer, documents


def weights(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    entry = rng.choice(list(documents["manifest.json"]["arrays"].values()))
    value = rng.choice(
        (float("nan"), float("inf"), 1e38, -1e38, 1e-40, 0.0, 100.0, rng.gauss(0, 1))
    )
    struct.pack_into("<f", flatbuffer, entry["offset"] + 4 * rng.randrange(4), value)
    if rng.random() < 0.5:
        documents["golden.json"]["tolerances"] = [rng.choice((0.5, 1e308, float("inf")))] * len(
            documents["golden.json"]["tolerances"]
        )
    return flatbuffer, documents


def places(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    arrays = documents["manifest.json"]["arrays"]
    name = rng.choice(list(arrays))
    entry = arrays[name]
    field = rng.choice(("offset", "shape", "strides", "dtype", "swap", "near"))
    if field == "offset":
        entry["offset"] = _number(rng)
    elif field == "near":
        entry["offset"] += rng.choice((-8, -4, 4, 8, 16))
    elif field == "swap":
        other = arrays[rng.choice(list(arrays))]
        entry["offset"], other["offset"] = other["offset"], entry["offset"]
    elif field == "dtype":
        entry["dtype"] = rng.choice(("int8", "float64", "object", 4))
        entry["scale"] = {"dtype": "float32", "offset": 64, "shape": [1], "strides": [4]}
    else:
        axis = rng.randrange(len(entry[field]))
        near = entry[field][axis] + rng.choice((-4, -1, 1, 4))
        entry[field][axis] = rng.choice((_number(rng), near))
        if rng.random() < 0.3:
            entry[field].reverse()
    return flatbuffer, documents


def manifest(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    document = documents["manifest.json"]
    key = rng.choice([*document, "new"])
    document[key] = rng.choice((_number(rng), None, "\x1b[31m", [], {}, "int8", [[[]]], 1e999))
    return flatbuffer, documents


def config(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    document = documents["config.json"]
    key = rng.choice(list(document))
    document[key] = rng.choice((_number(rng), _number(rng), True, "a\x1b[31mb", None, 5.0))
    return flatbuffer, documents


def window(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    length = rng.choice((1, 6, 8, 100, 1000, 2000, 10_000))
    documents["config.json"]["max_length"] = length
    golden = documents["golden.json"]
    golden["windows"] = [([0] * length + row)[-length:] for row in golden["windows"]]
    return flatbuffer, documents


def tokens(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    vocabulary = documents["vocab.json"]
    odd = ("\ud800", "a\udfff", "\0", "\x1b[2J", "", "x" * 100_000, "\u202e", "[", ",", "\n", '"')
    for _ in range(rng.choice((1, 3, len(vocabulary)))):
        old = rng.choice(list(vocabulary))
        token_id = vocabulary.pop(old)
        new = rng.choice(odd) + rng.choice(("", "1", "22"))
        vocabulary[new] = rng.choice((token_id, token_id, token_id, _number(rng)))
    return flatbuffer, documents


def golden(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    document = documents["golden.json"]
    count = len(document["tolerances"])
    what = rng.randrange(5)
    if what == 0:
        value = rng.choice((float("inf"), float("nan"), -1.0, 0.0, 0.4, 0.5, 1e9, "0", None))
        document["tolerances"] = [value] * count
    elif what == 1:
        row = rng.choice(document["probabilities"])
        row[rng.randrange(len(row))] = rng.choice((float("nan"), 1.0, -1.0, 0.0, [], 1e999))
    elif what == 2:
        row = rng.choice(document["windows"])
        row[rng.randrange(len(row))] = rng.choice((_number(rng), True, 1.0, [1], 10**400))
    elif what == 3:
        keep = rng.choice((0, 1, count - 1))
        documents["golden.json"] = {key: value[:keep] for key, value in document.items()}
    else:
        documents["golden.json"] = {key: value * 6 for key, value in document.items()}
    return flatbuffer, documents


def ngrams(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    vocabulary = Vocabulary(documents["vocab.json"], 10**6, word_level=rng.random() < 0.2)
    lines = ["".join(rng.choices("eatonisrhldu ", k=rng.randrange(60))) for _ in range(20)]
    content = bytearray(NgramSet.of([*lines, "e"], vocabulary).to_bytes())
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        what = rng.randrange(5)
        if what == 0:
            content[rng.randrange(len(content))] = rng.choice((0, 1, 2, 10, 255))
        elif what == 1:
            content[rng.randrange(28)] = rng.randrange(256)
        elif what == 2:
            struct.pack_into("<I", content, 12 + 4 * rng.randrange(4), _number(rng) % (1 << 32))
        elif what == 3:
            content[28:] = rng.choice((b"\0", b"\xff")) * (len(content) - 28)
        else:
            at = rng.randrange(28, len(content))
            content[at : at + rng.choice((0, 1, 8))] = bytes(rng.choice((0, 1, 8, 33 << 20)))
        if len(content) < 29:
            break
    documents["ngrams.bin"] = bytes(content)
    documents["manifest.json"]["format_version"] = rng.choice((2, 2, 2, 2, 1, 3))
    return flatbuffer, documents


def text(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> Parts:
    name = rng.choice(list(documents))
    written = json.dumps(documents[name])
    bombs = (
        '{"a":' + "[" * 100_000,
        '{"a":[' + "[]," * 3_000_000 + "[]]}",
        '{"a":' + "9" * 100_000 + "}",
        '{"a":"' + "\\ud800" * 10 + '"}',
        '{"a":"' + "x" * (30 << 20) + '"}',
        written[: rng.randrange(len(written))],
        written + " " * 100_000,
        written.replace(",", ",,", 1),
        written[:-1] + "," + written[1:],
        written.replace("1", "NaN", 1),
        written.replace(":", ":\x00", 1),
        "\ufeff" + written,
        "[]",
        "",
    )
    documents[name] = rng.choice(bombs)
    return flatbuffer, documents


def archive(rng: random.Random, flatbuffer: bytearray, documents: Documents) -> bytes:
    if rng.random() < 0.3:
        flatbuffer, documents = ngrams(rng, flatbuffer, documents)
    content = bytearray(resealed(bytes(flatbuffer), documents))
    headers = [
        at
        for magic in (b"PK\1\2", b"PK\3\4", b"PK\5\6")
        for at in _found(content, magic, len(flatbuffer))
    ]
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = min(rng.choice(headers) + rng.randrange(50), len(content) - 4)
        how = rng.randrange(4)
        if how == 0:
            content[at] ^= rng.randrange(1, 256)
        elif how == 1:
            struct.pack_into("<I", content, at, _number(rng) % (1 << 32))
        elif how == 2:
            content[at:at] = rng.randbytes(rng.choice((1, 4, 100)))
        else:
            del content[at : at + rng.choice((1, 4, 1000))]
    return bytes(content)


def _found(content: bytearray, magic: bytes, start: int) -> Iterator[int]:
    while (start := content.find(magic, start)) >= 0:
        yield start
        start += 4


Mutation = Callable[[random.Random, bytearray, Documents], Parts | bytes]

MUTATIONS: tuple[Mutation, ...] = (
    *(graph_bytes, graph_bytes, graph_words, graph_words, graph_pieces, weights, places, places),
    *(manifest, config, window, tokens, golden, ngrams, ngrams, text, archive),
)
