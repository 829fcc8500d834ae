"""On PYTHONPATH, takes away from the project's commands what Python has not on Windows.

As far as can be had: what the standard library itself needs here stays, and pip is left alone.
"""

import os
import select
import signal
import socket
import subprocess
import sys

if os.environ.get("WITHOUT_POSIX") or any("/rnn-" in word for word in sys.orig_argv):
    os.environ["WITHOUT_POSIX"] = "1"  # for child processes
    for name in ("fcntl", "grp", "pwd", "resource", "syslog", "termios"):
        sys.modules[name] = None  # type: ignore[assignment]  # which makes its import fail
    for module, names in {
        os: "chown fork getuid geteuid getgid killpg mkfifo nice sched_getaffinity setsid statvfs",
        signal: "SIGALRM SIGHUP SIGKILL SIGUSR1 SIGUSR2 SIGPIPE pthread_sigmask",
        socket: "AF_UNIX",
        select: "poll epoll",
    }.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    # There this ends a process by a call of its own, and needs no signal.
    subprocess.Popen.kill = lambda self: self.send_signal(9)  # type: ignore[method-assign]
