"""The control socket: clients that are malformed, slow or many hurt only themselves."""

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

CLIENTS = 64
"""The most connections at once. One more takes the place of the one that has idled longest, and
is hung up on where none idles."""

PATIENCE = 10.0
"""Seconds that a client gets to send a line, or to take an answer."""

_LOGGER = logging.getLogger(__name__)


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.idle_since: float | None = None
        """None while a request of it is being answered."""
        link: socket.socket = writer.get_extra_info("socket")
        peer = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid, self.uid, _ = struct.unpack("3i", peer)
        self._poll = select.poll()
        self._poll.register(link.fileno(), 0)

    @property
    def gone(self) -> bool:
        """Whether it closed the connection. One that only stopped sending still listens."""
        over = select.POLLHUP | select.POLLERR | select.POLLNVAL
        return self._writer.is_closing() or any(event & over for _, event in self._poll.poll(0))

    async def line(self) -> bytes:
        """Return its next line; b"" when there is none.

        Raises:
            UsageError: the line is too long.
            TimeoutError: it does not come.
        """
        try:
            return await asyncio.wait_for(self._reader.readuntil(b"\n"), PATIENCE)
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            raise UsageError(
                "a request is too long", f"send up to {LINE_BYTES} bytes a line"
            ) from None

    def send(self, message: dict[str, Any]) -> None:
        """Write a line, as soon as it can be."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    async def flush(self) -> None:
        """Wait until it has taken most of what was written.

        Raises:
            TimeoutError: it does not take it.
            ConnectionError: it is gone.
        """
        await asyncio.wait_for(self._writer.drain(), PATIENCE)

    def close(self) -> None:
        """Hang up; what was written still goes out."""
        self._writer.close()


class Server:
    """Reads requests, and lets `answer(request, client)` answer them."""

    def __init__(self, answer: Callable[[Request, Client], Awaitable[dict[str, Any]]]) -> None:
        self._answer = answer
        self._clients: set[Client] = set()

    async def listen(self, listener: socket.socket) -> None:
        """Accept clients from now on."""
        await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        self._clients.add(client)
        try:
            self._make_room()
            with contextlib.suppress(TimeoutError, ConnectionError):
                while await self._one(client):
                    pass
        finally:
            self._clients.discard(client)
            client.close()

    def _make_room(self) -> None:
        if len(self._clients) <= CLIENTS:
            return
        idle = [client for client in self._clients if client.idle_since is not None]
        if not idle:
            raise ConnectionError("every client is being served")
        min(idle, key=lambda client: client.idle_since or 0.0).close()

    async def _one(self, client: Client) -> bool:
        """Answer one request; return whether more may come."""
        client.idle_since = asyncio.get_running_loop().time()
        try:
            line = await client.line()
            if not line:
                return False
            client.idle_since = None
            request = parse_request(line)
            if request.do != "status":
                _LOGGER.info("%s from uid %d, pid %d", request.do, client.uid, client.pid)
            answer = {"ok": True, **await self._answer(request, client)}
        except Error as error:
            answer = {"ok": False, "error": str(error), "code": error.exit_code}
            _LOGGER.info("refused uid %d, pid %d: %s", client.uid, client.pid, error)
        client.send(answer)
        await client.flush()
        return client.idle_since is None  # a line that was too long ends the connection
