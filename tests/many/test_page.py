"""docs/many.md, as it is typed: with the real parallel and ssh, and a SLURM's variable.

Each command makes a thousand texts and not a million.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT, run_command
from tests.helpers.pages import Block, blocks
from tests.helpers.sshd import SSHD, listening_sshd

pytestmark = pytest.mark.long

BLOCKS = {block.section: block for block in blocks(ROOT / "docs" / "many.md")}
SIZE = ("-n 1000000", "-n 1000 --shard-size 100")
"""What stands on the page, and what is typed."""


@pytest.fixture(scope="module")
def folder(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder, with a model whose texts are short."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(model, folder / "colab.tflite")
    return folder


@pytest.fixture(scope="module")
def one_run(folder: Path) -> dict[str, bytes]:
    """What the first command makes."""
    typed(folder, BLOCKS["Many texts, on many machines"])
    found = files(folder / "texts")
    assert len(found) == 2 * 10 + 1
    return found


def typed(folder: Path, block: Block, **environment: str) -> None:
    """Type a block into a shell."""
    script = "\n".join(block.lines).replace(*SIZE)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **environment},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def as_lines(folder: Path) -> bytes:
    """Return the same texts as one run prints them."""
    command = SIZE[1].split()[:2]
    return run_command(
        "rnn-generate", "colab.tflite", *command, "--seed", 7, cwd=folder
    ).stdout.encode()


def test_parallel(folder: Path, one_run: dict[str, bytes]) -> None:
    if not shutil.which("parallel"):
        pytest.skip("GNU parallel is not installed")
    block = BLOCKS["GNU parallel"]
    block.lines[1] = block.lines[1].replace(SIZE[0], "-n 1000")  # --shard-size is for --shards
    typed(folder, block)
    assert files(folder / "texts-by-4") == one_run
    assert (folder / "texts.txt").read_bytes() == as_lines(folder)


def test_slurm(folder: Path, one_run: dict[str, bytes]) -> None:
    """SLURM itself is not here: it would run the script with this variable."""
    for task in "3142":
        typed(folder, BLOCKS["SLURM"], SLURM_ARRAY_TASK_ID=task)
    assert files(folder / "texts-of-jobs") == one_run


@pytest.fixture(scope="module")
def ssh(folder: Path) -> Iterator[Path]:
    """A folder with an ssh that knows pi1, pi2 and pi3: all of them an sshd here."""
    if not (SSHD and shutil.which("ssh")):
        pytest.skip("sshd or ssh is not installed")
    keys = folder / "keys"
    keys.mkdir()
    for name in ("host", "own"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True
        )
    (keys / "authorized").write_text((keys / "own.pub").read_text())
    with listening_sshd(keys) as port:
        (keys / "config").write_text(
            f"Host pi1 pi2 pi3\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n"
            f" IdentityFile {keys}/own\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
            f" UserKnownHostsFile {keys}/known\n LogLevel ERROR\n"
        )
        program = keys / "ssh"
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {keys}/config "$@"\n')
        program.chmod(0o755)
        yield keys


def test_ssh(folder: Path, ssh: Path) -> None:
    block = BLOCKS["A few machines and ssh"]
    # They have the model in their home, which is not here.
    lines = [line.replace(SIZE[0], "-n 1000") for line in block.lines]
    block.lines = [line.replace("colab.tflite", f"{folder}/colab.tflite") for line in lines]
    path = f"{ssh}:{Path(sys.executable).parent}:/usr/bin:/bin"
    typed(folder, block, PATH=path)
    assert (folder / "all.txt").read_bytes() == as_lines(folder)


def test_dask(folder: Path, one_run: dict[str, bytes]) -> None:
    pytest.importorskip("distributed")
    typed(folder, BLOCKS["Dask"])
    assert files(folder / "texts-by-dask") == one_run


def test_each_block_is_typed_here() -> None:
    assert set(BLOCKS) == {
        "Many texts, on many machines", "GNU parallel", "SLURM", "A few machines and ssh", "Dask",
    }  # fmt: skip
