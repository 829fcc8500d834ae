"""The hours in which the service says nothing by itself."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from pi_runtime.errors import UsageError

DAY = 24 * 60
"""Minutes."""

LOOK_SECONDS = 30.0
"""How often it is seen whether quiet hours are over."""

EXAMPLE = "write one such as 22:00-07:00, or several: 13:00-15:00,22:00-07:00"


@dataclass(frozen=True)
class QuietHours:
    """Stretches of the day by the clock on the wall, so that summer time needs no care.

    >>> QuietHours.read("22:00-07:00").until(time.strptime("23:30", "%H:%M"))
    '07:00'

    The clock is looked at again and again, and no time is slept through: a Pi without a battery
    learns the time from the network, minutes after it has started.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    """The first minute of the day that is quiet, and the first that is not. The second may be less:
    then midnight lies between."""

    @classmethod
    def read(cls, text: str) -> QuietHours:
        """Read what a user writes.

        Raises:
            UsageError: it has another form, or leaves no time to speak.
        """
        hours = cls(tuple(_range(text, part.strip()) for part in text.split(",")))
        if all(hours._contain(minute) for minute in range(DAY)):
            raise UsageError(
                f"--quiet-hours {text} leaves no time to speak", "for that write --on-demand"
            )
        return hours

    def until(self, now: time.struct_time | None = None) -> str:
        """Return the time of day at which the present quiet ends; "" if it is not quiet."""
        if not self.ranges:
            return ""
        if now is None:
            now = local_time()
        minute = 60 * now.tm_hour + now.tm_min
        if not self._contain(minute):
            return ""
        while self._contain(minute):  # from one into the next, if they overlap
            minute = (minute + 1) % DAY
        return f"{minute // 60:02}:{minute % 60:02}"

    def _contain(self, minute: int) -> bool:
        return any(
            first <= minute < end if first < end else minute >= first or minute < end
            for first, end in self.ranges
        )


def local_time() -> time.struct_time:
    """Return the local time, in the zone that is set now."""
    time.tzset()  # /etc/localtime may be another one than when the service started
    return time.localtime()


def _range(text: str, part: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)", part, re.ASCII)
    if not match:
        raise UsageError(f"--quiet-hours {text!r} is not like 22:00-07:00", EXAMPLE)
    hours, minutes = (int(match[1]), int(match[3])), (int(match[2]), int(match[4]))
    first, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
    if max(minutes) > 59 or first >= DAY or end > DAY:
        raise UsageError(f"--quiet-hours {part}: the clock has no such time", EXAMPLE)
    if first == end:
        raise UsageError(f"--quiet-hours {part} ends when it begins", EXAMPLE)
    return first, end % DAY
