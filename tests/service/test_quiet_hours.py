"""Quiet hours: what the clock on the wall says, whatever it does."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.errors import UsageError
from pi_runtime.service.quiet_hours import DAY, QuietHours


def at(clock: str) -> time.struct_time:
    return time.strptime(clock, "%H:%M")


@pytest.mark.parametrize(
    ("hours", "clock", "until"),
    [
        ("22:00-07:00", "21:59", ""),
        ("22:00-07:00", "22:00", "07:00"),
        ("22:00-07:00", "00:00", "07:00"),
        ("22:00-07:00", "06:59", "07:00"),
        ("22:00-07:00", "07:00", ""),
        ("13:00-15:00", "14:00", "15:00"),
        ("13:00-15:00", "15:00", ""),
        ("9:30-10:05", "10:04", "10:05"),
        ("22:00-24:00", "23:59", "00:00"),
        ("22:00-24:00", "00:00", ""),
        ("22:00-00:00,00:00-07:00", "23:00", "07:00"),
        ("13:00-15:00,22:00-07:00", "12:00", ""),
        ("13:00-15:00, 22:00-07:00", "13:30", "15:00"),
        ("13:00–15:00", "13:30", "15:00"),
    ],
)
def test_until_when_it_is_quiet(hours: str, clock: str, until: str) -> None:
    assert QuietHours.read(hours).until(at(clock)) == until


def test_without_any_it_is_never_quiet() -> None:
    assert QuietHours().until() == ""


minutes = st.integers(0, DAY - 1)
ranges_of_a_day = st.lists(st.tuples(minutes, minutes), min_size=1, max_size=4).filter(
    lambda ranges: all(first != end for first, end in ranges)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ranges_of_a_day, minutes)
def test_it_is_quiet_in_each_range_and_nowhere_else(
    ranges: list[tuple[int, int]], now: int
) -> None:
    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    def contain(minute: int) -> bool:
        return any((minute - first) % DAY < (end - first) % DAY for first, end in ranges)

    text = ",".join(f"{clock(first)}-{clock(end)}" for first, end in ranges)
    if all(map(contain, range(DAY))):
        with pytest.raises(UsageError, match="--on-demand"):
            QuietHours.read(text)
        return
    hours = QuietHours.read(text)
    until = hours.until(at(clock(now)))
    assert bool(until) == contain(now)
    if until:
        assert hours.until(at(until)) == "", "then it may speak"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22",
        "22-7",
        "22:00",
        "22:00-",
        "22:00-7",
        "10pm-7am",
        "22.00-07.00",
        "22:00-07:00,",
        "x",
    ],
)
def test_another_form_is_told_the_right_one(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        QuietHours.read(text)
    assert str(caught.value) == (
        f"--quiet-hours {text!r} is not like 22:00-07:00 – write one such as 22:00-07:00, or "
        "several: 13:00-15:00,22:00-07:00"
    )


@pytest.mark.parametrize("text", ["24:00-07:00", "22:60-07:00", "22:00-25:00", "22:00-24:01"])
def test_a_time_that_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no such time"):
        QuietHours.read(text)


@pytest.mark.parametrize("text", ["22:00-22:00", "07:00-8:00,9:00-09:00"])
def test_a_range_without_length_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="ends when it begins"):
        QuietHours.read(text)


@pytest.mark.parametrize("text", ["00:00-24:00", "07:00-22:00,22:00-07:00"])
def test_what_leaves_no_time_to_speak_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--on-demand"):
        QuietHours.read(text)


# --- real time zones -----------------------------------------------------------------------------


@pytest.fixture(params=["Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
                        "Australia/Lord_Howe", "UTC"])  # fmt: skip
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    monkeypatch.setenv("TZ", request.param)
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


def test_they_follow_the_local_clock_through_a_year(
    zone: ZoneInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both changes to and from summer time are in it, in steps of half an hour."""
    hours = QuietHours.read("22:00-07:00")
    localtime = time.localtime
    moment = 0
    monkeypatch.setattr(time, "localtime", lambda: localtime(moment))
    for moment in range(1_767_225_600, 1_798_761_600, 1800):  # 2026
        until = hours.until()
        wall = datetime.datetime.fromtimestamp(moment, zone).time()
        quiet = wall >= datetime.time(22) or wall < datetime.time(7)
        assert until == ("07:00" if quiet else ""), datetime.datetime.fromtimestamp(moment, zone)


def test_in_the_night_of_summer_time_it_stays_quiet_until_the_clock_shows_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    hours = QuietHours.read("01:30-02:30")
    spring = datetime.datetime(2026, 3, 29, 0, 30, tzinfo=datetime.UTC).timestamp()  # 01:30
    autumn = datetime.datetime(2026, 10, 24, 23, 30, tzinfo=datetime.UTC).timestamp()  # 01:30
    minutes = range(-1, 181)
    quiet = [
        sum(bool(hours.until(time.localtime(begin + 60 * minute))) for minute in minutes)
        for begin in (spring, autumn)
    ]
    monkeypatch.undo()
    time.tzset()
    # In spring 02:00 is 03:00; in autumn the hour from 02:00 to 03:00 comes twice.
    assert quiet == [30, 90]
