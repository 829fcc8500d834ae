"""`scripts/ssh-command` beside programs that print what they were called with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.commands import ROOT
from tests.helpers.service import GUARD

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
"""What it always sets."""

PROGRAM = f"""\
#!{sys.executable} -I
import json, os, sys
print(json.dumps({{
    "program": os.path.basename(sys.argv[0]), "argv": sys.argv[1:],
    "environment": {{k: v for k, v in os.environ.items() if k != "LC_CTYPE"}},
}}))
"""
# Python itself sets LC_CTYPE where the locale is C.


class Forced:
    """The command as sshd would run it."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._seconds = seconds
        self._script = folder / "ssh-command"

    def run(
        self, command: bytes, *of_key: str, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it for a client's command; `of_key` is what the line in authorized_keys gives it."""
        return subprocess.run(
            [self._script, *of_key],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={b"SSH_ORIGINAL_COMMAND": command, **_encoded(environment)},
            timeout=self._seconds,
        )


def _encoded(environment: dict[str, str]) -> dict[bytes, bytes]:
    return {k.encode(): v.encode("utf-8", "surrogateescape") for k, v in environment.items()}


def forced_command(folder: Path, seconds: float = GUARD) -> Forced:
    """Put it into a folder, with the programs that it runs; it may take so many seconds."""
    shutil.copy(ROOT / "scripts" / "ssh-command", folder)
    for name in ("rnn-generate", "rnn-speak"):
        program = folder / name
        program.write_text(PROGRAM)
        program.chmod(0o755)
    return Forced(folder, seconds)
