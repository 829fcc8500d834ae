"""Who computes next: each user a slice in turn, so that long work locks nobody out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator

from pi_runtime.service.heartbeat import Heartbeat

SLICE_SECONDS = 0.02
"""How long a job computes before it is the next one's turn; a step at least."""

LANE_SLOTS = 3
"""How many jobs of a lane compute in turns: each holds a session's memory. Others wait in order."""


class Job:
    """Work that is done step by step, and can be cancelled between two steps."""

    def __init__(
        self,
        steps: Generator[None],
        end: Callable[[Exception | None], None],
        owner: int | None,
        *,
        is_short: bool,
    ) -> None:
        """`end` is called once, with what went wrong; `owner` is a uid, None the service itself."""
        self.steps = steps
        self.end = end
        self.lane = (owner, is_short)
        """Jobs of one lane wait for each other; short ones do not wait for long ones."""
        self.cancelled = False
        self.is_over = False


class Turns:
    """A thread that does jobs. Its methods may be called in any thread."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._lanes: dict[tuple[int | None, bool], deque[Job]] = {}
        """In the order of their turns; the first `LANE_SLOTS` jobs of each compute."""
        self._dropped: deque[Job] = deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="generation", daemon=True).start()

    def add(self, job: Job) -> None:
        """Do a job in its turn."""
        with self._changed:
            self._lanes.setdefault(job.lane, deque()).append(job)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """End a job within a step; without effect if it is done."""
        with self._changed:
            job.cancelled = True
            lane = self._lanes.get(job.lane, ())
            if job in lane:
                self._remove(job)
                self._dropped.append(job)
                self._changed.notify()

    def cancel_all(self) -> None:
        """End the jobs of all clients within a step."""
        with self._changed:
            jobs = [job for (owner, _), lane in self._lanes.items() for job in lane
                    if owner is not None]  # fmt: skip
        for job in jobs:
            self.cancel(job)

    def _remove(self, job: Job) -> None:
        self._lanes[job.lane].remove(job)
        if not self._lanes[job.lane]:
            del self._lanes[job.lane]

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dropped or self._lanes)
                if self._dropped:
                    job = self._dropped.popleft()
                else:
                    job = next(iter(self._lanes.values()))[0]
            if not job.is_over:  # it may have been cancelled as it ended
                with self._heartbeat.work():
                    self._advance(job)
            with self._changed:
                if job in self._lanes.get(job.lane, ()):
                    self._requeue(job)
            del job  # or it would be kept while there is nothing to do

    def _requeue(self, job: Job) -> None:
        """Let the next lane have its turn, and in this lane the next of the jobs in progress."""
        lane = self._lanes.pop(job.lane)
        lane.remove(job)
        if not job.is_over:
            lane.insert(min(len(lane), LANE_SLOTS - 1), job)
        if lane:
            self._lanes[job.lane] = lane

    def _advance(self, job: Job) -> None:
        """Compute a slice of a job."""
        until = time.monotonic() + SLICE_SECONDS
        error: Exception | None = None
        try:
            while not job.cancelled:
                next(job.steps)
                if time.monotonic() >= until:
                    return
            job.steps.close()
        except StopIteration:
            pass
        except Exception as caught:  # noqa: BLE001 - whoever asked for it raises it
            error = caught
        job.is_over = True
        job.end(error)
