"""NAME_resume.npz may be anything: a state, or one line."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.errors import TrainingError
from train.resume import MAX_STATE, TrainingState

VARIABLES = [np.ones((3, 4), np.float32), np.array(7, np.int32)]
STATE = TrainingState(2, [1.5, 1.25], [], "print", VARIABLES)
MEMBERS = {"epoch": 2, "losses": [1.5, 1.25], "val_losses": [], "fingerprint": "print"}


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(TrainingError) as caught:
        TrainingState.read(path, "print", VARIABLES)
    said = str(caught.value)
    assert said.isprintable()
    assert "train without --resume" in said
    return said


def archive(
    state: Any = None, arrays: list[Any] | None = None, compression: int = zipfile.ZIP_STORED
) -> bytes:
    """Return a file with this state, as JSON, and these arrays or members as bytes."""
    state = {**MEMBERS, "variables": 2} if state is None else state
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        text = state if isinstance(state, str) else json.dumps(state)
        file.writestr("state.npy", npy(np.array(text)))
        for index, array in enumerate(VARIABLES if arrays is None else arrays):
            file.writestr(f"v{index}.npy", array if isinstance(array, bytes) else npy(array))
    return content.getvalue()


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize("content", [STATE.to_bytes(), archive()])
def test_what_was_written_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a_resume.npz"
    path.write_bytes(content)
    read = TrainingState.read(path, "print", VARIABLES)
    assert (read.epoch, read.losses, read.val_losses) == (2, [1.5, 1.25], [])
    for found, expected in zip(read.variables, VARIABLES, strict=True):
        assert np.array_equal(found, expected)


def test_wherever_it_is_cut(tmp_path: Path) -> None:
    content = STATE.to_bytes()
    for size in range(len(content)):
        refused(tmp_path / "a_resume.npz", content[:size])


def test_whichever_byte_is_another(tmp_path: Path) -> None:
    """Most are caught by the archive's checksums; names and dates of members are not in them."""
    path = tmp_path / "a_resume.npz"
    content = bytearray(STATE.to_bytes())
    for at in range(len(content)):
        content[at] ^= 0x55
        path.write_bytes(content)
        try:
            read = TrainingState.read(path, "print", VARIABLES)
        except TrainingError as error:
            assert str(error).isprintable()
        else:
            assert read.losses == STATE.losses
            assert np.array_equal(read.variables[0], VARIABLES[0])
        content[at] ^= 0x55


ONE = npy(np.zeros(1, np.float32))
HUGE = ONE.replace(b"(1,), }" + b" " * 10, b"(10000000001,), }")
assert len(HUGE) == len(ONE)
WIDE = npy(np.array("a" * 1000)).replace(b"<U1000", b"<U9" + b"9" * 3)
DEEP = ONE.replace(b" " * 40, b"(" * 40)
EVIL = np.array([print], dtype=object)

FOREIGN = {
    "empty": b"",
    "text": b"nonsense" * 99,
    "pickle": pickle.dumps([1, 2]),
    "one array": npy(np.zeros(3)),
    "no state": archive().replace(b"state", b"stale"),
    "no JSON": archive("[" * 100_000),
    "no object": archive("[]"),
    "too long": archive(" " * (MAX_STATE // 4)),
    "other count": archive({**MEMBERS, "variables": 3}),
    "extra member": archive({**MEMBERS, "variables": 2, "more": 1}),
    "missing member": archive({"fingerprint": "print", "variables": 2}),
    "epoch": archive({**MEMBERS, "epoch": "2", "variables": 2}),
    "no epoch": archive({**MEMBERS, "epoch": True, "losses": [1.0], "variables": 2}),
    "losses": archive({**MEMBERS, "losses": [1.5], "variables": 2}),
    "infinite": archive({**MEMBERS, "losses": [1.5, float("inf")], "variables": 2}),
    "shape": archive(arrays=[np.ones((4, 3), np.float32), VARIABLES[1]]),
    "type": archive(arrays=[np.ones((3, 4), np.float16), VARIABLES[1]]),
    "nan": archive(arrays=[np.full((3, 4), np.nan, np.float32), VARIABLES[1]]),
    "object": archive(arrays=[EVIL.dumps(), VARIABLES[1]]),
    "bomb": archive(arrays=[bytes(100_000_000), VARIABLES[1]], compression=zipfile.ZIP_DEFLATED),
    "wide": archive().replace(npy(np.array(json.dumps({**MEMBERS, "variables": 2}))), WIDE),
    "deep": archive(arrays=[DEEP, VARIABLES[1]]),
    "huge": archive(arrays=[HUGE, VARIABLES[1]]),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_state_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "is damaged or no state of a training (" in refused(tmp_path / "a_resume.npz", content)


def test_a_state_of_another_training(tmp_path: Path) -> None:
    other = archive({**MEMBERS, "fingerprint": "other", "variables": 2})
    assert "other texts or with other settings" in refused(tmp_path / "a_resume.npz", other)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a_resume.npz"
    make(path)
    with pytest.raises(TrainingError, match="train without --resume"):
        TrainingState.read(path, "print", VARIABLES)


def test_a_state_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no interrupted training"):
        TrainingState.read(tmp_path / "a_resume.npz", "print", VARIABLES)
