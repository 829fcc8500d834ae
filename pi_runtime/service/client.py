"""How a command asks the service. Imports next to nothing: a warm one-off takes milliseconds."""

from __future__ import annotations

import os

from pi_runtime.errors import Error, UsageError
from pi_runtime.light import from_json, to_json, unix_socket

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Iterator
    from typing import Any

FOLDER = "/run/rnn-speak"
"""Where the services listen: `control` is the plain one's socket, NAME that of rnn-speak@NAME.
$RNN_SOCKET names another place for the plain one's."""

UNITS = "/etc/systemd/system"
MODELS = "/var/lib/textgenrnn-pi"
"""Where scripts/install-pi puts the services' units and models."""


class ServiceError(Error):
    """The service replied that it could not."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def check_name(name: str) -> str:
    """Check the name of a service beside the plain one; it is part of file names.

    Raises:
        UsageError: no service can have it.
    """
    inner = name.replace("-", "").replace("_", "").replace(".", "")
    edges = name[:1] in ("-", ".") or name[-1:] == "."
    if not (inner.isascii() and inner.isalnum()) or edges or len(name) > 80:
        raise UsageError(
            f"--service is {name[:90]!r}", "give a name of letters, digits, -, _ and inner dots"
        )
    if name == "control":
        raise UsageError("--service control is no service's name", "leave it out: rnn-speak's own")
    return name


def unit_of(service: str | None) -> str:
    """Return the name of a service's unit."""
    return f"rnn-speak@{service}" if service else "rnn-speak"


def settings_of(service: str | None) -> str:
    """Return the path of a service's settings file."""
    return f"/etc/default/rnn-speak{f'-{service}' if service else ''}"


def service_is_chosen(service: str | None = None) -> bool:
    """Return whether one service is meant, by name or by $RNN_SOCKET, and no other will do."""
    return bool(service or os.environ.get("RNN_SOCKET"))


def service_is_up(service: str | None = None) -> bool:
    """Return whether there is a control socket at all."""
    return os.path.exists(_address(service))  # noqa: PTH110 - pathlib takes longer than this


def service_is_open(service: str | None = None) -> bool:
    """Return whether there is a control socket, for this user."""
    return os.access(_address(service), os.W_OK)


def check_is_there(service: str | None = None) -> None:
    """Check that a control socket is there.

    Raises:
        ServiceError: it is not.
    """
    if not service_is_up(service):
        raise _absent(service)


def ask(
    do: str,
    on_sentence: Callable[[str], None] = lambda sentence: None,
    service: str | None = None,
    **members: object,
) -> dict[str, Any]:
    """Send a request; return its reply. Members that are None stay at the service's setting.

    `on_sentence` is called with each sentence as it is spoken. `service` is a name, such as
    "poems"; without one it is the plain service. Closing the connection, as Ctrl-C does, stops what
    the service speaks for this request.

    Raises:
        BrokenPipeError: stdout has no reader any more.
        ServiceError: the service is not there, or could not do it.
        UsageError: the service is not for this user.
    """
    for line in _lines(_connected(service, {"v": 1, "do": do, **members})):
        reply: dict[str, Any] = from_json(line.decode())
        if "sentence" in reply:
            on_sentence(reply["sentence"])
        elif reply["ok"]:
            return reply
        else:
            raise ServiceError(reply["error"], reply.get("code", 1))
    raise _went_away(service)


def listen(service: str | None = None) -> Iterator[str]:
    """Yield the service's events as it speaks, each a line of JSON, for ever. See `ask`.

    Raises:
        BrokenPipeError: stdout has no reader any more.
        ServiceError: the service is not there, went away, or has too many listeners.
        UsageError: the service is not for this user.
    """
    for line in _lines(_connected(service, {"v": 1, "do": "events"})):
        if line.startswith(b'{"ok":'):
            reply = from_json(line.decode())
            raise ServiceError(reply["error"], reply.get("code", 1))
        yield line.decode()
    raise _went_away(service, local=False)


def _connected(service: str | None, message: dict[str, object]) -> socket:
    """Return a connection on which a request was sent."""
    sent = {name: value for name, value in message.items() if value is not None}
    link = unix_socket()
    try:
        link.connect(_address(service))
        link.sendall(to_json(sent).encode() + b"\n")
    except PermissionError:
        error: Error = UsageError(
            "the service is not for this user",
            "sudo adduser $USER rnn-speak and log in again"
            + ("" if service else ", or add --local"),
        )
    except BrokenPipeError:
        error = _went_away(service)
    except (ConnectionError, FileNotFoundError, NotADirectoryError):
        error = _absent(service)
    else:
        return link
    link.close()
    raise error


def _lines(link: socket) -> Iterator[bytes]:
    """Yield the service's lines until it closes the connection; in the end, close it here too.

    Raises:
        BrokenPipeError: stdout has no reader any more. Ctrl-C in `ssh pi rnn-speak`, which has no
            terminal, shows in nothing else.
    """
    from select import POLLERR, POLLHUP, POLLIN, poll

    watched = poll()
    watched.register(link, POLLIN)
    watched.register(1, 0)
    rest = b""
    try:
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
    finally:
        link.close()


def _went_away(service: str | None, *, local: bool = True) -> ServiceError:
    other = ", or add --local" if local and not service else ""
    return ServiceError(f"the service went away – systemctl status {unit_of(service)}{other}", 1)


def _absent(service: str | None) -> ServiceError:
    """Return an error that says why no service listens, and how to come by one."""
    named = os.environ.get("RNN_SOCKET")
    installed = os.path.exists(f"{UNITS}/rnn-speak{'@' if service else ''}.service")  # noqa: PTH110
    if service:
        installed = installed and os.path.exists(f"{MODELS}/{service}.tflite")  # noqa: PTH110
    if named and not service:
        message = f"no service listens at {named} – start it, or unset RNN_SOCKET, which names it"
    elif installed:
        what = f"the service {service}" if service else "the service"
        message = f"{what} does not run – systemctl status {unit_of(service)}"
    elif service:
        message = (
            f"no service {service} here – sudo scripts/install-pi --service {service} --model FILE"
        )
    else:
        message = "no service runs here – install it: sudo scripts/install-pi --model FILE"
    return ServiceError(message, 1)


def _address(service: str | None) -> str:
    if service:
        return f"{FOLDER}/{service}"
    return os.environ.get("RNN_SOCKET") or f"{FOLDER}/control"
