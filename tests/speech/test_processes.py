"""Engines as processes: time limits, cancelling, and what is left behind."""

from __future__ import annotations

import contextlib
import sys
import threading
from random import Random

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import Cancelled, OneShotProcess, PersistentProcess
from tests.helpers.processes import marked, once, wait_for
from tests.helpers.speech import PATIENCE

FOREVER = "100000"
"""Seconds that no test waits for."""


def gone(mark: str) -> None:
    """Wait until no process is left. One that was killed may need a moment."""
    wait_for(lambda: not marked(mark), "the end of every process")


# --- a process per sentence ----------------------------------------------------------------------


def test_a_hanging_engine_costs_its_time_and_leaves_no_process(mark: str) -> None:
    with pytest.raises(SpeechError, match=r"sleep took longer than 0\.2 s"):
        OneShotProcess(0.2).run(["sleep", FOREVER])
    gone(mark)
    with pytest.raises(SpeechError, match="no such file"):
        OneShotProcess(PATIENCE).run(["no-such-engine"])


@pytest.mark.parametrize(
    ("script", "processes"),
    [
        (f"sleep {FOREVER} & sleep {FOREVER} & wait", 3),
        # The engine itself has ended; what it started holds its output open.
        (f"sleep {FOREVER} & sleep {FOREVER} & exit", 2),
    ],
)
@pytest.mark.parametrize("end", ["cancel", "close"])
def test_cancelling_kills_what_the_engine_started(
    script: str, processes: int, end: str, mark: str
) -> None:
    process = OneShotProcess(PATIENCE)
    stop = getattr(process, end)
    with (
        once(lambda: len(marked(mark)) == processes, "all of them", stop),
        pytest.raises(Cancelled, match="sh was cancelled"),
    ):
        process.run(["sh", "-c", script])
    gone(mark)


def test_a_time_limit_holds_for_what_the_engine_started(mark: str) -> None:
    with pytest.raises(SpeechError, match="sh took longer than 1 s"):
        OneShotProcess(1).run(["sh", "-c", f"sleep {FOREVER} & exit"])
    gone(mark)


def test_cancelling_is_for_the_sentence_at_work_and_closing_for_good() -> None:
    process = OneShotProcess(PATIENCE)
    process.cancel()
    assert process.run(["cat"], text="Hello") == (b"Hello", "")
    process.cancel()
    assert process.run(["cat"], text="Hello") == (b"Hello", "")
    process.close()
    with pytest.raises(SpeechError, match="cat was closed"):
        process.run(["cat"], text="Hello")


# --- a process that stays ------------------------------------------------------------------------

REPLY_WITH_OWN_ID = """\
import os, sys
for line in sys.stdin:
    sound = b"%08d" % os.getpid()
    sys.stdout.buffer.write(b"16000 %d\\n" % len(sound) + sound)
    sys.stdout.buffer.flush()
"""

HANG_AFTER_ONE = f"""\
import subprocess, sys
sys.stdin.readline()
print("16000 2\\nab", end="", flush=True)
sys.stdin.readline()
subprocess.run(["sleep", "{FOREVER}"])
"""

QUICK = ("sh", "-c", "while read -r line; do printf '16000 2\\nab'; done")


def persistent(script: str, seconds: float = PATIENCE) -> PersistentProcess:
    return PersistentProcess("it", (sys.executable, "-c", script), seconds)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (f"import time; time.sleep({FOREVER})", r"took longer than 0\.5 s"),
        ("print('garbage')", "died"),
        ("sys.stdin.readline(); print('16000 99999999999')", "died"),
        ("sys.stdin.readline(); print('16000 4'); print('a')", "died"),
        ("[print('16000 0', flush=True) for line in sys.stdin]", "made no sound"),
        ("", "died"),
    ],
)
def test_one_that_hangs_dies_or_writes_garbage_is_one_error(
    script: str, says: str, mark: str
) -> None:
    seconds = 0.5 if "longer" in says else PATIENCE
    process = persistent(f"import sys; {script}", seconds)
    for _ in range(2):
        with pytest.raises(SpeechError, match=f"^it {says}"):
            process.ask("Hello")
    process.close()
    gone(mark)
    with pytest.raises(SpeechError, match="it was closed"):
        process.ask("Hello")


def test_it_stays_from_text_to_text_and_ends_when_it_is_closed(mark: str) -> None:
    process = persistent(REPLY_WITH_OWN_ID)
    first = process.ask("One")
    process.cancel()  # nothing is being said
    assert process.ask("Two\nlines") == process.ask("Three") == first
    assert marked(mark) == [int(first.samples)]
    process.close()
    gone(mark)


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_cancelled_in_mid_reply_it_is_started_again_unless_it_is_closed(
    end: str, mark: str
) -> None:
    process = persistent(HANG_AFTER_ONE)
    assert process.ask("One") == Pcm(16_000, b"ab")
    (first,) = marked(mark)
    stop = getattr(process, end)
    with (
        once(lambda: len(marked(mark)) == 2, "the second text", stop),
        pytest.raises(Cancelled, match="it was cancelled"),
    ):
        process.ask("Two")
    gone(mark)
    if end == "cancel":
        assert process.ask("Three") == Pcm(16_000, b"ab")
        assert marked(mark) != [first]
        process.close()
        gone(mark)
    else:
        with pytest.raises(SpeechError, match="it was closed"):
            process.ask("Three")


def test_cancelling_at_any_moment_costs_no_text_but_the_one_at_work(mark: str) -> None:
    process = PersistentProcess("it", QUICK, PATIENCE)
    ended = threading.Event()
    random = Random(0)

    def cancel_again_and_again() -> None:
        while not ended.wait(random.random() / 500):
            process.cancel()

    thread = threading.Thread(target=cancel_again_and_again)
    thread.start()
    replies = 0
    try:
        for _ in range(1000):
            with contextlib.suppress(Cancelled):
                assert process.ask("Hello") == Pcm(16_000, b"ab")
                replies += 1
    finally:
        ended.set()
        thread.join()
        process.close()
    assert replies
    gone(mark)
