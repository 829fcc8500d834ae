"""Programs that believe they talk to a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import tempfile
from pathlib import Path


def on_a_terminal(folder: Path, *argv: object, stdout_too: bool = False) -> tuple[int, str, str]:
    """Run a program whose stderr is a terminal; return its exit code, stdout and the terminal's."""
    mine, its = pty.openpty()
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            [str(part) for part in argv],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=its if stdout_too else written,
            stderr=its,
        )
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while piece := os.read(mine, 1 << 16):
                shown += piece
        os.close(mine)
        code = process.wait()
        written.seek(0)
        return code, written.read().decode(), shown.decode().replace("\r\n", "\n")
