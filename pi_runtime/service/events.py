"""Those who listen to what the service does: lamps, jaws, and players that give way."""

from __future__ import annotations

import asyncio
from typing import Any

from pi_runtime.errors import Error
from pi_runtime.service.limits import LISTENERS, USER_LISTENERS
from pi_runtime.service.server import Connection

GONE_SECONDS = 1.0
"""How often it is checked whether a listener is still there."""

BACKLOG_BYTES = 16_384
"""What may wait for a listener that does not read. Levels do not wait: they would be old."""

Event = dict[str, Any]


class Events:
    """Those who listen. All methods run in the event loop."""

    def __init__(self) -> None:
        self._skipped: dict[Connection, int] = {}
        """Each listener, with the number of events that it was too slow for."""
        self._state: Event = {"speaking": False, "paused": False}

    @property
    def are_heard(self) -> bool:
        """Whether anybody listens. To be read in any thread."""
        return bool(self._skipped)

    async def listen(self, connection: Connection) -> None:
        """Send a connection every event until it is gone.

        Raises:
            Error: too many listen.
        """
        # Those that have just gone may not have been looked at yet.
        others = [each for each in self._skipped if not each.gone]
        same = sum(each.uid == connection.uid for each in others)
        if same >= USER_LISTENERS or len(others) >= LISTENERS:
            raise Error(
                f"{len(others)} listen to events already",
                f"end one: {LISTENERS} may, {USER_LISTENERS} of one user",
            )
        self._skipped[connection] = 0
        connection.listen()
        connection.send({"event": "listening", **self._state})
        try:
            while not connection.gone:
                await asyncio.sleep(GONE_SECONDS)
        finally:
            del self._skipped[connection]

    def publish(self, event: Event) -> None:
        """Send an event now; a listener that does not keep up is told later how many it missed."""
        match event["event"]:
            case "text" | "end":
                self._state["speaking"] = event["event"] == "text"
            case "pause" | "resume":
                self._state["paused"] = event["event"] == "pause"
        room = 0 if event["event"] == "level" else BACKLOG_BYTES
        for connection, skipped in self._skipped.items():
            if connection.backlog > room:
                self._skipped[connection] += 1
                continue
            if skipped:
                connection.send({"event": "skipped", "events": skipped})
                self._skipped[connection] = 0
            connection.send(event)
