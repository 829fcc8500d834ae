"""The control socket: clients that send garbage, are slow or too many hurt only themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from pi_runtime.errors import Error, UsageError
from pi_runtime.service.limits import LINE_BYTES
from pi_runtime.service.protocol import Request, parse_request

MAX_CONNECTIONS = 64
"""One more takes the place of the one that has idled longest, and is refused if none is idle."""

CLIENT_SECONDS = 10.0
"""How long a client gets to send a line, or to take a reply."""

GONE_SECONDS = 0.1
"""How often it is checked whether a client that waits is still there."""

EVENT_QUEUE_BYTES = 8192
"""The socket's queue of events, with the kernel's own accounting: some ten events."""

_LOGGER = logging.getLogger(__name__)


class Connection:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.idle_since: float | None = None
        """Event loop time; None while a request is being answered."""
        self.listens = False
        """Whether it stays to hear events."""
        link: socket.socket = writer.get_extra_info("socket")
        peer = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid, self.uid, _ = struct.unpack("3i", peer)
        self._poll = select.poll()
        self._poll.register(link.fileno(), 0)

    @property
    def gone(self) -> bool:
        """Whether the client closed it. One that only stopped sending still listens."""
        over = select.POLLHUP | select.POLLERR | select.POLLNVAL
        return self._writer.is_closing() or any(event & over for _, event in self._poll.poll(0))

    async def when_gone(self, act: Callable[[], None]) -> None:
        """Wait until the client is gone, then act."""
        while not self.gone:
            await asyncio.sleep(GONE_SECONDS)
        act()

    async def line(self) -> bytes:
        """Return its next line; b"" when there is none.

        Raises:
            UsageError: the line is too long.
            TimeoutError: it does not come.
        """
        try:
            return await asyncio.wait_for(self._reader.readuntil(b"\n"), CLIENT_SECONDS)
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            raise UsageError(
                "a request is too long", f"send up to {LINE_BYTES} bytes per line"
            ) from None

    def send(self, message: dict[str, Any]) -> None:
        """Write a line, as soon as it can be."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    @property
    def backlog(self) -> int:
        """How many bytes wait because the client does not read."""
        return self._writer.transport.get_write_buffer_size()

    def listen(self) -> None:
        """Make it one that stays to hear events: with a short queue, for it is to hear them now."""
        self.listens = True
        link: socket.socket = self._writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, EVENT_QUEUE_BYTES)

    async def flush(self) -> None:
        """Wait until it has taken most of what was written.

        Raises:
            TimeoutError: it does not take it.
            ConnectionError: it is gone.
        """
        await asyncio.wait_for(self._writer.drain(), CLIENT_SECONDS)

    def close(self) -> None:
        """Close it; what was written still goes out."""
        self._writer.close()


class Server:
    """Reads requests, and lets `reply(request, connection)` answer them."""

    def __init__(self, reply: Callable[[Request, Connection], Awaitable[dict[str, Any]]]) -> None:
        self._reply = reply
        self._connections: set[Connection] = set()

    async def listen(self, listener: socket.socket) -> None:
        """Accept connections from now on."""
        await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self._connections.add(connection)
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                self._make_room()
                while await self._one(connection):
                    pass
        finally:
            self._connections.discard(connection)
            connection.close()

    def _make_room(self) -> None:
        if sum(not each.listens for each in self._connections) <= MAX_CONNECTIONS:
            return  # those that listen have a bound of their own
        idle = [each for each in self._connections if each.idle_since is not None]
        if not idle:
            raise ConnectionError("every connection is busy")
        min(idle, key=lambda each: each.idle_since or 0.0).close()

    async def _one(self, connection: Connection) -> bool:
        """Answer one request; return whether more may come."""
        connection.idle_since = asyncio.get_running_loop().time()
        try:
            line = await connection.line()
            if not line:
                return False
            connection.idle_since = None
            request = parse_request(line)
            if request.do != "status":
                _LOGGER.info("%s from uid %d, pid %d", request.do, connection.uid, connection.pid)
            reply = {"ok": True, **await self._reply(request, connection)}
        except Error as error:
            reply = {"ok": False, "error": str(error), "code": error.exit_code}
            _LOGGER.info("refused uid %d, pid %d: %s", connection.uid, connection.pid, error)
        connection.send(reply)
        await connection.flush()
        return connection.idle_since is None  # a line that was too long ends the connection
