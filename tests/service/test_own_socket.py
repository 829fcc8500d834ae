"""The socket that rnn-speakd opens itself: one owner at a time, and no moment without it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from pi_runtime.errors import UsageError
from pi_runtime.service.own_socket import OwnSocket


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control"


def dead_socket(path: Path) -> None:
    """Leave a socket behind as a killed service does."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_it_is_for_this_user_and_its_group_and_is_gone_afterwards(path: Path) -> None:
    own = OwnSocket(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    own.close()
    assert list(path.parent.iterdir()) == []


def test_a_dead_ones_socket_is_taken_over(path: Path) -> None:
    dead_socket(path)
    path.with_name("control.lock").touch()
    OwnSocket(path).close()
    assert list(path.parent.iterdir()) == []


def test_a_second_one_is_refused_and_the_first_keeps_its_socket(path: Path) -> None:
    first = OwnSocket(path)
    with pytest.raises(UsageError, match="already listens"):
        OwnSocket(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    first.close()


def test_one_that_listens_without_a_lock_is_not_displaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(UsageError, match="already listens"):
            OwnSocket(path)
        assert [each.name for each in path.parent.iterdir()] == ["control"]


def test_what_is_no_socket_stays(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(UsageError, match="no socket"):
        OwnSocket(path)
    assert path.read_text() == "precious"
    assert list(path.parent.iterdir()) == [path]


def test_another_ones_socket_is_not_removed_at_the_end(path: Path) -> None:
    own = OwnSocket(path)
    path.unlink()
    dead_socket(path)
    own.close()
    assert path.is_socket()


def test_a_lock_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.with_name("control.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        OwnSocket(path)
    assert not (tmp_path / "victim").exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OwnSocket(tmp_path / "none" / "control")


def _start(path: Path, barrier: Barrier, won: multiprocessing.Queue[int]) -> None:
    barrier.wait()
    try:
        OwnSocket(path)
    except UsageError:
        won.put(0)
    else:
        won.put(os.getpid())
    barrier.wait()  # the winner lives until all have tried


def test_of_many_that_start_at_once_one_gets_it(path: Path) -> None:
    """Over what a dead one left, where check and unlink used to be two steps."""
    count = 12
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        path.unlink(missing_ok=True)
        dead_socket(path)
        barrier, won = context.Barrier(count), context.Queue()
        starters = [context.Process(target=_start, args=(path, barrier, won)) for _ in range(count)]
        for each in starters:
            each.start()
        winners = [found for found in (won.get() for _ in starters) if found]
        for each in starters:
            each.join()
        assert len(winners) == 1
        assert path.is_socket()
