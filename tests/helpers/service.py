"""The service in its own process, without systemd, with the sound going nowhere."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

T = TypeVar("T")

PROGRAM = Path(sys.executable).with_name("rnn-speakd")

QUIET = ("--on-demand", "--engine", "espeak-ng", "--backend", "numpy")

GUARD = 300.0
"""Seconds after which waiting is given up. A guard against hanging, no measure of anything."""

# Alone, without alsa.conf: a sound server that is installed here would make itself the default.
NOWHERE = """\
pcm.!default {{ type file slave.pcm {{ type null }} file "{}" format "raw" }}
"""

# Takes sound about as fast as it sounds; ALSA's null device takes it at once.
SLOW_APLAY = """\
#!/bin/sh
while [ "$(head -c 4000 | wc -c)" -gt 0 ]; do sleep 0.1; done
"""

needs_espeak = pytest.mark.skipif(
    not shutil.which("espeak-ng") or not shutil.which("aplay"),
    reason="espeak-ng or aplay is not installed",
)


class Service:
    """A running rnn-speakd: its socket, its log, and what it tells the service manager."""

    def __init__(self, folder: Path, *argv: object, **environment: str) -> None:
        self.address = folder / "control"
        self.log_path = folder / "log"
        self.sound = folder / "sound.raw"
        alsa = folder / "asound.conf"
        alsa.write_text(NOWHERE.format(self.sound))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "manager"))
        self.told: list[str] = []
        self._heard = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "manager"),
            "WATCHDOG_USEC": "400000",
            "ALSA_CONFIG_PATH": str(alsa),
            **environment,
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--socket", self.address, *map(str, argv)],
                env=self.environment,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8")

    def _listen(self) -> None:
        while said := self.manager.recv(4096):
            self.told += said.decode().splitlines()

    def wait_told(self, start: str) -> str:
        """Return the next thing it tells the manager that starts so."""

        def heard() -> str:
            while self._heard < len(self.told):
                self._heard += 1
                if self.told[self._heard - 1].startswith(start):
                    return self.told[self._heard - 1]
            return ""

        return wait_for(heard, what=self.log_path)

    def wait_alive(self) -> None:
        """Wait for several signs of life from now on: some tenths of a second by its own clock."""
        self._heard = len(self.told)
        for _ in range(5):
            self.wait_told("WATCHDOG=1")

    def wait_log(self, pattern: str) -> str:
        found = wait_for(lambda: re.search(pattern, self.log), what=self.log_path)
        assert found
        return found[0]

    def wait_status(self, **members: object) -> None:
        """Wait until its status has these members."""
        wait_for(lambda: self.ask("status").items() >= members.items(), what=self.log_path)

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(str(self.address))  # which waits while the queue is full
        link.settimeout(GUARD)
        return link

    def begin(self, do: str, **members: object) -> Pending:
        """Send a request, and do not wait for the reply."""
        return Pending(self.connect(), {"v": 1, "do": do, **members})

    def ask(self, do: str, **members: object) -> dict[str, Any]:
        """Return the reply to a request, and the sentences told meanwhile under "told"."""
        with self.begin(do, **members) as pending:
            return pending.reply()

    def resident(self) -> int:
        """Return the memory it holds, in bytes."""
        return resident(self.process.pid)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def children(self) -> dict[int, str]:
        """Return its child processes, and theirs, by id with their states; Z is a zombie."""
        parents, states = {}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                number = int(stat.parent.name)
                parents[number], states[number] = int(parent), state
        family = {self.process.pid}
        while more := {child for child, parent in parents.items() if parent in family} - family:
            family |= more
        return {number: states[number] for number in family - {self.process.pid}}

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it; return how many seconds that took, by its own clock."""
        self.process.send_signal(number)
        self.process.wait(GUARD)
        return float(self.wait_log(r"stopped within [\d.]+ s").split()[2])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.manager.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens
        # Ended before the descriptor is free, or it would listen to the next service's.
        self._listener.join()
        self.manager.close()


class Pending:
    """A request that was sent, on a connection of its own."""

    def __init__(self, link: socket.socket, message: dict[str, object]) -> None:
        self._link = link
        self._lines = link.makefile("rb")
        self._told: list[str] = []
        self._link.sendall(json.dumps(message).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self) -> dict[str, Any]:
        """Return the next line: a sentence that is being spoken, or the reply."""
        line = self._lines.readline()
        assert line, "no reply"
        message: dict[str, Any] = json.loads(line)
        if "sentence" in message:
            self._told.append(message["sentence"])
        return message

    def reply(self) -> dict[str, Any]:
        """Return the reply, and the sentences told before it under "told"."""
        while "sentence" in (message := self.next()):
            pass
        return {**message, "told": self._told}

    def close(self) -> None:
        """Close the connection: nobody waits for the reply any more."""
        self._lines.close()
        self._link.close()


def resident(pid: int) -> int:
    """Return the memory that a process holds, in bytes."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return 1024 * int(match[1])


def wait_for(found: Callable[[], T], seconds: float = GUARD, what: object = "it") -> T:
    """Return the first true answer within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    shown = what.read_text("utf-8")[-3000:] if isinstance(what, Path) else what
    raise AssertionError(f"waited {seconds} s in vain for {shown}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def write_program(path: Path, text: str) -> None:
    """Write a script that can be run; it appears whole."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text)
    temporary.chmod(0o755)
    temporary.replace(path)


def path_with(folder: Path) -> str:
    """Return a $PATH on which a folder comes first."""
    return f"{folder}:{os.environ['PATH']}"


@contextmanager
def running(folder: Path, *argv: object, **environment: str) -> Iterator[Service]:
    """Yield a service that is ready."""
    service = Service(folder, *argv, **environment)
    try:
        service.wait_told("READY=1")
        yield service
    finally:
        service.close()
