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
from pi_runtime.service.client_log import ClientLog
from pi_runtime.service.limits import LINE_BYTES
from pi_runtime.service.places import Places
from pi_runtime.service.protocol import Request, parse_request

CLIENT_SECONDS = 10.0
"""How long a client gets to send a line, or to take a reply."""

GONE_SECONDS = 0.1
"""How often it is checked whether a client that waits is still there."""

ROUNDS = 10
"""Upper bound on the rounds of the event loop in which a line comes from a socket to `line`."""

EVENT_QUEUE_BYTES = 8192
"""The socket's queue of events, with the kernel's own accounting: some ten events."""

_LOGGER = logging.getLogger(__name__)


class Connection:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        link: socket.socket = writer.get_extra_info("socket")
        peer = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid, self.uid, _ = struct.unpack("3i", peer)
        self._poll = select.poll()
        self._poll.register(link.fileno(), 0)
        self._waits = False
        """Whether it is waited for its next line."""

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
        self._waits = True
        try:
            return await asyncio.wait_for(self._reader.readuntil(b"\n"), CLIENT_SECONDS)
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            raise UsageError(
                "a request is too long", f"send up to {LINE_BYTES} bytes per line"
            ) from None
        finally:
            self._waits = False

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
        """Close it; what was written still goes out, if the client takes it soon."""
        self._writer.close()
        if self.backlog:
            asyncio.get_running_loop().call_later(CLIENT_SECONDS, self.abort)

    def abort(self) -> None:
        """Close it, whatever was written."""
        self._writer.transport.abort()

    def dismiss(self, rounds: int = ROUNDS) -> None:
        """Abort it, unless a line has come by now that only has to be taken from the socket."""
        if rounds:
            asyncio.get_running_loop().call_soon(self.dismiss, rounds - 1)
        elif self._waits:
            self.abort()


class Server:
    """Reads requests, and lets `reply(request, connection)` answer them."""

    def __init__(self, reply: Callable[[Request, Connection], Awaitable[dict[str, Any]]]) -> None:
        self._reply = reply
        self._places = Places()
        self._log = ClientLog()

    async def listen(self, listener: socket.socket) -> None:
        """Accept connections from now on."""
        await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = Connection(reader, writer)
        except (OSError, ValueError):  # it is gone already
            writer.close()
            return
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                self._places.wait(connection)
                while await self._one(connection):
                    self._places.wait(connection)
                    await asyncio.sleep(0)  # lines that are here already keep nobody waiting
        finally:
            self._places.leave(connection)
            connection.close()

    async def _one(self, connection: Connection) -> bool:
        """Answer one request; return whether more may come.

        Raises:
            TimeoutError: the line does not come, or the reply is not taken.
            ConnectionError: the client is gone.
        """
        try:
            line = await connection.line()
        except UsageError as error:  # whatever follows is not the beginning of a line
            connection.send(self._refusal(error, connection))
            await connection.flush()
            return False
        if not line:
            return False
        try:
            request = parse_request(line)
            if request.do != "status":
                self._log.tell(
                    connection.uid,
                    f"{request.do} from uid {connection.uid}, pid {connection.pid}",
                )
            with self._place_for(request, connection):
                reply = {"ok": True, **await self._reply(request, connection)}
        except Error as error:
            reply = self._refusal(error, connection)
        except Exception:
            _LOGGER.exception("a request failed")
            reply = {"ok": False, "error": "the service failed – see its journal", "code": 1}
        connection.send(reply)
        await connection.flush()
        return True

    def _place_for(
        self, request: Request, connection: Connection
    ) -> contextlib.AbstractContextManager[None]:
        """Return a place for what takes long; those that listen have a bound of their own."""
        if request.do in ("generate", "speak", "say"):
            return self._places.work(connection)
        if request.do == "events":
            self._places.leave(connection)
        return contextlib.nullcontext()

    def _refusal(self, error: Error, connection: Connection) -> dict[str, Any]:
        self._log.tell(
            connection.uid, f"refused uid {connection.uid}, pid {connection.pid}: {error}"
        )
        return {"ok": False, "error": str(error), "code": error.exit_code}
