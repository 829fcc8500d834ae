"""Checkpoints made to harm who reads them. Each is refused in one line, soon and in little memory.

What the readers of other programs did with them, and this one before it read in a child process
with limits, is in each story.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from convert.errors import CheckpointError
from convert.weights import hdf5_process, reading
from tests.helpers.checkpoints import small_network, write_keras_3, write_weights

h5py = pytest.importorskip("h5py")

from convert.weights.checkpoint import read_checkpoint  # noqa: E402 - beside its library

EMBEDDINGS = "embedding/embedding_3/embeddings:0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint to be turned into an attack."""
    path = tmp_path / "w.hdf5"
    write_weights(path, small_network())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(caught.value).isprintable()
    return str(caught.value)


READ = """
import resource, sys
from pathlib import Path
from convert.weights.checkpoint import read_checkpoint
from convert.errors import CheckpointError
try:
    read_checkpoint(Path(sys.argv[1]))
except CheckpointError as error:
    print(error)
print(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def refusal_and_peak(path: Path) -> tuple[str, int]:
    """Return why a file is refused, and the most memory that the reading child had, in bytes.

    By a small process of its own: what a child had counts from its parent's memory on.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    line, peak = done.stdout.splitlines()
    return line, int(peak)


def test_the_root_group_in_another_file(path: Path, tmp_path: Path) -> None:
    """`model_weights` as an external link: whatever file it named was opened and read."""
    with h5py.File(tmp_path / "attack.hdf5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(path), "/")
    assert "model_weights is a link out of the file" in refusal(tmp_path / "attack.hdf5")


def test_a_link_to_a_pipe(path: Path, tmp_path: Path) -> None:
    """Opening a FIFO waits for a writer: the converter hung for ever."""
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(path, "r+") as file:
        del file["rnn_1"]
        file["rnn_1"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/")
    assert "rnn_1 is a link out of the file" in refusal(path)


@pytest.mark.parametrize("target", ["/nothing", "/attention/attention_3/attention_W:0", "/"])
def test_soft_links(path: Path, target: str) -> None:
    """They may point to themselves, to their parent, or to an array that is checked elsewhere."""
    with h5py.File(path, "r+") as file:
        del file[EMBEDDINGS]
        file[EMBEDDINGS] = h5py.SoftLink(target)
    assert "is a link out of the file" in refusal(path)


def test_values_in_another_file(path: Path) -> None:
    """External storage: the array's values are those of any file that its user may read."""
    with h5py.File(path, "r+") as file:
        del file[EMBEDDINGS]
        file.create_dataset(EMBEDDINGS, (12, 6), "f4", external=[("/etc/passwd", 0, 288)])
    assert "stored in a way Keras does not use" in refusal(path)


def test_one_array_named_forty_times(tmp_path: Path) -> None:
    """94 kB took 2.45 GB: each of a layer's names led to the same compressed zeros."""
    path = tmp_path / "w.hdf5"
    with h5py.File(path, "w") as file:
        names = [f"rnn_{number}" for number in range(1, 41)]
        file.attrs["layer_names"] = names
        zeros = file.create_dataset(
            "zeros", (4096, 4000), "f4", data=np.zeros((4096, 4000)), compression="gzip"
        )
        for name in names:
            group = file.create_group(name)
            group.attrs["weight_names"] = ["kernel"]
            group["kernel"] = zeros
    assert path.stat().st_size < 200_000
    line, peak = refusal_and_peak(path)
    assert "claim more than a file of its size can hold" in line
    assert peak < 200 << 20


def test_a_chunk_that_inflates_beyond_its_size(path: Path) -> None:
    """zlib's output is as long as its input says, whatever the size of the chunk."""
    with h5py.File(path, "r+") as file:
        del file[EMBEDDINGS]
        array = file.create_dataset(EMBEDDINGS, (12, 6), "f4", chunks=(12, 6), compression="gzip")
        array.id.write_direct_chunk((0, 0), zlib.compress(bytes(2_000_000_000), 9))
    line, peak = refusal_and_peak(path)
    assert "the HDF5 structure is damaged" in line
    assert peak < 500 << 20


def test_a_chunk_larger_than_its_array(path: Path) -> None:
    """A chunk is allocated and read whole, though the array in it has some numbers only: in a file
    with a gigabyte of holes that took ten seconds."""
    with h5py.File(path, "r+") as file:
        del file[EMBEDDINGS]
        array = file.create_dataset(
            EMBEDDINGS, (12, 6), "f4", chunks=(1 << 14, 1 << 14), maxshape=(None, None),
            compression="gzip",
        )  # fmt: skip
        array.id.write_direct_chunk((0, 0), zlib.compress(bytes(1000)))
    assert "is stored in chunks of 1073741824 bytes, far larger than itself" in refusal(path)


def test_an_archive_that_inflates(tmp_path: Path) -> None:
    """A .keras file is a ZIP, whose members may be a thousand times larger."""
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(30):
                member.write(bytes(10_000_000))
    assert "model.weights.h5 claims more than a file of its size can hold" in refusal(path)


def test_an_archive_that_lies_about_its_size(tmp_path: Path) -> None:
    """Only the directory says how large a member is."""
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300_000_000))
    content = path.read_bytes()
    size = (300_000_000).to_bytes(4, "little")
    path.write_bytes(content.replace(size, (1000).to_bytes(4, "little")))
    refusal(path)


def test_names_without_end(path: Path) -> None:
    """Lists of names, and names, of any length."""
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = np.array([b"embedding"] * 5000)
    assert "it lists 5000 layers" in refusal(path)
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = ["embedding", "x" * 10_000]
    assert "a name of 10000 characters" in refusal(path)


def test_groups_without_end(tmp_path: Path) -> None:
    """A hard link may make a group its own child."""
    path = tmp_path / "a.weights.h5"
    write_keras_3(path, small_network())
    with h5py.File(path, "r+") as file:
        file["layers/lstm/cell/cell"] = file["layers/lstm"]
    assert "nested too deep" in refusal(path)


@pytest.mark.parametrize(("offset", "value"), [(2496, 255), (2536, 0), (2417, 2), (7123, 255)])
def test_bytes_that_make_a_library_loop(
    tmp_path: Path, offset: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With these single bytes libhdf5 1.14 walks its heap of names in a circle, for ever."""
    path = tmp_path / "w.hdf5"
    write_weights(path, small_network(layers=1), attributes="variable")
    content = bytearray(path.read_bytes())
    content[offset] = value
    path.write_bytes(content)
    monkeypatch.setattr(reading, "cpu_seconds", lambda _: 1.5)
    with contextlib.suppress(CheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize("harm", ["crash", "loop", "sleep", "memory"])
def test_whatever_happens_in_the_library(
    path: Path, harm: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Changes of single bytes made libhdf5 crash, or loop and ignore SIGTERM.

    Which bytes do that is another matter with each release, so the harm is put in its place: into
    the child's h5py.
    """
    code = {
        "crash": "os.kill(os.getpid(), 11)",
        "loop": "signal.signal(15, signal.SIG_IGN)\n        while True: pass",
        "sleep": "time.sleep(1000)",
        "memory": "bytearray(1 << 33)",
    }[harm]
    (tmp_path / "harm").mkdir()
    (tmp_path / "harm" / "h5py.py").write_text(
        "import os, signal, sys, time\n"
        "sys.path.remove(os.path.dirname(__file__))\n"
        "del sys.modules['h5py']\n"
        "import h5py as real\n"
        "sys.modules['h5py'] = real\n"
        "class Harm:\n"
        "    def __init__(self, *_):\n"
        f"        {code}\n"
        "real.File = Harm\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "harm"))
    monkeypatch.setattr(reading, "cpu_seconds", lambda _: 1.5)
    started = time.monotonic()
    assert "the HDF5 structure is damaged" in refusal(path)
    assert time.monotonic() - started < 60, "not the thousand seconds"
    assert hdf5_process.cpu_seconds(1 << 20) < 10
