"""PipeWire without a desktop: a sound card that plays in real time, and what is heard of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.helpers.processes import marked
from tests.helpers.service import wait_for

PROGRAMS = ("pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec", "dbus-daemon")

RATE = 22_050
"""Samples per second of the recording: espeak-ng's."""

STRETCH_SECONDS = 2.0

BLOCK = 21
BLOCKS = RATE // BLOCK
"""Samples whose loudness is kept as one number, and how many such blocks are in a second."""

needs_pipewire = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="PipeWire is not installed"
)


def with_priority(*argv: str) -> list[str]:
    """Return a command with the priority that rtkit gives to PipeWire on a Pi, if it may be had.

    Other programs would make the card stumble otherwise, and not the one that is tested.
    """
    chrt = ["chrt", "--fifo", "20"]
    may = subprocess.run([*chrt, "true"], capture_output=True).returncode == 0
    return [*chrt, *argv] if may else [*argv]


class Recording:
    """How loud the card plays, as it is recorded."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._energy: list[npt.NDArray[np.float32]] = []
        self.blocks = 0
        """How many were recorded."""
        self.started = time.monotonic()
        self._begun: dict[int, float] = {}
        """By stretch of time: when the first sample would have been played, by the clock at the end
        of that stretch; less the recorder's delay. It grows when the card stumbles."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        rest = b""
        while piece := os.read(self._process.stdout.fileno(), 1 << 16):
            rest += piece
            whole = len(rest) // (2 * BLOCK) * 2 * BLOCK
            samples = np.frombuffer(rest[:whole], "<i2").astype(np.float32) / 32768
            rest = rest[whole:]
            self._energy.append((samples**2).reshape(-1, BLOCK).mean(1))
            self.blocks += whole // (2 * BLOCK)
            now = time.monotonic()
            stretch = int((now - self.started) / STRETCH_SECONDS)
            begun = now - self.blocks / BLOCKS
            self._begun[stretch] = min(self._begun.get(stretch, begun), begun)

    def begun(self, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return when the first sample was played, as it seemed at some times."""
        known = sorted(self._begun.items())
        stretches, begun = np.array(known).T
        found = np.searchsorted(stretches, (at - self.started) // STRETCH_SECONDS)
        clipped: npt.NDArray[np.float64] = begun[np.clip(found, 0, len(begun) - 1)]
        return clipped

    def stumbled(self) -> float:
        """Return how many seconds of sound the card lost."""
        return max(self._begun.values()) - min(self._begun.values())

    def energy(self) -> npt.NDArray[np.float64]:
        """Return the mean square of each block."""
        return np.concatenate(list(self._energy)).astype(np.float64)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        if self._process.stdout:
            self._process.stdout.close()


class Card:
    """A card of PipeWire's; programs play to it with these variables in their environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    @contextmanager
    def recorded(self) -> Iterator[Recording]:
        """Record what it plays."""
        argv = ["parec", "-d", "box.monitor", f"--rate={RATE}", "--channels=1"]
        process = subprocess.Popen(
            [*with_priority(*argv), "--format=s16le", "--raw", "--latency-msec=20"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        recording = Recording(process)
        try:
            wait_for(lambda: recording.blocks > BLOCKS / 10, what="the recorder")
            yield recording
        finally:
            recording.close()


def marked_by(mark: str, name: str) -> list[int]:
    """Return the processes of a program that have a variable in their environment."""
    return [
        process
        for process in marked(mark)
        if name in Path(f"/proc/{process}/comm").read_text("utf-8", "replace")
    ]


@contextmanager
def card(folder: Path) -> Iterator[Card]:
    """Yield a card that nobody hears."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bus = f"unix:path={folder}/bus"
    mark = f"RNN_TEST_CARD_{uuid.uuid4().hex}"
    environment = {
        mark: "1",
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "DBUS_SESSION_BUS_ADDRESS": bus,
        "ALSA_CONFIG_PATH": "/usr/share/alsa/alsa.conf",
    }

    def pactl(*argv: str) -> bool:
        done = subprocess.run(
            ["pactl", *argv], env={**os.environ, **environment}, capture_output=True
        )
        return done.returncode == 0

    with ExitStack() as stack:

        def start(*argv: str) -> None:
            process = subprocess.Popen(
                with_priority(*argv),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("dbus-daemon", "--session", "--nofork", f"--address={bus}")
        start("pipewire")
        wait_for((folder / "pipewire-0").exists, what="pipewire")
        start("wireplumber")
        start("pipewire-pulse")
        wait_for(lambda: pactl("info"), what="pipewire-pulse")
        wait_for(lambda: pactl("load-module", "module-null-sink", "sink_name=box"))
        wait_for(lambda: pactl("set-default-sink", "box"))
        try:
            yield Card(environment)
        finally:
            # An aplay that outlives the PipeWire it plays to takes all the memory there is.
            for process in marked_by(mark, "aplay"):
                os.kill(process, signal.SIGKILL)
