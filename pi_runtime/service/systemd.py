"""What systemd is told, and what it passes. Source: sd_notify(3), sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

FIRST_PASSED = 3


class SystemdNotifier:
    """Sends states to systemd; to nobody, if the process was not started by it."""

    def __init__(self) -> None:
        """Take its address out of the environment, so that children do not inherit it."""
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        microseconds = os.environ.pop("WATCHDOG_USEC", "0")
        self.watchdog_seconds = int(microseconds) / 1e6 if microseconds.isdigit() else 0.0
        """Within this time it expects a sign of life; 0: it does not."""
        if os.environ.pop("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            self.watchdog_seconds = 0.0

    def tell(self, **state: object) -> None:
        """Send, e.g., `READY=1` or `STATUS=text`; there is no reply."""
        if not self._address:
            return
        lines = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in state.items())
        # "@" stands for the NUL of Linux's abstract names.
        address = self._address.replace("@", "\0", 1)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.settimeout(1.0)  # if it does not read, the work goes on
            link.connect(address)
            link.send(lines.encode())


def passed_socket() -> socket.socket | None:
    """Return the listening socket that systemd opened for this process, if it did."""
    mine = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "0")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not mine or count != "1":
        return None
    os.set_inheritable(FIRST_PASSED, False)
    return socket.socket(fileno=FIRST_PASSED)
