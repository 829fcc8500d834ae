"""install-pi's and deploy's own steps, with each change of a file going wrong in turn.

The whole installation, in a Debian of its own: `tests/install`.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.faults import shim
from tests.helpers.commands import ROOT
from tests.helpers.processes import wait_for

pytestmark = [shim.needs_compiler, pytest.mark.timeout(1200)]

POINTS = int(os.environ.get("RNN_FAULTS", "40"))
"""How many faults of each step are tried, chosen by chance; the steps have up to 250."""

# The parts of install-pi as it loads them, on folders of the test's. What needs a booted system is
# replaced: the proof, which here is a word in the file, and systemd.
STEPS = r"""
set -Eeuo pipefail
source={root} models=$PWD/models home=$PWD/home
for part in report files units model; do . "$source/scripts/install/$part.sh"; done
log={log}
trap failed ERR
trap tidy EXIT
trap 'exit 143' TERM
prove() {{ refusal=bad; grep -q good "$1"; }}
systemd_runs() {{ {systemd}; }}
start() {{ {start}; }}
clear_leftovers "$models" "$home"
{step}
"""
TAKE = "take_model {given}/new.tflite ''"
UNIT = 'quietly put_file {given}/new.tflite "$models/model.tflite" 644'
STREAM = 'sed s/x/x/ {given}/new.tflite | quietly put_file - "$models/model.tflite" 644 || false'

# Of a step: whether systemd is there, whether the service comes up, and whether the new may stay.
CASES = {
    "a model": (TAKE, "false", "true"),
    "a model that the service refuses": (TAKE, "true", "false"),
    "a file": (UNIT, "false", "true"),
    "a file from a pipe": (STREAM, "false", "true"),
}


class Step:
    """A step of install-pi on folders of its own."""

    def __init__(self, folder: Path, step: str, systemd: str, start: str) -> None:
        self._given, self._folder, self._log = folder / "given", folder / "out", folder / "log"
        self._given.mkdir()
        (self._given / "new.tflite").write_text("good new\n" * 5000)
        self._library = shim.build(folder)
        script = STEPS.format(
            root=shlex.quote(str(ROOT)),
            log=shlex.quote(str(self._log)),
            systemd=systemd,
            start=start,
            step=step.format(given=self._given),
        )
        (self._given / "step").write_text(script)
        # systemctl and journalctl speak of this machine's services.
        for name in ("systemctl", "journalctl"):
            (self._given / name).symlink_to("/bin/true")

    def run(self, at: int = 0, kind: str = "eio", *, fresh: bool = True) -> shim.Run:
        if fresh:
            shutil.rmtree(self._folder, ignore_errors=True)
            (self._folder / "models").mkdir(parents=True)
            (self._folder / "home").mkdir()
            (self._folder / "models/model.tflite").write_text("good old\n" * 3000)
        self._log.write_text("")
        path = f"{self._given}:{os.environ['PATH']}"
        argv = ["bash", str(self._given / "step")]
        return shim.run(self._library, argv, self._folder, at, kind, environment={"PATH": path})

    def state(self) -> str:
        try:
            content = (self._folder / "models/model.tflite").read_text()
        except OSError:
            return "lost"
        return {"good old\n" * 3000: "old", "good new\n" * 5000: "new"}.get(content, "lost")

    def stray(self) -> list[str]:
        return [str(each) for each in self._folder.rglob("*") if each.name.startswith(".")]


@pytest.mark.parametrize("case", CASES)
def test_the_old_or_the_new_is_there_and_nothing_else(case: str, tmp_path: Path) -> None:
    step = Step(tmp_path, *CASES[case])
    points = step.run().points
    expected = step.state()
    assert (expected == "old") == (case == "a model that the service refuses")
    assert points >= 5
    faults = [(at, kind) for at in range(1, points + 1) for kind in shim.KINDS]
    for at, kind in random.Random(0).sample(faults, min(POINTS, len(faults))):
        run = step.run(at, kind)
        fault = f"{kind} at {at} of {points}: {run.stderr}"
        assert step.state() in ("old", "new"), fault
        if run.returncode > 0:
            assert len(re.findall(r"^error: .+", run.stderr, re.M)) == 1, fault
            assert "without a word" not in run.stderr, fault
        elif run.returncode == 0:
            assert step.state() == expected, fault
        again = step.run(fresh=False)
        assert step.state() == expected or again.returncode, fault
        assert not step.stray(), fault


REMOTE = re.search(r"\nremote='\n(.+?)\n'\n", (ROOT / "scripts/deploy").read_text(), re.DOTALL)
INSTALL = b'#!/bin/bash\ncat model.tflite >installed.$$\nmv installed.$$ "$INSTALLED"\n'


def archive(model: bytes) -> bytes:
    """Return what deploy sends, with an install-pi that only notes the model."""
    sources = packed({"scripts/install-pi": INSTALL})
    files = {"a.whl": b"wheel", "model.tflite": model, "sources.tar": sources}
    sums = "".join(f"{hashlib.sha256(file).hexdigest()}  {name}\n" for name, file in files.items())
    return packed({**files, "sums": sums.encode()})


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as file:
        for name, each in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(each)
            file.addfile(info, io.BytesIO(each))
    return content.getvalue()


def test_a_connection_that_is_cut_changes_nothing(tmp_path: Path) -> None:
    """Cut anywhere, also between two members, where an archive looks complete."""
    assert REMOTE
    script = REMOTE[1].replace("/tmp/rnn-deploy.", f"{tmp_path}/rnn-deploy.")
    installed = tmp_path / "installed"
    installed.write_bytes(b"old")
    sent = archive(b"new" * 700)
    environment = {**os.environ, "INSTALLED": str(installed)}
    ends = [*range(0, len(sent), 512), len(sent)]
    whole = 0
    for end in ends + random.Random(0).sample(range(len(sent)), 20):
        done = subprocess.run(
            ["sh", "-c", script, "deploy"], input=sent[:end], capture_output=True, env=environment
        )
        if done.returncode == 0:  # only zeros were missing
            assert installed.read_bytes() == b"new" * 700
            assert not any(sent[end:])
            whole += 1
        else:
            assert b"error: what was sent did not arrive whole" in done.stderr
            assert installed.read_bytes() == b"old"
        installed.write_bytes(b"old")
        assert not list(tmp_path.glob("rnn-deploy.*"))
    assert whole


def test_what_a_killed_deploy_left_is_removed_by_the_next(tmp_path: Path) -> None:
    assert REMOTE
    script = REMOTE[1].replace("/tmp/rnn-deploy.", f"{tmp_path}/rnn-deploy.")
    argv = ["sh", "-c", script, "deploy"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) as process:
        wait_for(lambda: list(tmp_path.glob("rnn-deploy.*")), "its folder")
        left = list(tmp_path.glob("rnn-deploy.*"))
        wait_for(lambda: subprocess.run(["flock", "-n", *left, "true"]).returncode, "its lock")
        subprocess.run(argv, input=b"", capture_output=True)
        held = list(tmp_path.glob("rnn-deploy.*"))
        os.killpg(process.pid, 9)
    wait_for(lambda: not subprocess.run(["flock", "-n", *left, "true"]).returncode, "its end")
    assert held == left, "the next one leaves what another is at work on"
    subprocess.run(argv, input=b"", capture_output=True)
    assert not list(tmp_path.glob("rnn-deploy.*"))
