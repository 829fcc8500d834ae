"""Debian systems that hold nothing but what a test puts there, booted with their own systemd."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.helpers.commands import ROOT
from tests.helpers.service import GUARD, wait_for

BASE = "systemd,systemd-sysv,dbus,ca-certificates,sudo,openssh-server"
"""What Raspberry Pi OS Lite has and a minimal Debian has not, as far as tests meet it."""

SINK = """\
pcm.!default { type file slave.pcm "null" file "/var/sound/out.raw" format "raw" }
"""
"""There is no sound card in a container: ALSA's default device writes into a file."""

CONTAINERS_RUN = os.getuid() == 0 and bool(
    shutil.which("mmdebstrap") and shutil.which("systemd-nspawn")
)
needs_containers = pytest.mark.skipif(
    not CONTAINERS_RUN, reason="needs root, mmdebstrap and systemd-nspawn"
)

_numbers = itertools.count()


class CannotBootError(Exception):
    """systemd-nspawn does not work here."""


class Container:
    """A booted Debian. It shares the host's network."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        name = f"rnn-test-{os.getpid()}-{next(_numbers)}"
        # Of its own, as nobody asked the host's systemd for one.
        top = Path("/sys/fs/cgroup")
        hierarchies = [path for path in (top / "systemd", top / "unified") if path.is_dir()]
        self.cgroups = [path / name for path in hierarchies or [top]]
        for group in self.cgroups:
            group.mkdir()
        enter = "; ".join(f"echo $$ > {group}/cgroup.procs" for group in self.cgroups)
        # systemd 256 and later refuse to boot on the older hierarchy.
        script = (
            f"{enter}; SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn --quiet --boot "
            f"-D {root} --register=no --keep-unit --machine={name} --console=pipe"
        )
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self.leader = 0
        try:
            wait_for(self._is_up, what=log)
        except BaseException:
            self.close()
            raise

    def _is_up(self) -> bool:
        """Return whether it has booted; find its first process, which nspawn's first is not.

        Raises:
            CannotBootError: systemd-nspawn has ended.
        """
        if self.process.poll() is not None:
            raise CannotBootError(self.log.read_text("utf-8", "replace")[-1000:])
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.leader = int((children.split() or ["0"])[0])
        return bool(self.leader) and self.run("systemctl is-active basic.target").returncode == 0

    def run(
        self, command: str, seconds: float = GUARD, user: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command in it, as root or in a user's login shell."""
        inside = ["/bin/sh", "-c", f"export PATH=/usr/local/bin:/usr/bin:/usr/sbin\n{command}"]
        if user:
            inside = ["/usr/sbin/runuser", "-l", user, "-s", "/bin/bash", "-c", command]
        return subprocess.run(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "--", *inside],
            capture_output=True, text=True, timeout=seconds, cwd="/", stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/local/bin:/usr/bin:/usr/sbin", "LANG": "C.UTF-8"},
        )  # fmt: skip

    def show(self, name: str, unit: str = "rnn-speak.service") -> str:
        """Return a property of a unit."""
        return self.run(f"systemctl show --value -p {name} {unit}").stdout.strip()

    def status(self, service: str = "") -> dict[str, Any]:
        """Return what the service says of itself; nothing where it is not there."""
        done = self.run(f"rnn-speak {f'--service {service}' if service else ''} --status")
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return found

    def journal(self, unit: str = "rnn-speak.service") -> str:
        return self.run(f"journalctl --no-pager -o cat -u {unit}").stdout

    def wait(self, found: Callable[[], object]) -> None:
        """Wait for something; show what the service said where it does not come."""
        try:
            wait_for(found)
        except AssertionError as error:
            said = self.run("rnn-speak --status; systemctl status --no-pager rnn-speak").stdout
            raise AssertionError(f"{error}\n{said}\n{self.journal()[-3000:]}") from None

    def wait_speaking(self, after: int = 0, service: str = "") -> None:
        """Wait until it has spoken a text more."""
        self.wait(lambda: self.status(service).get("spoken", 0) > after)

    def wait_heard(self, size: int) -> None:
        """Wait until so many bytes of sound were played; a text may have no word, and be silent."""
        sound = self.root / "var/sound/out.raw"

        def is_heard() -> bool:
            if sound.exists() and sound.stat().st_size > size:
                return True
            self.run("rnn-speak")
            return False

        self.wait(is_heard)

    def wait_trouble(self, what: str) -> None:
        """Wait until its status tells of this."""
        self.wait(lambda: what in self.status().get("trouble", ""))

    def wait_other_process(self, pid: str) -> None:
        """Wait until its main process is another one."""
        self.wait(lambda: self.show("MainPID") not in (pid, "0"))

    def files(self) -> dict[str, int]:
        """Return every file that is on its disk, with its inode's type and mode."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not (Path(folder) / name).is_mount()]
            for name in [*folders, *names]:
                path = Path(folder) / name
                found["/" + str(path.relative_to(self.root))] = path.lstat().st_mode
        return found

    def close(self) -> None:
        if self.process.poll() is None and self.leader:
            self.run("systemctl poweroff")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GUARD)
        self.process.kill()
        self.process.wait()
        for top in self.cgroups:
            for group in [*sorted(top.rglob("*/"), reverse=True), top]:
                with contextlib.suppress(OSError):
                    group.rmdir()


def debian(suite: str, packages: str = BASE) -> Path:
    """Return the folder of a Debian, made once and never changed; skip without a network."""
    # Another list of packages is another Debian.
    name = f"{suite}-{hashlib.sha256(packages.encode()).hexdigest()[:8]}"
    cached = ROOT / ".cache" / name
    if not cached.exists():
        cached.parent.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix=f"{name}.", dir=cached.parent) as folder:
            made = Path(folder) / "root"
            subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}",
                 suite, made, "-"],
                check=True, timeout=1200, input=_sources(suite).encode(),
            )  # fmt: skip
            _connect(made)
            with contextlib.suppress(OSError):  # somebody else was faster
                made.rename(cached)
    return cached


def _sources(suite: str) -> str:
    """Return where this machine gets Debian from, for another suite."""
    apt = Path("/etc/apt")
    candidates = [*apt.glob("sources.list.d/debian.sources"), apt / "sources.list",
                  *apt.glob("sources.list.d/*.sources")]  # fmt: skip
    text = next(path for path in candidates if path.exists()).read_text()
    codename = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())
    return text.replace(codename[1] if codename else suite, suite)


def _connect(root: Path) -> None:
    """Let pip there reach what pip here reaches: the same certificates, and the same index."""
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        shutil.copy(bundle, root / str(bundle).lstrip("/"))
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    kept = dict(re.findall(r"^\S+\.(index-url|proxy)='(.+)'$", listed, re.M))
    lines = [f"{name} = {value}" for name, value in kept.items() if "file:" not in value]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", f"cert = {bundle}", *lines, ""]))
    (root / "etc/environment").write_text(f"PIP_DEFAULT_TIMEOUT=180\nSSL_CERT_FILE={bundle}\n")


@contextmanager
def booted(system: Path, folder: Path, listen: str = "") -> Iterator[Container]:
    """Boot a copy of a Debian, with somewhere for sound to go; skip where none can be booted.

    Its sshd listens on the loopback address `listen`, if that is given.
    """
    root = folder / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", system, root], check=True)
    (root / "etc/hostname").write_text("raspberrypi\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    if listen:
        (root / "etc/ssh/sshd_config.d/test.conf").write_text(f"ListenAddress {listen}\n")
    else:  # or it would listen on the host's own port
        (root / "etc/systemd/system/multi-user.target.wants/ssh.service").unlink()
    (root / "etc/asound.conf").write_text(SINK)
    sound = root / "var/sound"
    sound.mkdir()
    sound.chmod(0o777)
    for unit in ("rnn-speak", "rnn-speak@"):
        drop_in = root / f"etc/systemd/system/{unit}.service.d"
        drop_in.mkdir(parents=True)
        (drop_in / "test.conf").write_text("[Service]\nReadWritePaths=/var/sound\n")
    try:
        container = Container(root, folder / "log")
    except CannotBootError as error:
        pytest.skip(f"no container can be booted here: {error}")
    try:
        yield container
    finally:
        container.close()
        shutil.rmtree(root, ignore_errors=True)


def clone(target: Path) -> Path:
    """Make a plain clone of this checkout as it is now; skip where it is not one."""

    def git(*argv: object, cwd: Path = ROOT) -> str:
        owner = ["-c", "safe.directory=*", "-c", "user.name=-", "-c", "user.email=-"]
        done = subprocess.run(
            ["git", *owner, *map(str, argv)], cwd=cwd, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    if not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout of git")
    # A commit of what is not committed yet, if anything, that no branch knows of.
    commit = git("stash", "create") or git("rev-parse", "HEAD")
    git("clone", "--quiet", "--no-checkout", ROOT, target)
    git("checkout", "--quiet", "-B", "main", commit, cwd=target)
    return target
