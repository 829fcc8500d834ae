"""Names and contents of files that a terminal would obey, in the commands of the Pi."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_runtime.errors import shown
from tests.helpers.commands import run_command

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e"


@pytest.mark.parametrize("command", ["rnn-generate", "rnn-speak", "rnn-doctor"])
@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n", b'{"\x1b": 1}'])
def test_a_model_whose_name_is_an_escape_sequence(
    tmp_path: Path, command: str, content: bytes | None
) -> None:
    """`rnn-generate *.tflite` in a folder that was unpacked from somewhere."""
    if content is not None:
        (tmp_path / f"{ESCAPE}.tflite").write_bytes(content)
    only = ["--only", "model"] if command == "rnn-doctor" else []
    done = run_command(command, f"{ESCAPE}.tflite", *only, cwd=tmp_path)
    assert done.returncode
    said = done.stdout + done.stderr
    assert r"\x1b]0;owned\x07" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_an_argument_that_is_no_utf_8(tmp_path: Path) -> None:
    """A file's name may be in another encoding; text may not."""
    done = run_command("rnn-generate", "caf\udce9.tflite", cwd=tmp_path)
    assert r"caf\udce9.tflite" in done.stderr
    done = run_command("rnn-generate", "x.tflite", "--prefix", "caf\udce9", cwd=tmp_path)
    assert done.stderr == "error: an argument is not UTF-8 – send it from a UTF-8 terminal\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Привет, 日本語 😀!", "Привет, 日本語 😀!"),
        ("a\x1b[2J", r"a\x1b[2J"),
        ("a\nb\t\x7f\x85", r"a\x0ab\x09\x7f\x85"),
        ("\u202e\u2028\ud800", r"\u202e\u2028\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("x" * 100, "x" * 79 + "…"),
        (17, "17"),
    ],
)
def test_what_is_shown_instead(text: object, expected: str) -> None:
    assert shown(text) == expected


def test_what_a_speech_program_says_of_its_failure(tmp_path: Path) -> None:
    """A program's error is quoted in a note, by logging, which escapes nothing."""
    program = tmp_path / "voice"
    program.write_text("#!/bin/sh\ncat >/dev/null; printf '\\033]0;owned\\007\\n' >&2; exit 1\n")
    program.chmod(0o755)
    done = run_command(
        "rnn-speak",
        "--text",
        "Hello.",
        "--engine",
        "command",
        "--command",
        program,
        "--wav",
        "x.wav",
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert r"\x1b]0;owned\x07" in done.stderr
    assert all(line.isprintable() for line in done.stderr.split("\n"))
