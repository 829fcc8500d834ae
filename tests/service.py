"""The service in its own process, without systemd, with the sound going nowhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("rnn-speakd")

NOWHERE = """\
</usr/share/alsa/alsa.conf>
pcm.!default {{ type file slave.pcm "null" file "{}" format "raw" }}
"""


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
        threading.Thread(target=self._listen, daemon=True).start()
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
        with contextlib.suppress(OSError):
            while True:
                self.told += self.manager.recv(4096).decode().splitlines()

    def wait_told(self, start: str) -> str:
        """Return the next thing it tells the manager that starts so."""

        def heard() -> str:
            while self._heard < len(self.told):
                self._heard += 1
                if self.told[self._heard - 1].startswith(start):
                    return self.told[self._heard - 1]
            return ""

        line: str = wait_for(heard, 30, self.log_path)
        return line

    def wait_log(self, pattern: str, seconds: float = 30) -> str:
        return wait_for(lambda: re.search(pattern, self.log), seconds, self.log_path)[0]

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(60)
        link.connect(str(self.address))
        return link

    def ask(self, do: str, **members: object) -> dict[str, Any]:
        """Return the answer to a request, and the sentences told meanwhile under "told"."""
        with self.connect() as link:
            link.sendall(json.dumps({"v": 1, "do": do, **members}).encode() + b"\n")
            told = []
            for line in link.makefile("rb"):
                answer: dict[str, Any] = json.loads(line)
                if "sentence" not in answer:
                    return {**answer, "told": told}
                told.append(answer["sentence"])
        raise AssertionError("no answer")

    def resident(self) -> int:
        """Return the memory it holds, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match
        return 1024 * int(match[1])

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def children(self) -> list[str]:
        """Return the states of its child processes; Z is a zombie."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == self.process.pid:
                found.append(state)
        return found

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it; return how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - begun

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.manager.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens
        self.manager.close()


def wait_for(found: Callable[[], Any], seconds: float, what: object = "it") -> Any:
    """Return the first true answer within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    shown = what.read_text("utf-8")[-3000:] if isinstance(what, Path) else what
    raise AssertionError(f"waited {seconds} s in vain for {shown}")


@contextmanager
def running(folder: Path, *argv: object, **environment: str) -> Iterator[Service]:
    """Yield a service that is ready."""
    service = Service(folder, *argv, **environment)
    try:
        service.wait_told("READY=1")
        yield service
    finally:
        service.close()
