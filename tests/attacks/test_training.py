"""Texts and settings from a stranger, given to rnn-train: one line each, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime.errors import UsageError
from tests.helpers.commands import run_command
from train.settings import ModelSettings, TrainSettings, read_settings_file, settings_from


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"model_cfg":' * 50_000),
        ("a.json", b'{"model_cfg": {"rnn_size": ' + b"9" * 5000 + b"}}"),
        ("a.json", b" " * (2 << 20)),
        ("a.json", b"\xff\xfe{"),
        ("a.toml", b"x = " + b"[" * 50_000),
        ("a.toml", b"x = " + b"{a = " * 5000),
        ("a.toml", b"#" * (2 << 20)),
        ("a.toml", b"\xff"),
    ],
)
def test_settings_that_nest_without_end_or_are_none(
    tmp_path: Path, name: str, content: bytes
) -> None:
    """A recursive parser raises RecursionError, which is no ValueError: a traceback."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="give a JSON or TOML file in UTF-8"):
        read_settings_file(tmp_path / name)


@pytest.mark.parametrize("name", ["rnn_size", "word_level", "max_words"])
def test_a_number_of_too_many_digits(tmp_path: Path, name: str) -> None:
    """TOML's hexadecimal numbers have no end, and Python refuses to write one in decimal."""
    (tmp_path / "a.toml").write_text(f"[model_cfg]\n{name} = 0x{'f' * 9000}\n")
    members, _ = read_settings_file(tmp_path / "a.toml")
    with pytest.raises(UsageError, match="a number of too many digits"):
        settings_from(ModelSettings, members)


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0", "", "ab"])
def test_a_delimiter_that_python_takes_amiss(delimiter: str) -> None:
    """Python 3.13's csv raises ValueError for some that 3.11 takes."""
    with pytest.raises(UsageError, match="give one character"):
        TrainSettings(delimiter=delimiter)


def test_no_control_character_reaches_the_terminal(tmp_path: Path) -> None:
    """A name that clears the screen, or a settings file's member that sets the title."""
    settings = tmp_path / "\x1b[2J.json"
    settings.write_text('{"model_cfg": {"\\u001b]0;owned\\u0007": 1}}')
    (tmp_path / "a\x9b.txt").write_bytes(b"\xff")
    for argv in (("none\x1b[2J.txt",), ("a\x9b.txt",), ("a\x9b.txt", "--config", settings.name)):
        done = run_command("rnn-train", *argv, cwd=tmp_path)
        assert done.returncode in (1, 2)
        (line,) = done.stderr.split("\n")[:-1]
        assert line.startswith("error: ")
        assert line.isprintable()
