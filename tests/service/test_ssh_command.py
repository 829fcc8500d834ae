"""The forced command of a restricted key, without an sshd: what it runs, and with what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.ssh_command import ENVIRONMENT, Forced, forced_command


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory) -> Forced:
    return forced_command(tmp_path_factory.mktemp("forced"))


@pytest.mark.parametrize(
    ("of_key", "program", "argv", "variables"),
    [
        ([], "rnn-speak", ["--status"], {}),
        (["--service", "poems"], "rnn-speak", ["--service=poems", "--status"], {}),
        (["--socket", "/run/x"], "rnn-speak", ["--status"], {"RNN_SOCKET": "/run/x"}),
        (["--model", "a.tflite"], "rnn-speak", ["--status"], {"RNN_MODEL": "a.tflite"}),
    ],
)
def test_the_line_in_authorized_keys_names_the_service_or_the_model(
    forced: Forced, of_key: list[str], program: str, argv: list[str], variables: dict[str, str]
) -> None:
    client = {"RNN_SOCKET": "/tmp/mine", "RNN_MODEL": "/tmp/mine.tflite"}
    done = forced.run(b"status", *of_key, **client)
    assert json.loads(done.stdout) == {
        "program": program,
        "argv": argv,
        "environment": ENVIRONMENT | variables,
    }


@pytest.mark.parametrize(
    "of_key",
    [
        ["--service"],
        ["--service", ""],
        ["--service", "a", "--service", "b"],
        ["--service", "a", "--model", "b"],
        ["--output", "x"],
        ["status"],
    ],
)
def test_a_line_that_gives_it_something_else_lets_nobody_in(
    forced: Forced, of_key: list[str]
) -> None:
    done = forced.run(b"status", *of_key)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: refused: authorized_keys gives ssh-command")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("connection", [None, "", " ", "\udcff 1 2 3", "::1 5 ::1 22"])
def test_it_needs_no_word_of_where_a_client_is(forced: Forced, connection: str | None) -> None:
    told = {} if connection is None else {"SSH_CONNECTION": connection}
    for command, code in ((b"status", 0), (b"sh", 2), (b"", 2)):
        done = forced.run(command, **told)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr


def test_a_program_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    forced = forced_command(tmp_path)
    (tmp_path / "rnn-speak").unlink()
    done = forced.run(b"status")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: refused: rnn-speak cannot be run here (No such file or directory) – "
        "generate, speak, say, status, stop, events".encode()
    ]
