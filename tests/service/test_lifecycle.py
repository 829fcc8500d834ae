"""The service's start, reloads, signs of life, and end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_runtime import TextGenerator
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import run_command
from tests.helpers.service import (
    GUARD,
    PROGRAM,
    QUIET,
    SLOW_APLAY,
    Service,
    needs_espeak,
    path_with,
    running,
    wait_for,
    write_program,
)

pytestmark = needs_espeak


# --- start ---------------------------------------------------------------------------------------


def test_it_says_why_the_interpreter_does_not_compute(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--on-demand", "--engine", "espeak-ng") as service:
        service.wait_log(r"(tflite|interpreter).*; (onnx|numpy) computes instead")
        assert service.ask("status")["backend"] in ("onnx", "numpy")


def test_a_second_service_on_the_same_socket_is_refused(service: Service, model: Path) -> None:
    done = run_command("rnn-speakd", model, *QUIET, "--socket", service.address)
    assert done.returncode == 2
    assert "already listens" in done.stderr
    assert service.ask("status")["ok"] is True


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--interval", "5x"), "is not like 90s"),
        (("--interval", "9m-5m"), "goes backwards"),
        (("--wav", "x.wav"), "plays to a sound device"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(
    model: Path, argv: tuple[str, ...], says: str
) -> None:
    done = run_command("rnn-speakd", model, *argv)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_the_socket_that_systemd_opened_is_taken(model: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = tmp_path / "passed"
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", AS_SYSTEMD, str(listener.fileno()), PROGRAM, model, *QUIET],
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
        )
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(GUARD)
                link.connect(str(path))
                link.sendall(b'{"v": 1, "do": "status"}\n')
                assert json.loads(link.makefile("rb").readline())["ok"] is True
        finally:
            process.terminate()
            process.communicate(timeout=GUARD)
    assert process.returncode == 0


# --- reload --------------------------------------------------------------------------------------


def write_settings(folder: Path, options: str) -> Path:
    """Write a settings file, as a whole."""
    temporary = folder / "settings.new"
    temporary.write_text(f"# settings\nOPTIONS={json.dumps(options)}\n")
    return temporary.replace(folder / "settings")


def reload(service: Service) -> None:
    """Reload, and wait until that is over."""
    service.process.send_signal(signal.SIGHUP)
    service.wait_told("RELOADING=1")
    service.wait_told("READY=1")


def test_sighup_takes_the_new_model_and_settings_without_a_gap(model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.tflite"
    shutil.copy(model, mine)
    file = write_settings(tmp_path, "--on-demand --engine espeak-ng --prefix 'a b'")
    with running(tmp_path, mine, "--settings", file, "--backend", "numpy") as service:
        first = service.ask("generate", seed=1, temperature=0.9)["texts"]
        assert first[0].startswith("a b")
        other = packed_model(small_network(classes=20, seed=99), small_vocab(20))
        temporary = tmp_path / "new"
        temporary.write_bytes(other)
        temporary.replace(mine)
        write_settings(tmp_path, "--on-demand --engine espeak-ng")
        service.process.send_signal(signal.SIGHUP)
        service.wait_log("reloaded")
        second = service.ask("generate", seed=1, temperature=0.9)["texts"]
        expected = TextGenerator.load(mine, "numpy").generate(seed=1, temperature=0.9)
        assert second == expected != first


@pytest.mark.parametrize("bad", ["model", "settings", "engine"])
def test_sighup_keeps_the_old_where_the_new_is_bad(model: Path, tmp_path: Path, bad: str) -> None:
    mine = tmp_path / "mine.tflite"
    shutil.copy(model, mine)
    good = "--on-demand --engine espeak-ng"
    file = write_settings(tmp_path, good)
    with running(tmp_path, mine, "--settings", file, "--backend", "numpy") as service:
        first = service.ask("generate", seed=1)["texts"]
        temporary = tmp_path / "new"
        if bad == "model":
            content = bytearray(mine.read_bytes())
            content[200:400] = bytes(200)
            temporary.write_bytes(content)
            temporary.replace(mine)
        elif bad == "settings":
            write_settings(tmp_path, "--interval never")
        else:
            write_settings(tmp_path, "--engine command --command /nowhere/at-all")
        reload(service)
        service.wait_log("not reloaded, the old model and settings stay: ")
        refused = service.ask("reload")
        assert not refused["ok"]
        assert refused["error"].startswith("not reloaded: ")
        assert service.ask("status")["trouble"].startswith("not reloaded")
        assert service.ask("generate", seed=1)["texts"] == first
        assert service.ask("say", text="Still here.")["sentences"] == 1
        assert service.ask("status")["trouble"].startswith("not reloaded"), "still so"
        shutil.copy(model, temporary)
        temporary.replace(mine)
        write_settings(tmp_path, good)
        service.ask("reload")
        assert service.ask("status")["trouble"] == ""


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be somebody else")
def test_only_root_and_the_service_itself_may_reload(model: Path, tmp_path: Path) -> None:
    ask = (
        "import socket; link = socket.socket(socket.AF_UNIX); link.settimeout(60);"
        f"link.connect({str(tmp_path / 'control')!r});"
        'link.sendall(b\'{"v": 1, "do": "reload"}\\n\'); print(link.recv(1000).decode())'
    )
    with running(tmp_path, model, *QUIET) as service:
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & 1:
                folder.chmod(0o755)
        service.address.chmod(0o666)
        done = subprocess.run(
            ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", ask],
            capture_output=True, text=True, timeout=GUARD,
        )  # fmt: skip
        refused = json.loads(done.stdout)
        assert not refused["ok"]
        assert refused["error"] == "only root may reload – sudo systemctl reload rnn-speak"
        assert service.ask("reload")["ok"]


def test_each_reload_is_told_from_its_beginning_to_its_end(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, *QUIET) as service:
        service.process.send_signal(signal.SIGHUP)
        service.wait_told("RELOADING=1")
        service.process.send_signal(signal.SIGHUP)  # while the first is under way
        for told in ("READY=1", "RELOADING=1", "READY=1"):
            service.wait_told(told)
        states = [told for told in service.told if told in ("RELOADING=1", "READY=1")]
        assert states == ["READY=1", *["RELOADING=1", "READY=1"] * 2]


@pytest.mark.skipif(not shutil.which("festival"), reason="festival is not installed")
def test_voices_are_listed_once_per_load_not_once_per_text(model: Path, tmp_path: Path) -> None:
    """festival is started to list its voices: a speech session does that once."""
    starts = tmp_path / "starts"
    write_program(
        tmp_path / "bin" / "festival",
        '#!/bin/sh\ncase "$*" in *voice.list*) what=list ;; *) what=speak ;; esac\n'
        f'echo "$what" >> {starts}\nexec {shutil.which("festival")} "$@"\n',
    )
    argv = (model, "--on-demand", "--engine", "festival", "--language", "en", "--backend", "numpy")
    with running(tmp_path, *argv, PATH=path_with(tmp_path / "bin")) as service:
        session = ["list"]
        for _ in range(2):
            for text in ("Hello.", "Good bye."):
                assert service.ask("say", text=text)["sentences"] == 1
                session.append("speak")
                assert starts.read_text().split() == session
            reload(service)
            session.append("list")
            assert starts.read_text().split() == session


# --- signs of life -------------------------------------------------------------------------------


def test_work_that_hangs_is_told_no_sign_of_life(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, *QUIET) as service:
        service.wait_alive()
        os.kill(service.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, service.process.pid, os.WSTOPPED)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.connect(service.environment["NOTIFY_SOCKET"])
            link.send(b"all that it had told before")
        service.wait_told("all that it had told before")
        told = len(service.told)
        time.sleep(1)
        assert len(service.told) == told
        os.kill(service.process.pid, signal.SIGCONT)
        service.wait_alive()


def test_a_sound_card_that_hangs_is_told_no_sign_of_life(model: Path, tmp_path: Path) -> None:
    """The service itself does not hang: it still replies."""
    hung = tmp_path / "hung"
    # The first start only tries whether the card can be opened.
    write_program(
        tmp_path / "bin" / "aplay",
        f"#!/bin/sh\n[ -e {hung} ] && exec sleep 1000\ntouch {hung}\nexec cat > /dev/null\n",
    )
    argv = (model, *QUIET, "--sentence-time", "1")
    with running(tmp_path, *argv, PATH=path_with(tmp_path / "bin")) as service:
        service.wait_alive()
        with service.begin("say", text="Nobody can hear this. " * 100):

            def silent() -> bool:
                told = service.told.count("WATCHDOG=1")
                time.sleep(1)
                assert service.ask("status")["ok"] is True
                return service.told.count("WATCHDOG=1") == told

            wait_for(silent, what=service.log_path)
        assert service.stop() < 1.0


# --- end -----------------------------------------------------------------------------------------

HANGING_ENGINE = """\
#!/bin/sh
sleep 1000 &
sleep 1000
"""


@pytest.mark.parametrize("engine", ["espeak-ng", "festival", "command"])
def test_sigterm_in_mid_sentence_takes_less_than_a_second(
    model: Path, tmp_path: Path, engine: str
) -> None:
    """No process is left over, not even of an engine that hangs and has children."""
    if engine != "command" and not shutil.which(engine):
        pytest.skip(f"{engine} is not installed")
    tools = tmp_path / "bin"
    write_program(tools / "aplay", SLOW_APLAY)
    write_program(tools / "hanging", HANGING_ENGINE)
    argv = ["--on-demand", "--engine", engine, "--backend", "numpy"]
    if engine == "command":
        argv += ["--command", "hanging"]
    with running(tmp_path, model, *argv, PATH=path_with(tools)) as service:
        text = "This is a very long sentence, " * 6 + "and it ends. "
        with service.begin("say", text=text * 40) as pending:
            if engine == "command":
                wait_for(lambda: len(service.children()) == 3, what=service.log_path)
            else:
                assert "sentence" in pending.next()
            service.wait_told("STATUS=speaking")
            left = service.children()
            assert left
            assert service.stop() < 1.0
        assert service.process.returncode == 0
        wait_for(lambda: not any(Path(f"/proc/{number}").exists() for number in left))
