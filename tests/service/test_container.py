"""A Debian booted with its own systemd: install-pi installs, and the service looks after itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkpoints import small_network
from tests.helpers.commands import ROOT, needs_tensorflow
from tests.helpers.container import BASE, Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter
from tests.helpers.model_files import members, rebuilt
from tests.helpers.service import free_port

PACKAGES = f"{BASE},python3-venv,procps,alsa-utils,espeak-ng"
DROP_IN = "[Service]\nReadWritePaths=/var/sound\nWatchdogSec=5\nRestartSec=5\n"
MODEL = "/var/lib/textgenrnn-pi/model.tflite"
INSTALL = (
    "/root/textgenrnn-pi/scripts/install-pi --wheelhouse /root/wheels --engine espeak-ng "
    "--model /root/m.tflite"
)

pytestmark = [
    needs_containers,
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 11), reason="the container's Python is 3.11, as the wheels are"
    ),
    needs_tensorflow,
]


@pytest.fixture(scope="module")
def model(converted: Converter) -> Path:
    return converted.small("contained", small_network(classes=20), 8)


@pytest.fixture(scope="module")
def container(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """With the service installed by install-pi, offline."""
    with booted(debian("bookworm", PACKAGES), tmp_path_factory.mktemp("container")) as container:
        root = container.root
        source = clone(root / "root/textgenrnn-pi")
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
             "-w", root / "root/wheels", source],
            check=True, timeout=1200,
        )  # fmt: skip
        shutil.copy(model, root / "root/m.tflite")
        (root / "etc/systemd/system/rnn-speak.service.d/test.conf").write_text(DROP_IN)
        (root / "etc/default/rnn-speak").write_text(
            'OPTIONS="--interval 1s --engine espeak-ng --temperature 0.9 --max-gen-length 30"\n'
        )
        done = container.run(INSTALL, 300)
        assert done.returncode == 0, done.stdout + done.stderr
        yield container


def test_installed_it_is_ready_and_speaks(container: Container) -> None:
    container.wait(lambda: container.show("ActiveState") == "active")
    container.wait_speaking()
    container.wait_heard(16_000)
    assert "spoke (espeak-ng, seed " in container.journal()
    assert container.show("StatusText")
    assert container.status()["backend"] == "tflite", "the interpreter runs in its cage too"


def test_installing_again_does_no_harm(container: Container) -> None:
    settings = container.root / "etc/default/rnn-speak"
    before = settings.read_text()
    assert container.run(INSTALL, 300).returncode == 0
    assert settings.read_text() == before
    container.wait_speaking()


def test_its_cage_is_in_force(container: Container) -> None:
    pid = container.show("MainPID")
    status = container.run(f"cat /proc/{pid}/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["Uid"].split()[0]) >= 61184, "a dynamic user"
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    inside = f"nsenter -t {pid} -m -n -- setpriv --reuid 65534 --clear-groups"
    assert container.run(f"nsenter -t {pid} -m -- touch /etc/x").returncode, "read-only"
    assert container.run(f"{inside} ls /root").returncode
    network = container.run(f"cat /proc/{pid}/net/dev").stdout
    assert [line.split(":")[0].strip() for line in network.splitlines()[2:]] == ["lo"]
    assert container.run("stat -c '%a %G' /run/rnn-speak/control").stdout == "660 rnn-speak\n"
    assert container.run(
        "setpriv --reuid 65534 --regid 65534 --clear-groups rnn-speak --status"
    ).returncode, "not for everybody"


def test_in_its_cage_it_tells_of_events_is_quiet_and_keeps_awake(container: Container) -> None:
    settings = container.root / "etc/default/rnn-speak"
    before = settings.read_text()
    heard = container.run("timeout 100 rnn-speak --events | grep -m 1 -o '\"sentence\"'")
    assert heard.stdout == '"sentence"\n', heard.stderr

    def reload(options: str) -> None:
        settings.write_text(f'OPTIONS="{options}"\n')
        done = container.run("systemctl reload rnn-speak")
        assert done.returncode == 0, done.stderr

    def plays() -> bool:
        return container.run("pgrep -x aplay").returncode == 0

    hour = int(container.run("date +%H").stdout)
    quiet = f"--quiet-hours {(hour - 6) % 24:02}:00-{(hour + 6) % 24:02}:00"
    reload(f"--engine espeak-ng --keep-awake {quiet}")
    container.wait(lambda: container.show("StatusText").startswith("quiet until "))
    container.wait(lambda: not plays())
    assert container.status()["quiet_until"] == f"{(hour + 6) % 24:02}:00"
    reload("--engine espeak-ng --keep-awake --on-demand")
    container.wait(plays)
    settings.write_text(before)
    assert container.run("systemctl reload rnn-speak").returncode == 0
    container.wait_speaking()


def test_killed_it_is_speaking_again(container: Container) -> None:
    pid = container.show("MainPID")
    container.run(f"kill -KILL {pid}")
    container.wait_other_process(pid)
    container.wait_speaking()


def test_hanging_it_is_killed_and_speaking_again(container: Container) -> None:
    pid = container.show("MainPID")
    container.run(f"kill -STOP {pid}")
    container.wait_other_process(pid)
    assert "watchdog" in container.journal().lower()
    container.wait_speaking()


def test_an_engine_that_is_lost_is_waited_for(container: Container) -> None:
    container.wait_speaking()
    container.run("mv /usr/bin/espeak-ng /usr/bin/hidden")
    container.wait_trouble("espeak-ng")
    pid, spoken = container.show("MainPID"), container.status()["spoken"]
    container.run("mv /usr/bin/hidden /usr/bin/espeak-ng")
    container.wait_speaking(after=spoken)
    assert container.show("MainPID") == pid


def test_the_hourly_unit_asks_the_service(container: Container) -> None:
    container.wait_speaking()
    done = container.run("systemctl start rnn-speak-hourly.service")
    assert done.returncode == 0, done.stderr
    said = container.journal("rnn-speak-hourly.service")
    (seed,) = re.findall(r"seed (\d+), espeak-ng, \d+ sentences, by the service", said)
    assert f"spoke (espeak-ng, seed {seed}): " in container.journal()
    assert re.search(r"speak from uid [1-9]\d*, pid ", container.journal()), "not from root"


def test_a_corrupt_model_is_not_taken(container: Container) -> None:
    container.run(f"cp {MODEL} /root/kept && head -c 3000 /root/kept > {MODEL}.new && "
                  f"mv {MODEL}.new {MODEL}")  # fmt: skip
    assert container.run("systemctl reload rnn-speak").returncode, "reload tells what came of it"
    assert "error: not reloaded: " in container.journal(), "as does the journal"
    container.wait_trouble("not reloaded")
    container.wait_speaking(after=container.status()["spoken"])
    container.wait_trouble("not reloaded")
    container.run(f"cp /root/kept {MODEL}.new && mv {MODEL}.new {MODEL}")
    assert container.run("systemctl reload rnn-speak").returncode == 0
    container.wait(lambda: container.status().get("trouble") == "")


def test_a_full_disk_does_not_silence_it(container: Container) -> None:
    full = "mount -t tmpfs -o size=4k none /var/lib/textgenrnn-pi"
    mounted = container.run(f"{full} && head -c 8192 /dev/zero > /var/lib/textgenrnn-pi/fill; true")
    assert mounted.returncode == 0
    spoken = container.status()["spoken"]
    container.wait_speaking(after=spoken)
    done = container.run(INSTALL, 300)
    assert done.returncode != 0, "there is no room for the new model"
    container.run("umount /var/lib/textgenrnn-pi")
    container.wait_speaking(after=spoken + 1)


@pytest.fixture(scope="module")
def over_ssh(container: Container, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which `deploy` reaches the container as root@127.0.0.1."""
    folder = tmp_path_factory.mktemp("ssh")
    key = folder / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    home = container.root / "root" / ".ssh"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    serve = "mkdir -p /run/sshd && /usr/sbin/sshd -o ListenAddress=127.0.0.1 -p"
    port = free_port()
    while (done := container.run(f"{serve} {port}")).returncode:
        assert "already in use" in done.stderr, done.stderr  # somebody was faster
        port = free_port()
    options = {
        "Port": port, "IdentityFile": key, "IdentitiesOnly": "yes", "BatchMode": "yes",
        "StrictHostKeyChecking": "no", "UserKnownHostsFile": folder / "known", "LogLevel": "ERROR",
    }  # fmt: skip
    said = " ".join(f"-o {name}={value}" for name, value in options.items())
    return {**os.environ, "RNN_SSH_OPTIONS": said}


def deploy(environment: dict[str, str], *argv: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "deploy", *map(str, argv)],
        capture_output=True, text=True, timeout=1200, env=environment, cwd="/",
    )  # fmt: skip


def test_deploy_brings_a_new_model_and_keeps_the_old_where_it_is_bad(
    container: Container, over_ssh: dict[str, str], model: Path, tmp_path: Path
) -> None:
    target = container.root / MODEL.lstrip("/")
    flatbuffer, contents = members(model.read_bytes())
    contents["config.json"]["name"] = "deployed"
    good = tmp_path / "good.tflite"
    good.write_bytes(rebuilt(flatbuffer, contents))
    done = deploy(over_ssh, "root@127.0.0.1", good)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "root@127.0.0.1: == rnn-speak runs with" in done.stdout
    assert target.read_bytes() == good.read_bytes()
    container.wait_speaking(after=container.status()["spoken"])
    contents["golden.json"]["probabilities"][0][0] += 0.5
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(rebuilt(flatbuffer, contents))
    done = deploy(over_ssh, "root@127.0.0.1", bad)
    assert done.returncode == 1
    assert "the old one stays" in done.stdout
    assert target.read_bytes() == good.read_bytes()
    done = deploy(over_ssh, "root@127.0.0.1", "nobody@127.0.0.1", model)
    assert done.returncode == 1, "one of two hosts cannot be reached"
    assert "root@127.0.0.1: == rnn-speak runs with" in done.stdout
    assert target.read_bytes() == model.read_bytes()
    assert not list(container.root.glob("tmp/rnn-deploy.*")), "nothing is left behind"


def test_uninstalled_nothing_is_left(container: Container) -> None:
    done = container.run("/root/textgenrnn-pi/scripts/install-pi --uninstall --purge")
    assert done.returncode == 0, done.stderr
    for path in ("opt/textgenrnn-pi", "var/lib/textgenrnn-pi", "etc/default/rnn-speak",
                 "usr/local/bin/rnn-speak", "etc/systemd/system/rnn-speak.service"):  # fmt: skip
        assert not os.path.lexists(container.root / path)
    left = (container.root / "etc/systemd/system").glob("rnn-speak*/*")
    assert {path.name for path in left} == {"test.conf"}, "only the user's own drop-ins"
    assert container.run("systemctl is-active rnn-speak.service").returncode
