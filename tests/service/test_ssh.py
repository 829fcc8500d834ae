"""Over a real sshd on loopback: one-offs under any locale, and the key that may only speak."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_runtime import TextGenerator
from tests.helpers.commands import ROOT, program
from tests.helpers.service import GUARD, QUIET, Service, free_port, running, wait_for
from tests.helpers.sshd import SSHD, listening_sshd

pytestmark = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh") and shutil.which("espeak-ng") and shutil.which("aplay")),
    reason="sshd, ssh, espeak-ng or aplay is not installed",
)
SCRIPT = ROOT / "scripts" / "ssh-command"


class Pi:
    """An account to log in to; `restricted` is the key of `ssh-command`."""

    def __init__(self, folder: Path, port: int, service: Service) -> None:
        self.folder = folder
        self.port = port
        self.service = service

    def argv(self, key: str, *options: str) -> list[str]:
        return [
            "ssh", "-F", "none", "-p", str(self.port), "-i", str(self.folder / key),
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
            "-o", f"UserKnownHostsFile={self.folder}/known", "-o", "LogLevel=ERROR",
            "-o", "SendEnv=LANG LC_* RNN_*", *options, f"{getpass.getuser()}@127.0.0.1",
        ]  # fmt: skip

    def run(
        self, command: str | bytes, key: str = "free", *options: str, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        kept = {k: v for k, v in os.environ.items() if k != "LANG" and not k.startswith("LC_")}
        asked = {"RNN_SOCKET": str(self.service.address)} if key == "free" else {}
        return subprocess.run(
            [*self.argv(key, *options), command],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**kept, **asked, **environment},
            timeout=GUARD,
        )

    @contextmanager
    def shared_connection(self, key: str) -> Iterator[tuple[str, str]]:
        """Yield the options of commands that log in once for all of them, which is quicker."""
        control = self.folder / "shared"
        options = ("-o", f"ControlPath={control}")
        master = subprocess.Popen(
            self.argv(key, *options, "-M", "-N"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(control.exists)
            yield options
        finally:
            master.terminate()
            master.wait()


@pytest.fixture(scope="module")
def pi(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pi]:
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "free", "restricted", "modelled"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    # Where install-pi puts it: beside the commands.
    beside = folder / "bin"
    beside.mkdir()
    shutil.copy(SCRIPT, beside)
    for name in ("rnn-generate", "rnn-speak"):
        (beside / name).symlink_to(program(name))
    script = beside / "ssh-command"
    of_key = {
        "free": "",
        "restricted": f'restrict,command="{script} --socket {folder}/control" ',
        "modelled": f'restrict,command="{script} --model {model} --socket {folder}/none" ',
    }
    (folder / "authorized").write_text(
        "".join(f"{line}{(folder / f'{key}.pub').read_text()}" for key, line in of_key.items())
    )
    with (
        running(folder, model, *QUIET) as service,
        listening_sshd(folder) as port,
    ):
        yield Pi(folder, port, service)


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of locales as a Debian would have generated them, in old encodings."""
    folder = tmp_path_factory.mktemp("locales")
    for language, charset in (("ru_RU", "KOI8-R"), ("de_DE", "ISO-8859-1")):
        subprocess.run(
            ["localedef", "-i", language, "-f", charset, folder / f"{language}.{charset}"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    return folder


def test_a_one_off_under_any_locale_is_utf_8(pi: Pi, model: Path, locales: Path) -> None:
    expected = TextGenerator.load(model, "numpy").generate(prefix="аб", seed=3)[0] + "\n"
    command = "rnn-generate --prefix аб --seed 3"
    for language in ("", "C", "ru_RU.KOI8-R", "de_DE.ISO-8859-1"):
        setting = f"LOCPATH={locales} LC_ALL={language} " if language else ""
        done = pi.run(setting + command)
        assert (done.stdout.decode(), done.returncode) == (expected, 0), language
        assert b"by the service" in done.stderr


def test_a_locale_sent_along_changes_nothing(pi: Pi) -> None:
    command = "rnn-generate --prefix аб --seed 3"
    assert pi.run(command, LANG="ru_RU.KOI8-R").stdout == pi.run(command).stdout


def test_it_speaks_and_its_exit_code_comes_through(pi: Pi) -> None:
    done = pi.run("rnn-speak --text 'Привет. Hello there.'")
    assert done.stdout.decode() == "Привет.\nHello there.\n"
    assert done.returncode == 0
    assert pi.run("rnn-generate --temperature cold").returncode == 2


@pytest.mark.parametrize("tty", [(), ("-tt",)])
def test_ctrl_c_here_stops_the_speech_there(pi: Pi, tty: tuple[str, ...]) -> None:
    pi.service.ask("pause")
    try:
        process = subprocess.Popen(
            [*pi.argv("free", *tty), "rnn-speak --text 'Never heard.'"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "RNN_SOCKET": str(pi.service.address)},
        )
        assert process.stdout
        # Every word that it will ever print: the connection's end shows in nothing else.
        assert process.stdout.readline().split() == [b"Never", b"heard."]
        pi.service.wait_status(waiting=1)
        process.terminate()
        process.communicate(timeout=GUARD)
        pi.service.wait_status(waiting=0)
    finally:
        pi.service.ask("stop")
        pi.service.ask("resume")


# --- the key that may only speak -----------------------------------------------------------------


def test_the_verbs_work(pi: Pi, model: Path) -> None:
    text = TextGenerator.load(model, "numpy").generate(
        prefix="аб в", seed=7, temperature=[0.9, 0.5], max_gen_length=50
    )[0]
    done = pi.run(
        "generate --prefix 'аб в' --temperature 0.9,0.5 --seed=7 --max-gen-length 50", "restricted"
    )
    assert done.stdout.decode() == text + "\n"
    assert pi.run("generate -n 2 --seed 1", "restricted").returncode == 0
    done = pi.run("say Hello there. It's me.".replace("'", "\\'"), "restricted")
    assert done.returncode == 2, "a bare backslash is the shell's"
    assert pi.run('say "Hello there. It\'s me."', "restricted").stdout == (
        b"Hello there.\nIt's me.\n"
    )
    assert pi.run("speak --seed 9 --max-gen-length 20", "restricted").returncode == 0
    assert b'"spoken"' in pi.run("status", "restricted").stdout
    assert pi.run("stop", "restricted").returncode == 0


def test_it_may_listen_to_events_and_its_end_is_seen(pi: Pi) -> None:
    before = pi.service.descriptors()
    with subprocess.Popen(
        [*pi.argv("restricted"), "events"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert b'"listening"' in process.stdout.readline()
        pi.service.ask("say", text="Hello there.")
        while b'"end"' not in process.stdout.readline():
            pass
        process.terminate()
    wait_for(lambda: pi.service.descriptors() <= before)


def test_what_a_client_sends_along_changes_nothing(pi: Pi, tmp_path: Path) -> None:
    """Not even where sshd accepts it: the line in authorized_keys names the service."""
    sent = {"RNN_SOCKET": str(tmp_path / "other"), "RNN_MODEL": "/etc/passwd", "RNN_DEBUG": "1"}
    assert b'"spoken"' in pi.run("status", "restricted", **sent).stdout
    plain = pi.run("generate --seed 1", "restricted")
    along = pi.run("generate --seed 1", "restricted", **sent)
    assert along.returncode == 0
    assert along.stdout == plain.stdout
    assert b"by the service" in along.stderr


def test_a_key_may_be_for_a_model_instead_of_a_service(pi: Pi, model: Path) -> None:
    expected = TextGenerator.load(model, "numpy").generate(seed=5)[0] + "\n"
    done = pi.run("generate --seed 5", "modelled", RNN_MODEL="/etc/passwd")
    assert done.stdout.decode() == expected
    assert b"by the service" not in done.stderr
    assert b"no service listens at" in pi.run("status", "modelled").stderr


HOSTILE = [
    "",
    "sh",
    "bash -i",
    "touch CANARY",
    "generate; touch CANARY",
    "generate && touch CANARY",
    "generate | tee CANARY",
    "generate > CANARY",
    "generate & touch CANARY",
    "generate $(touch CANARY)",
    "generate `touch CANARY`",
    'generate --prefix "$(touch CANARY)"',
    'generate --prefix "`touch CANARY`"',
    "generate\ntouch CANARY",
    "generate\rtouch CANARY",
    "generate --output CANARY",
    "generate -o CANARY",
    "generate -oCANARY",
    "generate --local",
    "generate MODEL.tflite",
    "generate -- CANARY",
    "generate --prefix",
    "generate --prefix 'open",
    "generate -n 1000000",
    "generate -n -1",
    "generate --max-gen-length 99999999",
    "generate --seed 0x10",
    "generate --temperature 1e9",
    "generate --temperature nan",
    "generate --seed \u0661",
    "generate\u00a0--help",
    "generate --prefix \u202etxet",
    "speak --command 'touch CANARY'",
    "speak --engine command",
    "speak --wav CANARY",
    "say",
    "say *",
    "say ~root",
    "say hello\x1btouch CANARY",
    "say " + "x" * 10_000,
    "status --json; touch CANARY",
    "stop now",
    "events --service poems",
    "GENERATE",
    "/bin/sh -c 'touch CANARY'",
    "../../bin/sh",
    "scp -t CANARY",
    "rsync --server . CANARY",
    "internal-sftp",
    "LANG=C generate",
    "generate --prefix=$HOME",
]


def test_hostile_commands_are_refused_in_one_line_and_do_nothing(pi: Pi) -> None:
    assert len(HOSTILE) >= 40
    canary = pi.folder / "canary"
    with pi.shared_connection("restricted") as shared:
        for command in HOSTILE:
            sent = command.replace("CANARY", str(canary)).encode() or b" "
            done = pi.run(sent, "restricted", *shared)
            assert done.returncode == 2, command
            assert done.stderr.startswith(b"error: refused: "), (command, done.stderr)
            assert len(done.stderr.splitlines()) == 1, command
            assert done.stdout == b"", command
    assert not canary.exists()


def test_bytes_that_are_no_text_are_refused(pi: Pi) -> None:
    done = pi.run(b"say \xff\xfe", "restricted")
    assert done.returncode == 2
    assert b"not UTF-8" in done.stderr


def test_no_terminal_no_forwarding_no_copying(pi: Pi, tmp_path: Path) -> None:
    port = free_port()
    ways = [
        ["-tt"],
        ["-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:{pi.port}"],
        ["-W", f"127.0.0.1:{pi.port}"],
        ["-s"],
    ]
    for way in ways:
        argv = [*pi.argv("restricted", *way)]
        if "-W" not in way:
            argv.append("sftp" if way == ["-s"] else "touch canary")
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=GUARD)
        assert done.returncode, way
        assert b"SSH-2.0" not in done.stdout
    secret = tmp_path / "secret"
    options = pi.argv("restricted")[1:-1]
    options[options.index("-p")] = "-P"
    target = f"{getpass.getuser()}@127.0.0.1:{secret}"
    done = subprocess.run(
        ["scp", *options, __file__, target], capture_output=True, stdin=subprocess.DEVNULL,
        timeout=GUARD,
    )  # fmt: skip
    assert done.returncode
    assert not secret.exists()
