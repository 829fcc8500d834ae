"""What a replaced file keeps, and whose leftovers are removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pi_runtime.errors import UsageError
from pi_runtime.files import replacing, whole_lines
from pi_runtime.replacement import remove_leftovers

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def write(path: Path, content: bytes = b"new") -> None:
    with replacing(path) as file:
        file.write(content)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("old", [0o600, 0o640, 0o664, 0o444])
def test_the_mode_stays(tmp_path: Path, old: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(old)
    write(path)
    assert (path.read_bytes(), mode(path)) == (b"new", old)


@pytest.mark.parametrize(("umask", "new"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_gets_what_the_umask_leaves(tmp_path: Path, umask: int, new: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == new


def test_it_is_private_until_it_takes_the_mode_of_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"new")
        (temporary,) = tmp_path.glob(".a.rnn-*.tmp")
        assert mode(temporary) == 0o600


@needs_root
def test_owner_and_group_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, NOBODY, NOBODY)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@needs_root
def test_a_group_that_cannot_be_kept_gives_its_rights_to_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o664)
    as_nobody(tmp_path, "write(Path('a'))")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o644)
    assert path.stat().st_uid == NOBODY


def test_user_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.origin", b"here")
    except OSError:
        pytest.skip("no user attributes on this file system")
    write(path)
    assert os.getxattr(path, "user.origin") == b"here"


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/target")
    (tmp_path / "dangling").symlink_to("folder/absent")
    (tmp_path / "loop").symlink_to("loop")
    write(tmp_path / "link")
    write(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "folder/target").read_bytes() == b"new"
    assert (tmp_path / "folder/absent").read_bytes() == b"new"
    with pytest.raises(OSError, match="Too many levels"):
        write(tmp_path / "loop")


def test_other_hard_links_keep_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a" * 255, "ж" * 127, "\udcff" * 255])
def test_long_and_strange_names(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@needs_root
@pytest.mark.parametrize(("folder", "said"), [
    (0o755, "not for this user to write, and a file in it is replaced as a whole"),
    (0o1777, "is another user's, in a folder that keeps it so"),
])  # fmt: skip
def test_a_folder_that_lets_no_file_be_replaced(tmp_path: Path, folder: int, said: str) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o666)
    done = as_nobody(tmp_path, "check_replaceable(Path('a'), '-o')", mode=folder)
    assert UsageError.__name__ in done
    assert said in done


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    for name in ("a", "b"):
        killed(tmp_path, name)
        (left,) = tmp_path.iterdir()
        assert left.name.startswith(f".{name}.rnn-")
    write(tmp_path / "a")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_what_a_running_one_holds_is_not(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as first:
        first.write(b"first")
        write(tmp_path / "a", b"second")
        write(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").read_bytes() == b"first"


def test_nor_what_only_looks_like_it(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / ".a.rnn-1-00000000.tmp").symlink_to("target")
    os.mkfifo(tmp_path / ".a.rnn-1-00000001.tmp")
    (tmp_path / ".a.rnn-1-00000002.tmp").mkdir()
    for name in (".a.tmp", "a.rnn-1-00000003.tmp", ".a.rnn-x-00000004.tmp", ".a.rnn-1-04.tmp"):
        (tmp_path / name).write_text("kept")
    before = sorted(tmp_path.iterdir())
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


@needs_root
def test_nor_another_users(tmp_path: Path) -> None:
    left = tmp_path / ".a.rnn-1-00000000.tmp"
    left.write_text("theirs")
    left.chmod(0o666)
    as_nobody(tmp_path, "write(Path('a'))")
    assert left.exists()


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), whole_lines(path) as line:
        line("one")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


SCRIPT = """
import os, signal, sys
from pathlib import Path
from pi_runtime.errors import UsageError
from pi_runtime.files import check_replaceable, replacing
def write(path):
    with replacing(path) as file:
        file.write(b"new")
"""


def killed(folder: Path, name: str) -> None:
    script = f"{SCRIPT}with replacing(Path({name!r})): os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder)
    assert done.returncode == -9


def as_nobody(folder: Path, statement: str, mode: int = 0o777) -> str:
    """Run a statement in a folder of this mode as a user without rights; return its error."""
    folder.chmod(mode)
    become = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{SCRIPT}{become}{statement}"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.stderr
