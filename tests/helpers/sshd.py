"""An sshd of our own, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.service import PROGRAM, free_port, wait_for

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")

SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PermitUserEnvironment no
AcceptEnv LANG LC_* RNN_*
SetEnv PATH={path}
Subsystem sftp internal-sftp
"""


@contextmanager
def listening_sshd(folder: Path) -> Iterator[int]:
    """Yield the port on which an sshd of our own listens."""
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config, log = folder / "sshd_config", folder / "sshd.log"
    path = f"{PROGRAM.parent}:/usr/bin:/bin"

    def start() -> tuple[subprocess.Popen[bytes], int]:
        port = free_port()
        config.write_text(SSHD_CONFIG.format(folder=folder, port=port, path=path))
        log.write_bytes(b"")
        daemon = subprocess.Popen([str(SSHD), "-D", "-E", log, "-f", config])
        wait_for(lambda: "listening" in log.read_text() or daemon.poll() is not None, what=log)
        return daemon, port

    daemon, port = start()
    while daemon.poll() is not None:
        assert "already in use" in log.read_text(), log.read_text()  # somebody was faster
        daemon, port = start()
    try:
        yield port
    finally:
        daemon.terminate()
        daemon.wait()
