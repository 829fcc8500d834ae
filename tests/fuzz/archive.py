"""A zip of a checkpoint's three files, as rnn-convert unpacks it.

A wrong success is a file that no member of the zip holds, byte for byte; one outside of the private
folder; a folder left behind; or weights that are not the only ones in the zip.
"""

from __future__ import annotations

import io
import json
import shutil
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from convert.files.archive import is_archive, unpacked
from convert.files.names import WEIGHTS_SUFFIXES
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked
from tests.helpers.archives import member
from tests.helpers.checkpoints import small_vocab

NEEDS = ()

NAMES = (
    "colab_weights.hdf5", "colab_vocab.json", "colab_config.json", "a/colab_weights.hdf5",
    "../x.json", "/etc/x.h5", "a/../../x.hdf5", "..\\x.json", "__MACOSX/._colab_weights.hdf5",
    "._x.hdf5", "x.zip", "COLAB_VOCAB.JSON", "x\x1b[2J.json", "x" * 300 + ".json", "", "/", ".",
    "..", "a/", ".json", "ж.json", "a//b.json", "./colab_vocab.json", "C:\\x.json", "nul",
    "model.weights.h5", "metadata.json", "config.json", "x.keras", "a\0b.json",
)  # fmt: skip
MODES = (0o100644, 0o100644, 0o100644, 0o120777, 0o040755, 0o010644, 0o104755, 0)
NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
LOCAL = (("H", 4), ("H", 6), ("H", 8), ("I", 14), ("I", 18), ("I", 22), ("H", 26), ("H", 28))
CENTRAL = (
    ("H", 4), ("H", 6), ("H", 8), ("H", 10), ("I", 16), ("I", 20), ("I", 24), ("H", 28), ("H", 30),
    ("H", 32), ("H", 34), ("I", 38), ("I", 42),
)  # fmt: skip
END = (("H", 4), ("H", 6), ("H", 8), ("H", 10), ("I", 12), ("I", 16), ("H", 20))


class _Archive:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "colab.zip"

    def run(self, number: int) -> Outcome:
        random = Random(number)
        members = {
            "colab_weights.hdf5": b"\x89HDF\r\n\x1a\n" + random.randbytes(3000),
            "colab_vocab.json": json.dumps(small_vocab(12)).encode(),
            "colab_config.json": b'{"max_length": 9}',
        }
        content = _damaged(_zip(random, members), random)
        self._path.write_bytes(content)
        scratch = self._folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()

        def read() -> object:
            tempfile.tempdir = str(scratch)
            if not is_archive(self._path):
                return "no zip"
            with unpacked(self._path) as weights:
                _check(weights, self._path, scratch)
            return "read"

        verdict, what = read_forked(read, len(content))
        left = sorted(path.name for path in (*scratch.iterdir(), *self._folder.iterdir()))
        if left != ["colab.zip", "scratch"]:
            raise AssertionError(f"{number}: {left} left behind")
        return Outcome(verdict, what, {"colab.zip": content})


def _check(weights: Path, path: Path, scratch: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        held = {_content(archive, info) for info in infos if not info.flag_bits & 1}
    if weights.parent.parent != scratch or list(scratch.iterdir()) != [weights.parent]:
        raise WrongSuccess(f"unpacked into {weights.parent}")
    for file in weights.parent.iterdir():
        if file.is_symlink() or not file.is_file() or file.read_bytes() not in held:
            raise WrongSuccess(f"{file.name} is in no member")
    real = [i for i in infos if "__MACOSX" not in i.filename and "._" not in i.filename]
    if sum(info.filename.lower().endswith(WEIGHTS_SUFFIXES) for info in real) != 1:
        raise WrongSuccess("there are several weights")


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        return b""  # of another member, which is not unpacked


def _zip(random: Random, members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members.items():
            change = random.randrange(16)
            if change == 0:
                name = random.choice(NAMES)
            elif change == 1:
                content = bytes(random.choice((10, 1 << 16, 20 << 20)))
            elif change == 2:
                continue
            mode = random.choice(MODES) if change == 3 else 0o100644
            info = member(name or "x", mode)
            kinds = (0, 8, 12, 14) if change == 4 else (0, 8)
            info.compress_type = random.choice(kinds)
            archive.writestr(info, content)
        for _ in range(random.choice((0, 0, 0, 0, 1, 2, 1500))):
            archive.writestr(random.choice(NAMES) or "x", random.randbytes(random.randrange(50)))
        if random.random() < 0.1:
            archive.comment = random.choice((b"PK\5\6" + bytes(18), b"x" * 65_535, b"PK\6\7"))
    return packed.getvalue()


def _damaged(content: bytes, random: Random) -> bytes:
    """Change fields of the zip's own structures, or bytes anywhere."""
    damaged = bytearray(content)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        kind = random.randrange(6)
        sign, fields = ((b"PK\3\4", LOCAL), (b"PK\1\2", CENTRAL), (b"PK\5\6", END))[kind % 3]
        at = _find(damaged, sign, random)
        if kind < 4 and at >= 0:
            form, offset = random.choice(fields)
            if at + offset + struct.calcsize(form) <= len(damaged):
                value = random.choice(NUMBERS) & (0xFFFF if form == "H" else 0xFFFFFFFF)
                struct.pack_into(f"<{form}", damaged, at + offset, value)
        elif kind == 4:
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        else:
            at = random.randrange(4, len(damaged) + 1)
            damaged[at : at + random.choice((0, 1, 100))] = random.randbytes(random.choice((0, 5)))
    if random.random() < 0.05:
        del damaged[random.randrange(4, len(damaged) + 1) :]
    return bytes(damaged)


def _find(content: bytearray, sign: bytes, random: Random) -> int:
    places = [at for at in range(min(len(content), 20_000)) if content[at : at + 4] == sign]
    return random.choice(places) if places else content.rfind(sign)


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Archive]:
    """Make zips, and unpack them as rnn-convert does."""
    yield _Archive(folder)
