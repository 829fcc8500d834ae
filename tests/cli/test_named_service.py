"""`--service NAME`: that service, and no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_runtime.errors import Error
from pi_runtime.service import client
from tests.helpers.commands import ROOT, run_command
from tests.helpers.service import QUIET, Service, needs_espeak, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In place of /run/rnn-speak."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def service(model: Path, folder: Path) -> Iterator[Service]:
    """rnn-speak@poems."""
    with running(folder, model, *QUIET) as service:
        (folder / "poems").symlink_to(service.address)
        service.address.rename(folder / "moved")
        (folder / "poems").unlink()
        (folder / "moved").rename(folder / "poems")
        service.address = folder / "poems"
        yield service


def command(
    name: str, folder: Path, *argv: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command for which the services listen in a folder."""
    code = (
        f"import pi_runtime.service.client as client; client.FOLDER = {str(folder)!r}\n"
        f"from pi_runtime.cli.{name} import main; main({[str(arg) for arg in argv]!r})"
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("RNN_SOCKET", "RNN_MODEL")}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, cwd=ROOT, env={**kept, **environment},
    )  # fmt: skip


def events(folder: Path) -> subprocess.Popen[str]:
    """Start `rnn-speak --service poems --events` for which the services listen in a folder."""
    code = (
        f"import pi_runtime.service.client as client; client.FOLDER = {str(folder)!r}\n"
        "from pi_runtime.cli.speak import main; main(['--service', 'poems', '--events'])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


@needs_espeak
def test_the_named_service_generates(service: Service, folder: Path, model: Path) -> None:
    argv = ("--seed", 3, "--temperature", 0.9, "-n", 2)
    alone = run_command("rnn-generate", model, *argv)
    served = command("generate", folder, "--service", "poems", *argv)
    assert (served.returncode, served.stdout) == (0, alone.stdout)
    assert "by the service" in served.stderr


@needs_espeak
def test_it_has_the_last_word_over_the_environment(service: Service, folder: Path) -> None:
    for environment in ({"RNN_SOCKET": "/nowhere"}, {"RNN_MODEL": "/nowhere.tflite"}):
        done = command("generate", folder, "--service", "poems", "--seed", 1, **environment)
        assert done.returncode == 0, done.stderr
        assert "by the service" in done.stderr


@needs_espeak
def test_it_speaks_and_is_controlled(service: Service, folder: Path) -> None:
    done = command("speak", folder, "--service", "poems", "--text", "Hello there.")
    assert (done.returncode, done.stdout) == (0, "Hello there.\n")
    quiet = command("speak", folder, "--service", "poems", "--text", "Hello.", "-q")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    for control in ("pause", "resume", "stop"):
        assert command("speak", folder, "--service", "poems", f"--{control}").returncode == 0
    status = command("speak", folder, "--service", "poems", "--status")
    assert json.loads(status.stdout)["spoken"] >= 0
    done = command("speak", folder, "--service", "poems", "--rate", 1)
    assert done.returncode == 2
    assert done.stderr == (
        "error: the service speaks with its own --rate – change /etc/default/rnn-speak-poems and "
        "reload it (sudo systemctl reload rnn-speak@poems), or name the model file instead\n"
    )


@needs_espeak
def test_its_events_are_told(service: Service, folder: Path) -> None:
    with events(folder) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["event"] == "listening"
        service.ask("say", text="Hello there.")
        told: list[dict[str, object]] = []
        while not told or told[-1]["event"] != "end":
            told.append(json.loads(process.stdout.readline()))
        process.terminate()
    assert {"event": "sentence", "text": "Hello there."} in told


@pytest.mark.parametrize("name", ["generate", "speak"])
@pytest.mark.parametrize("argv", [(), ("--seed", 1), ("-n", 3)])
def test_no_other_model_takes_its_place(
    name: str, argv: tuple[object, ...], tmp_path: Path, model: Path
) -> None:
    for environment in ({}, {"RNN_MODEL": str(model)}):
        done = command(name, tmp_path, "--service", "poems", *argv, **environment)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "error: no service poems here – sudo scripts/install-pi --service poems --model FILE\n"
        )


def test_a_socket_that_is_named_may_be_bypassed(tmp_path: Path, model: Path) -> None:
    nowhere = str(tmp_path / "none")
    argv = ("--backend", "numpy", "--seed", 1)
    for more in ((model,), (model, "--local")):
        assert command("generate", tmp_path, *more, *argv, RNN_SOCKET=nowhere).returncode == 0
    local = command(
        "generate", tmp_path, "--local", *argv, RNN_SOCKET=nowhere, RNN_MODEL=str(model)
    )
    assert local.returncode == 0


# --- what is said of one that is not there -------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in place of the system's."""
    for name in ("FOLDER", "UNITS", "MODELS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(client, name, str(tmp_path / name))
    monkeypatch.delenv("RNN_SOCKET", raising=False)
    return tmp_path


def said(service: str | None) -> str:
    with pytest.raises(Error) as caught:
        client.ask("status", service=service)
    assert caught.value.exit_code == 1
    with pytest.raises(Error) as checked:
        client.check_is_there(service)
    assert str(checked.value) == str(caught.value)
    return str(caught.value)


def test_one_that_is_not_installed(machine: Path) -> None:
    install = "sudo scripts/install-pi"
    assert said(None) == f"no service runs here – install it: {install} --model FILE"
    assert said("poems") == f"no service poems here – {install} --service poems --model FILE"
    (machine / "UNITS" / "rnn-speak@.service").touch()
    assert said("poems") == f"no service poems here – {install} --service poems --model FILE"


def test_one_that_is_installed_and_does_not_run(machine: Path) -> None:
    (machine / "UNITS" / "rnn-speak.service").touch()
    assert said(None) == "the service does not run – systemctl status rnn-speak"
    (machine / "UNITS" / "rnn-speak@.service").touch()
    (machine / "MODELS" / "poems.tflite").touch()
    assert said("poems") == "the service poems does not run – systemctl status rnn-speak@poems"


@pytest.mark.parametrize("name", ["poems", "Poems-2", "a.b", "_x", "a" * 80])
def test_names(name: str) -> None:
    assert client.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a.", ".a", "-a", "a b", "имя", "a\0", "-", "control"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Error, match="--service"):
        client.check_name(name)
