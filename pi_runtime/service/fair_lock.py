"""A lock that users get in turns, however many wait for it on behalf of one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal


class FairLock:
    """As `asyncio.Lock`, but the next to get it is another user's, if one waits."""

    def __init__(self) -> None:
        self._locked = False
        self._waiting: dict[int | None, deque[asyncio.Future[None]]] = {}
        """By user, in the order of their turns."""

    async def acquire(self, user: int | None) -> Literal[True]:
        """Wait for the lock."""
        if not self._locked:
            self._locked = True
            return True
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given at that very moment
                self.release()
            raise
        return True

    def release(self) -> None:
        """Give it to the next one."""
        for user in list(self._waiting):
            queue = self._waiting.pop(user)
            while queue:
                following = queue.popleft()
                if following.done():
                    continue  # it waits no more
                if queue:
                    self._waiting[user] = queue
                following.set_result(None)
                return
        self._locked = False
