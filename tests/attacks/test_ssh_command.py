"""Known attacks by whoever has a restricted SSH key. Over an sshd: tests/service/test_ssh.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.ssh_command import ENVIRONMENT, Forced, forced_command


@pytest.fixture
def forced(tmp_path: Path) -> Forced:
    return forced_command(tmp_path)


def test_a_model_of_the_clients_own(forced: Forced) -> None:
    """`SendEnv RNN_MODEL` named any file of the Pi as the model, and `RNN_SOCKET` any socket, where
    sshd's AcceptEnv let them through: the command passed both on."""
    done = forced.run(b"generate", RNN_MODEL="/home/other/secret.tflite", RNN_SOCKET="/tmp/mine")
    called = json.loads(done.stdout)
    assert called["argv"] == []
    assert called["environment"] == ENVIRONMENT


def test_no_word_of_where_the_client_is(forced: Forced) -> None:
    """An empty SSH_CONNECTION ended in an IndexError before anything was logged."""
    for connection in ("", "   "):
        done = forced.run(b"sh -i", SSH_CONNECTION=connection)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: refused: ")


def test_a_locale_that_spells_letters_otherwise(forced: Forced) -> None:
    """A locale of the client's must not decide which bytes a program gets, nor break it."""
    for locale in ("ru_RU.KOI8-R", "C", "tr_TR.ISO-8859-9", "\x1b[2J"):
        done = forced.run("say Привет, мир".encode(), LC_ALL=locale, PYTHONIOENCODING="ascii")
        assert json.loads(done.stdout)["argv"] == ["--text= Привет, мир"]


def test_variables_that_python_obeys(forced: Forced, tmp_path: Path) -> None:
    """PYTHONPATH and PYTHONSTARTUP would run the client's code; the command runs isolated."""
    (tmp_path / "shlex.py").write_text("open('canary', 'w')")
    done = forced.run(b"status", PYTHONPATH=str(tmp_path), PYTHONINSPECT="1", PYTHONHOME="/none")
    assert json.loads(done.stdout)["environment"] == ENVIRONMENT
    assert not (tmp_path / "canary").exists()
