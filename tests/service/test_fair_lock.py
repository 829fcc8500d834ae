"""Whose text is spoken next."""

from __future__ import annotations

import asyncio

from pi_runtime.service.fair_lock import FairLock


def order(*asked: tuple[int | None, str], cancelled: tuple[str, ...] = ()) -> list[str]:
    """Return the order in which those who ask while the lock is taken get it."""
    got: list[str] = []

    async def act() -> None:
        lock = FairLock()

        async def one(user: int | None, name: str) -> None:
            await lock.acquire(user)
            got.append(name)
            await asyncio.sleep(0)
            lock.release()

        await lock.acquire(0)
        tasks = {name: asyncio.create_task(one(user, name)) for user, name in asked}
        await asyncio.sleep(0)
        for name in cancelled:
            tasks[name].cancel()
        lock.release()
        await asyncio.wait(tasks.values())
        async with asyncio.timeout(60):
            await lock.acquire(9)  # it is free again

    asyncio.run(act())
    return got


def test_one_users_are_served_in_the_order_of_asking() -> None:
    assert order((1, "a"), (1, "b"), (1, "c")) == ["a", "b", "c"]


def test_users_take_turns() -> None:
    asked = [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (2, "b2"), (None, "own")]
    assert order(*asked) == ["a1", "b1", "own", "a2", "b2", "a3"]


def test_those_who_wait_no_more_are_passed_over() -> None:
    asked = [(1, "a1"), (1, "a2"), (2, "b1"), (2, "b2")]
    assert order(*asked, cancelled=("a1", "b1", "b2")) == ["a2"]
    assert order(*asked, cancelled=("a1", "a2", "b1", "b2")) == []


def test_one_that_is_cancelled_as_it_gets_it_passes_it_on() -> None:
    async def act() -> None:
        lock = FairLock()
        await lock.acquire(0)
        first, second = (asyncio.create_task(lock.acquire(user)) for user in (1, 2))
        await asyncio.sleep(0)
        lock.release()
        first.cancel()
        async with asyncio.timeout(60):
            assert await second

    asyncio.run(act())
