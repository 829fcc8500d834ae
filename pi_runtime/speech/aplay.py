"""A sound card, through ALSA's own player, aplay."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import shutil
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from pi_runtime.errors import SpeechError
from pi_runtime.speech.card_faults import Card, Fault, Kind, fault_of
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import kill as kill_group

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two attempts to open a card; doubled each time."""

BLINK_SECONDS = 0.01
"""Sound that tells whether a card can be played to."""

STALL_SECONDS = 10.0
"""After which a player that takes no more sound counts as gone, such as a frozen sound server's."""

_LOOK_SECONDS = 0.05
"""How often a player that works is looked at, and whether the text was cancelled meanwhile."""

_LOGGER = logging.getLogger(__name__)


class Aplay:
    """A sound card. One that is missing or busy is waited for, up to `wait` seconds, with growing
    pauses; so is one that is pulled out while it plays."""

    def __init__(self, device: str = "default", wait: float = 0.0) -> None:
        """Find aplay.

        Raises:
            SpeechError: it is missing.
        """
        _program()
        self.rate: int | None = None
        self._device = device
        self._wait = wait
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.pipe_bytes = 0
        """How much sound may wait to be read by aplay."""

    def __enter__(self) -> Self:
        self.rate = None
        return self

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """See `Sink`."""
        self.rate = rate
        self._cancelled = cancelled or threading.Event()
        self._open(rate)

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if not self._send(samples):
            self._close(kill=True)
            self._open(self.rate or 0)
            if not self._send(samples):
                raise _failure(Fault(self._device, Kind.GONE, "it went away twice", ""))

    def abort(self) -> None:
        """See `Sink`."""
        self._close(kill=True)

    def _open(self, rate: int) -> None:
        """Start playing as soon as the card is available, unless cancelled before."""
        deadline = time.monotonic() + self._wait
        pause = FIRST_PAUSE
        while fault := find_fault(self._device, rate, self._cancelled):
            left = deadline - time.monotonic()
            if left <= 0 or not fault.kind.passes:
                raise _failure(fault)
            _LOGGER.warning("waiting for the sound device %r (%s)", self._device, fault.reason)
            self._cancelled.wait(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
        if self._cancelled.is_set():
            return
        self._process = subprocess.Popen(
            (*_command(self._device, rate), "-q"),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # if it fails, it is asked again why
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin  # noqa: S101 - it is a pipe
        os.set_blocking(self._process.stdin.fileno(), False)
        self.pipe_bytes = _shrink(self._process.stdin.fileno())

    def _send(self, samples: bytes) -> bool:
        """Write, as the player takes it; return whether it took it, or need not any more."""
        if self._process is None or self._process.stdin is None:  # cancelled while it was opened
            return True
        pipe = self._process.stdin.fileno()
        rest = memoryview(samples)
        taken = time.monotonic()
        while rest and not self._cancelled.is_set():
            try:
                if select.select([], [pipe], [], _LOOK_SECONDS)[1]:
                    rest = rest[os.write(pipe, rest) :]
                    taken = time.monotonic()
            except BlockingIOError:
                pass
            except BrokenPipeError:
                return False
            if time.monotonic() - taken > STALL_SECONDS:
                return False
        return True

    def _close(self, *, kill: bool = False) -> int:
        """Let it play what it has, unless cancelled or to be killed; return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        # What its pipe and its buffer may hold.
        deadline = time.monotonic() + STALL_SECONDS + (1 << 16) / (self.rate or 1 << 16)
        try:
            if process.stdin:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            while not kill and process.poll() is None:
                time.sleep(_LOOK_SECONDS)
                kill = self._cancelled.is_set() or time.monotonic() > deadline
        finally:
            kill_group(process)
            process.wait()
        return 0 if self._cancelled.is_set() else process.returncode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code = self._close(kill=error is not None)
        if error is None and code:
            gone = Fault(self._device, Kind.GONE, "it went away", "")
            raise _failure(find_fault(self._device, self.rate or 0, self._cancelled) or gone)


def _shrink(pipe: int) -> int:
    """Make a pipe as short as Linux lets it be; return its size.

    Its usual 64 KB are two seconds of sound, which would be heard after a pause.
    """
    import fcntl  # not everywhere; where aplay is, it is

    with contextlib.suppress(OSError):
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1)  # a page is the least
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def find_fault(device: str, rate: int, cancelled: threading.Event | None = None) -> Fault | None:
    """Play a blink that nobody hears; return why the device cannot be played to, or None.

    None, too, if it is cancelled.
    """
    try:
        code, said = _blink(device, rate, cancelled or threading.Event())
    except TimeoutError:
        return Fault(device, Kind.GONE, f"it took no sound for {STALL_SECONDS:g} s", "")
    if cancelled and cancelled.is_set():
        return None
    said = "\n".join(line for line in said.splitlines() if not line.startswith("Playing raw data"))
    fault = fault_of(said, device)
    # A wrong rate is a warning only: speech at three times its speed.
    return fault if code or fault.kind is Kind.FORMAT else None


def _blink(device: str, rate: int, cancelled: threading.Event) -> tuple[int, str]:
    deadline = time.monotonic() + STALL_SECONDS
    blink: bytes | None = Pcm.faint_noise(BLINK_SECONDS, rate).samples
    process = subprocess.Popen(
        _command(device, rate),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )
    try:
        while not cancelled.is_set():
            try:
                _, said = process.communicate(blink, timeout=_LOOK_SECONDS)
                return process.returncode, said.decode("utf-8", "replace")
            except subprocess.TimeoutExpired:
                blink = None  # it was given
            if time.monotonic() > deadline:
                raise TimeoutError
        return 0, ""
    finally:
        kill_group(process)
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe:
                pipe.close()


def _failure(fault: Fault) -> SpeechError:
    names = [name for name, _ in list_devices()]
    return SpeechError(
        f"the sound device {fault.device!r} cannot be played to ({fault.reason})",
        fault.todo(list_cards(), names),
    )


def list_devices() -> list[tuple[str, str]]:
    """Return the names of the sound devices that can be played to, each with its description.

    Raises:
        SpeechError: aplay is missing.
    """
    devices: list[tuple[str, str]] = []
    for line in _listing("-L"):
        if not line.startswith(" "):
            devices.append((line, ""))
        elif devices and not devices[-1][1]:
            devices[-1] = (devices[-1][0], line.strip())
    return devices


def list_cards() -> list[Card]:
    """Return the sound cards that this user may play to.

    Raises:
        SpeechError: aplay is missing.
    """
    found = (re.match(r"card (\d+): (\S+)", line) for line in _listing("-l"))
    return list(dict.fromkeys(Card(match[1], match[2]) for match in found if match))


def _listing(option: str) -> list[str]:
    listed = subprocess.run(
        (_program(), option), capture_output=True, check=False, env=_environment()
    )
    return listed.stdout.decode("utf-8", "replace").splitlines()


def _program() -> str:
    program = shutil.which("aplay")
    if not program:
        raise SpeechError("aplay is not installed", "sudo apt install alsa-utils")
    return program


def _command(device: str, rate: int) -> tuple[str, ...]:
    return (_program(), "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate))


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # what it says is read
