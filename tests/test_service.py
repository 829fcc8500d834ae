"""rnn-speakd: what it does by itself, what it answers, and what it survives."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import TextGenerator
from pi_runtime.errors import UsageError
from pi_runtime.service.limits import LETTERS, LINE_BYTES, TEXTS
from pi_runtime.service.protocol import Request, parse_request
from tests.checkpoints import packed_model, small_network, small_vocab
from tests.conftest import run_command
from tests.service import PROGRAM, Service, running, wait_for
from tests.soak import GROWTH, soak

pytestmark = pytest.mark.skipif(
    not shutil.which("espeak-ng") or not shutil.which("aplay"),
    reason="espeak-ng or aplay is not installed",
)
QUIET = ("--on-demand", "--engine", "espeak-ng", "--backend", "numpy")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
    return path


@pytest.fixture(scope="module")
def one_service(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), model, *QUIET) as service:
        yield service


@pytest.fixture
def service(one_service: Service) -> Iterator[Service]:
    """The same for every test, silent and not paused."""
    yield one_service
    one_service.ask("stop")
    one_service.ask("resume")


# --- requests ------------------------------------------------------------------------------------


def test_a_request_is_read() -> None:
    line = b'{"v": 1, "do": "generate", "n": 3, "prefix": "a", "temperature": 1, "seed": 7}'
    assert parse_request(line) == Request("generate", n=3, prefix="a", temperature=(1.0,), seed=7)


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"do": "status"},
        {"v": 2, "do": "status"},
        {"v": 1, "do": "shell"},
        {"v": 1, "do": ["status"]},
        {"v": 1, "do": "status", "more": 1},
        {"v": 1, "do": "say"},
        {"v": 1, "do": "say", "text": " "},
        {"v": 1, "do": "say", "text": 5},
        {"v": 1, "do": "say", "text": "x" * (LETTERS + 1)},
        {"v": 1, "do": "say", "text": "x", "engine": "command"},
        {"v": 1, "do": "generate", "n": 0},
        {"v": 1, "do": "generate", "n": True},
        {"v": 1, "do": "generate", "n": TEXTS + 1},
        {"v": 1, "do": "generate", "n": TEXTS, "max_gen_length": 50_000},
        {"v": 1, "do": "generate", "temperature": -1},
        {"v": 1, "do": "generate", "temperature": []},
        {"v": 1, "do": "generate", "temperature": float("nan")},
        {"v": 1, "do": "generate", "seed": 2**32},
        {"v": 1, "do": "generate", "max_gen_length": 1e3},
    ],
)
def test_a_request_out_of_bounds_is_refused(message: object) -> None:
    with pytest.raises(UsageError):
        parse_request(json.dumps(message).encode())


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_comes_is_read_or_refused(line: bytes) -> None:
    with contextlib.suppress(UsageError):
        assert parse_request(line).do


# --- what it answers -----------------------------------------------------------------------------


def test_it_generates_what_the_model_does(service: Service, model: Path) -> None:
    answer = service.ask("generate", n=3, temperature=[0.9], seed=5, max_gen_length=40)
    texts = TextGenerator.load(model, backend="numpy")
    assert answer["texts"] == texts.generate(3, temperature=0.9, seed=5, max_gen_length=40)


def test_it_says_a_given_text(service: Service) -> None:
    answer = service.ask("say", text="Hello there. How are you?")
    assert answer["told"] == ["Hello there.", "How are you?"]
    assert (answer["ok"], answer["sentences"], answer["stopped"]) == (True, 2, False)
    assert service.sound.stat().st_size > 16_000
    service.wait_log(r'spoke \(espeak-ng, given\): "Hello there. How are you\?"')


def test_it_speaks_a_generated_text_and_logs_its_seed(service: Service, model: Path) -> None:
    answer = service.ask("speak", seed=9, temperature=0.9, max_gen_length=30)
    text = TextGenerator.load(model, "numpy").generate(temperature=0.9, seed=9, max_gen_length=30)[
        0
    ]
    assert answer["seed"] == 9
    assert "".join("".join(answer["told"]).split()) == "".join(text.split())
    said = json.dumps(text, ensure_ascii=False)
    service.wait_log(re.escape(f"spoke (espeak-ng, seed 9): {said}"))


def test_it_can_be_paused_resumed_and_stopped(service: Service) -> None:
    service.ask("pause")
    answers: list[dict[str, object]] = []
    speaking = threading.Thread(
        target=lambda: answers.append(service.ask("say", text="One. Two. Three."))
    )
    speaking.start()
    wait_for(lambda: service.ask("status")["waiting"] == 1, 5)
    assert service.ask("status")["paused"] is True
    time.sleep(0.3)
    assert not answers, "it waits"
    service.ask("resume")
    speaking.join(10)
    assert answers[0]["sentences"] == 3
    service.ask("pause")
    speaking = threading.Thread(
        target=lambda: answers.append(service.ask("say", text="One. Two. Three."))
    )
    speaking.start()
    wait_for(lambda: service.ask("status")["waiting"] == 1, 5)
    service.ask("stop")
    speaking.join(5)
    service.ask("resume")
    assert answers[1]["stopped"] is True


def test_a_client_that_goes_away_is_not_spoken_to(service: Service) -> None:
    service.ask("pause")
    link = service.connect()
    link.sendall(b'{"v": 1, "do": "say", "text": "Nobody listens."}\n')
    wait_for(lambda: service.ask("status")["waiting"] == 1, 5)
    link.close()
    wait_for(lambda: service.ask("status")["waiting"] == 0, 5)
    service.ask("resume")


def test_a_client_that_only_stopped_sending_is_answered(service: Service) -> None:
    with service.connect() as link:
        link.sendall(b'{"v": 1, "do": "say", "text": "Hello."}\n')
        link.shutdown(socket.SHUT_WR)
        lines = [json.loads(line) for line in link.makefile("rb")]
    assert lines[0] == {"sentence": "Hello."}
    assert lines[-1]["ok"] is True


def test_two_callers_take_turns(service: Service) -> None:
    answers: dict[int, dict[str, object]] = {}

    def say(number: int) -> None:
        answers[number] = service.ask("say", text=f"Number {number}. And again {number}.")

    threads = [threading.Thread(target=say, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    spoken = service.log.split("spoke (espeak-ng, given): ")[-6:]
    assert len({line[:12] for line in spoken}) == 6
    assert all(answer["sentences"] == 2 for answer in answers.values())


# --- hostile clients -----------------------------------------------------------------------------


@pytest.mark.long
def test_50_clients_and_10000_requests(service: Service) -> None:
    """Each is answered once and in order; memory stays flat."""
    clients, requests = 50, 200
    seen: list[list[dict[str, object]]] = [[] for _ in range(clients)]

    def client(number: int) -> None:
        with service.connect() as link:
            lines = link.makefile("rb")
            for turn in range(requests):
                if turn % 4:
                    message: dict[str, object] = {"v": 1, "do": "status"}
                else:
                    message = {
                        "v": 1, "do": "generate", "seed": number * 1000 + turn,
                        "max_gen_length": 5, "temperature": 1.0,
                    }  # fmt: skip
                link.sendall(json.dumps(message).encode() + b"\n")
                seen[number].append(json.loads(next(lines)))

    def crowd() -> None:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)

    crowd()
    before = service.resident()
    for answers in seen:
        answers.clear()
    crowd()
    for number, answers in enumerate(seen):
        assert len(answers) == requests
        for turn, answer in enumerate(answers):
            assert answer["ok"] is True
            if turn % 4 == 0:
                assert answer["seed"] == number * 1000 + turn
    assert abs(service.resident() - before) < 2_000_000
    assert service.ask("say", text="Still here.")["sentences"] == 1


def test_garbage_long_lines_and_dribbles_hurt_only_their_sender(service: Service) -> None:
    before = service.resident()
    descriptors = service.descriptors()
    dribblers = [service.connect() for _ in range(80)]  # more than it holds connections
    for link in dribblers:
        try:
            link.sendall(b'{"v": 1,')
        except OSError:
            continue  # hung up on already
    with service.connect() as link:
        link.sendall(b"\xff\xfe\x00\n{\n")
        lines = link.makefile("rb")
        assert [json.loads(next(lines))["code"] for _ in range(2)] == [2, 2]
    for _ in range(5):
        with service.connect() as link:
            try:
                for _ in range(160):
                    link.sendall(b"x" * LINE_BYTES)  # 10 MB without a line end
            except OSError:
                continue
            raise AssertionError("it reads without end")
    assert service.ask("say", text="Still here.")["sentences"] == 1
    for link in dribblers:
        link.close()
    wait_for(lambda: service.descriptors() <= descriptors + 1, 15)
    assert service.resident() - before < 2_000_000


def test_a_line_that_does_not_come_is_not_waited_for(service: Service) -> None:
    with service.connect() as link:
        link.sendall(b'{"v": 1,')
        link.settimeout(20)
        assert link.recv(100) == b"", "hung up"


# --- by itself -----------------------------------------------------------------------------------


def test_it_speaks_text_after_text_and_says_how_it_is(model: Path, tmp_path: Path) -> None:
    argv = (model, "--interval", "0s", "--seed", 4, "--temperature", 0.9, "--max-gen-length", 30)
    with running(tmp_path, *argv, "--engine", "espeak-ng", "--backend", "numpy") as service:
        texts = TextGenerator.load(model, "numpy")
        for seed in (4, 5, 6):
            line = service.wait_log(rf"spoke \(espeak-ng, seed {seed}\): (.*)\n")
            (text,) = texts.generate(temperature=0.9, seed=seed, max_gen_length=30)
            assert json.loads(line.partition(": ")[2]) == text
        service.wait_told("WATCHDOG=1")
        service.wait_told("STATUS=speaking, seed")
        assert service.stop() < 1.0
        assert service.wait_told("STOPPING=1")
        assert service.process.returncode == 0
        assert not service.address.exists()


def test_it_says_why_the_interpreter_does_not_compute(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--on-demand", "--engine", "espeak-ng") as service:
        service.wait_log(r"tflite.*; numpy computes instead|interpreter.*; numpy computes instead")
        assert service.ask("status")["backend"] == "numpy"


@pytest.mark.parametrize("engine", ["espeak-ng", "festival"])
def test_sigterm_in_mid_sentence_takes_less_than_a_second(
    model: Path, tmp_path: Path, engine: str
) -> None:
    if not shutil.which(engine):
        pytest.skip(f"{engine} is not installed")
    argv = (model, "--on-demand", "--engine", engine, "--backend", "numpy")
    with running(tmp_path, *argv) as service, service.connect() as link:
        text = "This is a very long sentence, " * 6 + "and it ends."
        link.sendall(json.dumps({"v": 1, "do": "say", "text": text * 40}).encode() + b"\n")
        service.wait_told("STATUS=speaking")
        time.sleep(0.3)
        assert service.stop() < 1.0
        wait_for(lambda: not service.children(), 2)


def test_sighup_takes_the_new_model_and_settings_without_a_gap(model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.tflite"
    shutil.copy(model, mine)
    file = tmp_path / "default"
    file.write_text("# settings\nOPTIONS=\"--on-demand --engine espeak-ng --prefix 'a b'\"\n")
    with running(tmp_path, mine, "--settings", file, "--backend", "numpy") as service:
        first = service.ask("generate", seed=1, temperature=0.9)["texts"]
        assert first[0].startswith("a b")
        other = packed_model(small_network(classes=20, seed=99), small_vocab(20))
        temporary = tmp_path / "new"
        temporary.write_bytes(other)
        temporary.replace(mine)
        file.write_text('OPTIONS="--on-demand --engine espeak-ng"\n')
        service.process.send_signal(signal.SIGHUP)
        service.wait_log("reloaded")
        second = service.ask("generate", seed=1, temperature=0.9)["texts"]
        expected = TextGenerator.load(mine, "numpy").generate(seed=1, temperature=0.9)
        assert second == expected != first


@pytest.mark.parametrize("bad", ["model", "settings", "engine"])
def test_sighup_keeps_the_old_where_the_new_is_bad(model: Path, tmp_path: Path, bad: str) -> None:
    mine = tmp_path / "mine.tflite"
    shutil.copy(model, mine)
    file = tmp_path / "default"
    file.write_text('OPTIONS="--on-demand --engine espeak-ng"\n')
    with running(tmp_path, mine, "--settings", file, "--backend", "numpy") as service:
        first = service.ask("generate", seed=1)["texts"]
        if bad == "model":
            content = bytearray(mine.read_bytes())
            content[200:400] = bytes(200)
            temporary = tmp_path / "new"
            temporary.write_bytes(content)
            temporary.replace(mine)
        elif bad == "settings":
            file.write_text('OPTIONS="--interval never"\n')
        else:
            file.write_text('OPTIONS="--engine command --command /nowhere/at-all"\n')
        service.process.send_signal(signal.SIGHUP)
        service.wait_log("not reloaded, the old model and settings stay: ")
        assert service.ask("status")["trouble"].startswith("not reloaded")
        assert service.ask("generate", seed=1)["texts"] == first


def test_a_text_that_cannot_be_spoken_is_spoken_later(model: Path, tmp_path: Path) -> None:
    """The engine is lost and comes back: the same text, and no word of it is missing."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "aplay").symlink_to(shutil.which("aplay") or "")
    engine = tools / "espeak-ng"
    engine.symlink_to(shutil.which("espeak-ng") or "")
    argv = (model, "--interval", "1s", "--seed", 4, "--temperature", 0.9, "--backend", "numpy",
            "--engine", "espeak-ng", "--max-gen-length", 30)  # fmt: skip
    with running(tmp_path, *argv, PATH=str(tools)) as service:
        service.wait_log("seed 4")
        engine.unlink()
        service.wait_log("espeak-ng is not installed")
        assert "trying again" in service.wait_told("STATUS=trying again")
        assert "espeak-ng" in service.ask("status")["trouble"]
        lost = max(int(line.split("seed ")[1][0]) for line in service.log.splitlines()
                   if "seed" in line) + 1  # fmt: skip
        engine.symlink_to(shutil.which("espeak-ng") or "")
        service.wait_log(rf"spoke \(espeak-ng, seed {lost}\)")


def test_work_that_hangs_is_told_no_sign_of_life(model: Path, tmp_path: Path) -> None:
    argv = (model, "--on-demand", "--engine", "espeak-ng", "--backend", "numpy")
    with running(tmp_path, *argv) as service:
        service.wait_told("WATCHDOG=1")
        os.kill(service.process.pid, signal.SIGSTOP)
        time.sleep(0.3)
        told = len(service.told)
        time.sleep(1)
        assert len(service.told) == told
        os.kill(service.process.pid, signal.SIGCONT)
        service.wait_told("WATCHDOG=1")


@pytest.mark.long
def test_a_minute_of_speaking_leaks_nothing(model: Path, tmp_path: Path) -> None:
    """30 minutes of it: python -m tests.soak."""
    with running(
        tmp_path, model, "--interval", "0s", *QUIET[1:], "--max-gen-length", 60
    ) as service:
        texts, grown, leaked, zombies = soak(service, 60)
    assert texts > 10
    assert grown < GROWTH
    assert leaked <= 4, "those of the engine at work"
    assert zombies == 0


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
                link.settimeout(30)
                link.connect(str(path))
                link.sendall(b'{"v": 1, "do": "status"}\n')
                assert json.loads(link.makefile("rb").readline())["ok"] is True
        finally:
            process.terminate()
            process.communicate(timeout=20)
    assert process.returncode == 0


# --- the commands, through it ---------------------------------------------------------------------


def through(service: Service, *argv: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RNN_SOCKET": str(service.address)}
    environment.pop("RNN_MODEL", None)
    return run_command(*argv, env=environment)


def test_rnn_generate_prints_the_same_through_the_service(service: Service, model: Path) -> None:
    for options in (
        ("--seed", 3, "--temperature", 0.9),
        ("--seed", 3, "-n", 4, "--temperature", "0.9,0.5"),
        ("--seed", 3, "--samples", "-n", 2),
        ("--seed", 3, "--prefix", "ab", "--max-gen-length", 20),
    ):
        alone = run_command("rnn-generate", model, *options)
        served = through(service, "rnn-generate", *options)
        assert served.stdout == alone.stdout
        assert served.returncode == alone.returncode == 0
        assert "by the service" in served.stderr


def test_rnn_generate_json_and_file_through_the_service(service: Service, tmp_path: Path) -> None:
    done = through(service, "rnn-generate", "--json", "-n", 2, "--seed", 1)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["index"] for record in records] == [0, 1]
    path = tmp_path / "out.txt"
    assert through(service, "rnn-generate", "-n", 2, "--seed", 1, "-o", path).stdout == ""
    assert path.read_text("utf-8") == "".join(record["text"] + "\n" for record in records)


def test_what_the_service_cannot_do_is_done_alone(service: Service, model: Path) -> None:
    for options in ((model,), (model, "--local"), (model, "-n", TEXTS + 1, "--max-gen-length", 3)):
        done = through(service, "rnn-generate", *options)
        assert done.returncode == 0
        assert "by the service" not in done.stderr


def test_rnn_speak_speaks_through_the_service(service: Service) -> None:
    done = through(service, "rnn-speak", "--text", "Привет. Hello there.")
    assert done.stdout == "Привет.\nHello there.\n"
    assert done.returncode == 0
    done = through(service, "rnn-speak", "--seed", 3, "--temperature", 0.9, "-n", 2)
    assert done.returncode == 0
    assert done.stderr.startswith("seed 3, ")
    assert "seed 4, " in done.stderr


def test_a_text_without_a_word_is_an_error_alone_and_through_the_service(
    service: Service, tmp_path: Path
) -> None:
    for done in (
        through(service, "rnn-speak", "--text", "… – !"),
        run_command(
            "rnn-speak", "--text", "… – !", "--engine", "espeak-ng", "--wav", tmp_path / "a.wav"
        ),
    ):
        assert done.returncode == 1
        assert "no word of the text can be pronounced" in done.stderr


def test_rnn_speak_does_not_fight_for_the_card(service: Service) -> None:
    done = through(service, "rnn-speak", "--text", "Hello.", "--engine", "festival")
    assert done.returncode == 2
    assert "--local" in done.stderr


def test_rnn_speak_controls_the_service(service: Service) -> None:
    assert json.loads(through(service, "rnn-speak", "--status").stdout)["paused"] is False
    assert through(service, "rnn-speak", "--pause").returncode == 0
    assert json.loads(through(service, "rnn-speak", "--status").stdout)["paused"] is True
    assert through(service, "rnn-speak", "--resume").returncode == 0
    assert through(service, "rnn-speak", "--stop").returncode == 0


def test_ctrl_c_stops_what_the_service_speaks_for_it(service: Service) -> None:
    service.ask("pause")
    program = PROGRAM.with_name("rnn-speak")
    process = subprocess.Popen(
        [program, "--text", "Never heard."],
        env={**os.environ, "RNN_SOCKET": str(service.address)},
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: service.ask("status")["waiting"] == 1, 10)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    wait_for(lambda: service.ask("status")["waiting"] == 0, 5)
    service.ask("resume")


def test_without_a_service_its_controls_say_so(tmp_path: Path) -> None:
    environment = {**os.environ, "RNN_SOCKET": str(tmp_path / "none")}
    done = run_command("rnn-speak", "--status", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the service went away")


# --- rnn-doctor ----------------------------------------------------------------------------------


def test_the_doctor_examines_every_part(model: Path) -> None:
    done = run_command("rnn-doctor", model, "--json")
    findings = json.loads(done.stdout)
    assert {"python", "numpy", "interpreter", "model", "voice", "card", "disk"} <= set(findings)
    assert findings["model"]["ok"], findings["model"]
    assert "characters a second" in findings["model"]["text"]
    assert findings["voice"]["ok"], findings["voice"]
    for finding in findings.values():
        assert finding["ok"] or finding["fix"] or finding["text"]
    wrong = [finding for finding in findings.values() if finding["fix"] and not finding["ok"]]
    assert done.returncode == (1 if wrong else 0)


def test_the_doctor_says_what_to_type_about_a_damaged_model(model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(model.read_bytes()[:-50])
    done = run_command("rnn-doctor", damaged, "--only", "model")
    assert done.returncode == 1
    assert done.stdout.startswith("WRONG model")
    assert "→" in done.stdout
