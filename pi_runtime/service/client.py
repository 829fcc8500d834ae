"""How a command asks the service. Imports next to nothing: a warm one-off takes milliseconds."""

from __future__ import annotations

import json
import os

from pi_runtime.errors import Error, UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket
    from typing import Any

CONTROL = "/run/rnn-speak/control"
"""Where the service listens; $RNN_SOCKET names another place."""


class ServiceError(Error):
    """The service replied that it could not."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def service_is_up() -> bool:
    """Return whether there is a control socket at all."""
    return os.path.exists(_address())  # noqa: PTH110 - importing pathlib takes longer than this


def service_is_open() -> bool:
    """Return whether there is a control socket, for this user."""
    return os.access(_address(), os.W_OK)


def ask(
    do: str, on_sentence: Callable[[str], None] = lambda sentence: None, **members: object
) -> dict[str, Any]:
    """Send a request; return its reply. Members that are None stay at the service's setting.

    `on_sentence` is called with each sentence as it is spoken. Closing the connection, as Ctrl-C
    does, stops what the service speaks for this request.

    Raises:
        BrokenPipeError: stdout has no reader any more.
        ServiceError: the service could not do it.
        UsageError: the service is not there, or not for this user.
    """
    from socket import AF_UNIX, SOCK_STREAM, socket

    message = {"v": 1, "do": do, **{k: v for k, v in members.items() if v is not None}}
    with socket(AF_UNIX, SOCK_STREAM) as link:
        try:
            link.connect(_address())
            link.sendall(json.dumps(message).encode() + b"\n")
        except PermissionError:
            raise UsageError(
                "the service is not for this user",
                "sudo adduser $USER rnn-speak and log in again, or add --local",
            ) from None
        except (ConnectionError, FileNotFoundError):
            raise _went_away() from None
        for line in _lines(link):
            reply: dict[str, Any] = json.loads(line)
            if "sentence" in reply:
                on_sentence(reply["sentence"])
            elif reply["ok"]:
                return reply
            else:
                raise ServiceError(reply["error"], reply.get("code", 1))
    raise _went_away()


def _lines(link: socket) -> Iterator[bytes]:
    """Yield the service's lines until it closes the connection.

    Raises:
        BrokenPipeError: stdout has no reader any more. Ctrl-C in `ssh pi rnn-speak`, which has no
            terminal, shows in nothing else.
    """
    from select import POLLERR, POLLHUP, POLLIN, poll

    watched = poll()
    watched.register(link, POLLIN)
    watched.register(1, 0)
    rest = b""
    while True:
        for number, event in watched.poll():
            if number == link.fileno():
                try:
                    piece = link.recv(1 << 16)
                except ConnectionError:
                    piece = b""
                if not piece:
                    return
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
            elif event & (POLLERR | POLLHUP):
                raise BrokenPipeError
            else:
                watched.unregister(number)  # stdout was closed from the start


def _went_away() -> ServiceError:
    return ServiceError("the service went away – systemctl status rnn-speak, or add --local", 1)


def _address() -> str:
    return os.environ.get("RNN_SOCKET", CONTROL)
