"""What rnn-train is given: texts, CSV, encodings, settings files and options.

All that the command does runs, up to the network itself, which would take TensorFlow. A wrong
success is a token that is no text (NUL, or half of a surrogate pair), or a setting that is not what
the settings file says by Python's own json.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import train.cli
import train.training
from pi_runtime.cli.output import be_quiet
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked

NEEDS = ("charset_normalizer",)

TEXTS = (
    "Roses are red,\nviolets are blue.\n", "Мороз и солнце; день чудесный!\n", "日本語\n",
    "😀👍🏽\n", 'a,b,c\n"x""y",z\n', "one,1\ntwo,2\n", ";;;\n", "\r\n\r\n", "<s>",
    "\u202e\x1b[2J\x07\n",
    "\ufeff", "\0", " ", "\t", "'\"\n", "x" * 200_000, '"' + "y" * 140_000, "+2AA-", "\\ud800",
    "xn--a", "-", "\x85\u2028\x0b",
)  # fmt: skip
BYTES = (b"\xed\xa0\x80", b"\xff\xfe", b"\x80", b"\xf5\xbf", b"\0\0", b"PK\x03\x04", b"\x89HDF")
ENCODINGS = (
    "utf-8", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1251", "koi8_r",
    "cp1252", "latin-1", "ascii", "utf-7", "cp932", "gb18030", "iso2022_jp", "hz",
)  # fmt: skip
ASKED = (
    *ENCODINGS, "hex", "rot13", "undefined", "idna", "punycode", "unicode_escape", "zlib", "bz2",
    "raw_unicode_escape", "base64", "mbcs", "oem", "uu", "quopri", "", " ", "\x1b[2J", "x" * 5000,
    "../../etc", "utf-8\n", "UTF8", "charmap", "latin 1", "cp65001", "palmos", "utf_16_ex",
)  # fmt: skip
SETTINGS = {
    "rnn_size": 64, "rnn_layers": 2, "rnn_bidirectional": False, "max_length": 5, "max_words": 100,
    "dim_embeddings": 10, "word_level": True, "line_delimited": True, "num_epochs": 2,
    "gen_epochs": 1, "batch_size": 16, "train_size": 0.5, "dropout": 0.2, "max_gen_length": 30,
    "validation": True, "is_csv": False, "header": True, "delimiter": ";", "optimizer": "adam",
    "seed": 3,
}  # fmt: skip
MODEL = ("rnn_size", "rnn_layers", "rnn_bidirectional", "max_length", "max_words",
         "dim_embeddings", "word_level")  # fmt: skip
VALUES: tuple[Any, ...] = (
    0, -1, 1, 2, 1e308, float("inf"), float("nan"), 2**40, 10**400, "40", "true", "", None, [], {},
    [[]], True, False, 0.5, 5.0, "\ud800", "\x1b[2J", "x" * 10_000, "\0", "\n", '"', "ab", 1e-310,
)  # fmt: skip
RAW = (
    b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"model_cfg":' * 50_000, b"\xff\xfe{", b"\0" * 50,
    b'{"model_cfg": {"rnn_size": ' + b"9" * 5000 + b"}}", b"{'model_cfg': {}}", b'{"model_cfg"',
    b'{"model_cfg": [], "train_cfg": 1}', b'\x1b[2J', b'{"x": NaN}', b"model_cfg.rnn_size = 5",
    b"[model_cfg]\nrnn_size = 0x" + b"f" * 9000, b"model_cfg = {" + b"a={" * 3000,
    b"a." * 3000 + b"b = 1", b"[model_cfg]\nrnn_size = 1979-05-27T07:32:00Z", b"x = [" * 5000,
    b"[train_cfg]\ndropout = nan\n", b"[train_cfg]\ndelimiter = '''\n\n'''", b"a = 1\na = 2",
)  # fmt: skip


class _Read(Exception):
    """All was read, and the training would begin."""


def _stop(*arguments: Any, single: bool) -> NoReturn:
    _, _, model, training, vocabulary, *_ = arguments
    if bad := [t for t in vocabulary if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in t)]:
        raise WrongSuccess(f"tokens {bad[:3]}")
    raise _Read(asdict(model) | asdict(training))


class _Training:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, number: int) -> Outcome:
        random = Random(number)
        encoding = random.choice(ENCODINGS)
        count = random.choice((1, 1, 1, 2))
        files = {f"{at}.txt": _text(random, encoding) for at in range(count)}
        argv = [*map(str, (self._folder / name for name in files)), "--name", f"n{number}"]
        asked = random.choice(ASKED) if random.random() < 0.15 else encoding
        argv += [f"--encoding={asked}", *_options(random)]
        if random.random() < 0.4:
            name = f"settings.{random.choice(('json', 'json', 'json', 'toml'))}"
            files[name] = _settings(random, name)
            argv += ["--config", str(self._folder / name)]
        if random.random() < 0.03:
            argv.append(random.choice((str(self._folder), "/dev/zero", "none\x1b[2J.txt")))
        for name, content in files.items():
            (self._folder / name).write_bytes(content)
        said = _members(files.get("settings.json", b""))

        def read() -> object:
            be_quiet(True)
            train.training.__dict__["Run"] = _stop
            try:
                train.cli._train(argv)
            except _Read as settings:
                _compare(said, settings.args[0], argv)
                return "read"
            raise WrongSuccess("it ended, and nothing was trained")

        verdict, what = read_forked(read, sum(map(len, files.values())))
        return Outcome(verdict, f"{argv[2:]}: {what}"[:600], files)


def _members(content: bytes) -> dict[str, Any]:
    try:
        parts = json.loads(content)
        return {**parts.get("model_cfg", {}), **parts.get("train_cfg", {})}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _compare(said: dict[str, Any], settings: dict[str, Any], argv: list[str]) -> None:
    for name, value in said.items():
        option = f"--{name.replace('_', '-')}"
        if any(word.partition("=")[0] == option for word in argv) or name == "gen_epochs":
            continue
        if settings[name] != value:
            raise WrongSuccess(f"{name} is {value!r} in the file, and {settings[name]!r} trained")


def _text(random: Random, encoding: str) -> bytes:
    text = "".join(random.choices(TEXTS, k=random.choice((0, 0, 1, 3))))
    text += "".join(random.choices(TEXTS[:6], k=random.randint(1, 12)))
    content = text.encode(encoding, "replace")
    for _ in range(random.choice((0, 0, 0, 0, 0, 1, 3))):
        at = random.randint(0, len(content))
        content = content[:at] + random.choice(BYTES) + content[at + random.randint(0, 2) :]
    if random.random() < 0.03:
        content = base64.b64encode(content)
    return content


def _options(random: Random) -> list[str]:
    argv: list[str] = []
    for flag in ("--line-delimited", "--is-csv", "--context", "--header", "--word-level"):
        if random.random() < 0.08:
            argv.append(flag)
    if random.random() < 0.5:
        argv.append(f"--max-length={random.choice((1, 2, 2, 5, 5, 5, 40, 10_000, 0, 'x'))}")
    if random.random() < 0.1:
        argv.append(
            f"--delimiter={random.choice((';', ',', 'ab', '', chr(34), '|', chr(10), 'ж'))}"
        )
    if random.random() < 0.1:
        argv.append(f"--max-words={random.choice((1, 3, 100, 10**7, 'ж'))}")
    return argv


def _settings(random: Random, name: str) -> bytes:
    if random.random() < 0.15:
        return random.choice(RAW)
    chosen = {key: SETTINGS[key] for key in random.sample(sorted(SETTINGS), random.randint(0, 6))}
    for _ in range(random.choice((0, 0, 0, 1))):
        key = random.choice((*SETTINGS, "rnn_sizes", "", "\x1b"))
        chosen[key] = random.choice(VALUES)
    parts = {
        "model_cfg": {key: value for key, value in chosen.items() if key in MODEL},
        "train_cfg": {key: value for key, value in chosen.items() if key not in MODEL},
    }
    if name.endswith(".toml"):
        lines = []
        for part, members in parts.items():
            lines += [f"[{part}]", *(f"{key or 'x'} = {_toml(v)}" for key, v in members.items())]
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    text = json.dumps(parts, ensure_ascii=random.random() < 0.7)
    encoding = random.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig", "cp1251"))
    errors = "replace" if encoding == "cp1251" else "surrogatepass"
    return text.encode(encoding.replace("-sig", ""), errors)


def _toml(value: Any) -> str:
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Training]:
    """Make texts and settings, and let rnn-train read them."""
    import charset_normalizer  # noqa: F401 - once, not in every child
    import matplotlib  # noqa: F401

    yield _Training(folder)
