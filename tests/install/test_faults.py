"""install-pi as a whole brings another model, and one change of its files after another goes wrong.

More of them: RNN_FAULTS=N. Its steps by themselves, with far more: `tests/faults/test_install.py`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faults import shim
from tests.helpers.checkpoints import small_network
from tests.helpers.commands import needs_tensorflow
from tests.helpers.container import BASE, Container, booted, clone, debian, needs_containers
from tests.helpers.conversion import Converter

pytestmark = [
    needs_containers,
    needs_tensorflow,
    shim.needs_compiler,
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 11), reason="the container's Python is 3.11, as the wheels are"
    ),
    pytest.mark.long,
    pytest.mark.timeout(3600),
]

POINTS = int(os.environ.get("RNN_FAULTS", "6"))
INSTALL = "/root/textgenrnn-pi/scripts/install-pi --engine none --model /root/{}.tflite"
MODELS = "/var/lib/textgenrnn-pi"
FOLDERS = (MODELS, "/etc/systemd/system")


@pytest.fixture(scope="module")
def container(
    converted: Converter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """With the service installed, offline, and two models to change between."""
    packages = f"{BASE},python3-venv,procps,alsa-utils,espeak-ng"
    with booted(debian("bookworm", packages), tmp_path_factory.mktemp("faults")) as container:
        home = container.root / "root"
        source = clone(home / "textgenrnn-pi")
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
             "-w", home / "wheels", source],
            check=True, timeout=1200,
        )  # fmt: skip
        for name, seed in (("old", 0), ("new", 1)):
            network = small_network(seed, classes=20)
            shutil.copy(converted.small(f"{name}-faults", network, 8), home / f"{name}.tflite")
        shutil.copy(shim.build(tmp_path_factory.mktemp("shim")), home / "shim.so")
        done = container.run(f"{INSTALL.format('old')} --wheelhouse /root/wheels", 600)
        assert done.returncode == 0, done.stdout + done.stderr
        yield container


def installing(container: Container, folder: str, at: int, kind: str) -> tuple[int, str, int]:
    """Install the new model with a fault; return the exit code, what is said, and the points."""
    (container.root / "root/count").write_bytes(bytes(8))
    # In a session of its own: a kill takes the whole process group.
    done = container.run(
        f"setsid -w env LD_PRELOAD=/root/shim.so FAULT_FOLDER={folder} FAULT_COUNT=/root/count "
        f"FAULT_AT={at} FAULT_KIND={kind} {INSTALL.format('new')}",
        600,
    )
    points = int.from_bytes((container.root / "root/count").read_bytes(), "little")
    return done.returncode, done.stdout + done.stderr, points


def state(container: Container) -> str:
    content = (container.root / MODELS.lstrip("/") / "model.tflite").read_bytes()
    for name in ("old", "new"):
        if content == (container.root / f"root/{name}.tflite").read_bytes():
            return name
    return "lost"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_service_has_the_old_or_the_new_model(container: Container, folder: str) -> None:
    def restore() -> None:
        done = container.run(INSTALL.format("old"), 600)
        assert done.returncode == 0, done.stdout + done.stderr
        assert state(container) == "old"

    restore()
    code, said, points = installing(container, folder, 0, "eio")
    assert code == 0, said
    assert points >= 5
    faults = [(at, kind) for at in range(1, points + 1) for kind in shim.KINDS]
    for at, kind in random.Random(0).sample(faults, min(POINTS, len(faults))):
        restore()
        code, said, _ = installing(container, folder, at, kind)
        assert state(container) in ("old", "new"), (at, kind, said)
        assert code or state(container) == "new", (at, kind, said)
        assert container.status(), "the service answers"
        container.run("systemctl restart rnn-speak")
        container.wait(container.status)
        restore()
        for each in FOLDERS:
            left = list((container.root / each.lstrip("/")).rglob(".*"))
            assert not left, (at, kind, left)
