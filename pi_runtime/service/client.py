"""How a command asks the service. Imports next to nothing: a warm answer takes milliseconds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from pi_runtime.errors import Error, UsageError

CONTROL = "/run/rnn-speak/control"
"""Where the service listens; $RNN_SOCKET names another place."""


class ServiceError(Error):
    """The service answered that it could not."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def service_is_up() -> bool:
    """Return whether there is a control socket at all."""
    return os.path.exists(_address())  # noqa: PTH110 - pathlib costs more than the answer


def service_is_open() -> bool:
    """Return whether there is a control socket, for this user."""
    return os.access(_address(), os.W_OK)


def ask(
    do: str, sentence: Callable[[str], None] = lambda text: None, **members: object
) -> dict[str, Any]:
    """Send a request; return its answer. Members that are None stay at the service's setting.

    `sentence` is called with each sentence as it is spoken. Closing the connection, as Ctrl-C
    does, ends what this request lets the service speak.

    Raises:
        ServiceError: the service could not do it.
        UsageError: the service is not there, or not for this user.
    """
    from socket import AF_UNIX, SOCK_STREAM, socket

    message = {"v": 1, "do": do, **{k: v for k, v in members.items() if v is not None}}
    with socket(AF_UNIX, SOCK_STREAM) as link:
        try:
            link.connect(_address())
            link.sendall(json.dumps(message).encode() + b"\n")
            for line in link.makefile("rb"):
                answer: dict[str, Any] = json.loads(line)
                if "sentence" in answer:
                    sentence(answer["sentence"])
                elif answer["ok"]:
                    return answer
                else:
                    raise ServiceError(answer["error"], answer.get("code", 1))
        except PermissionError:
            raise UsageError(
                "the service is not for this user",
                "sudo adduser $USER rnn-speak and log in anew, or add --local",
            ) from None
        except (BrokenPipeError, ConnectionError, FileNotFoundError):
            pass
    raise ServiceError("the service went away – systemctl status rnn-speak, or add --local", 1)


def _address() -> str:
    return os.environ.get("RNN_SOCKET", CONTROL)
