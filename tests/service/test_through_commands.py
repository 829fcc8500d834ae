"""rnn-generate and rnn-speak through the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from pi_runtime.service.limits import TEXTS
from tests.helpers.commands import program, run_command
from tests.helpers.service import GUARD, Service, needs_espeak

pytestmark = needs_espeak


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
    assert json.loads(through(service, "rnn-speak", "--status").stdout)["paused"] is False
    assert through(service, "rnn-speak", "--stop").returncode == 0


def test_ctrl_c_stops_what_the_service_speaks_for_it(service: Service) -> None:
    service.ask("pause")
    process = subprocess.Popen(
        [program("rnn-speak"), "--text", "Never heard."],
        env={**os.environ, "RNN_SOCKET": str(service.address)},
        stderr=subprocess.PIPE,
    )
    service.wait_status(waiting=1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=GUARD)
    assert process.returncode == 130
    service.wait_status(waiting=0)
    service.ask("resume")


def test_without_a_service_its_controls_say_so(tmp_path: Path) -> None:
    environment = {**os.environ, "RNN_SOCKET": str(tmp_path / "none")}
    done = run_command("rnn-speak", "--status", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no service listens at ")
