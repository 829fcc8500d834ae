"""The C halves of signal, socket and json.

To import the Python halves, which make enums and regular expressions, takes a warm one-off as long
as all else that it does. The C halves are CPython's own and promised to nobody: a Python that has
them not, or otherwise, gets the whole modules.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    import signal
    from _socket import socket
    from typing import Any
else:
    try:
        import _signal as signal
    except ImportError:
        import signal

__all__ = ["from_json", "signal", "to_json", "unix_socket"]


def unix_socket() -> socket:
    """Return a socket for local connections."""
    try:
        from _socket import AF_UNIX, SOCK_STREAM, socket
    except ImportError:
        from socket import AF_UNIX, SOCK_STREAM, socket  # type: ignore[assignment]
    return socket(AF_UNIX, SOCK_STREAM)


def to_json(value: object) -> str:
    """Return JSON in ASCII, as `json.dumps` does.

    Raises:
        TypeError: it has something in it that JSON has not.
        ValueError: it holds itself.
    """
    try:
        from _json import encode_basestring_ascii, make_encoder

        settings = (None, ": ", ", ", False, False, True)
        return "".join(make_encoder(None, _refuse, encode_basestring_ascii, *settings)(value, 0))
    except (ImportError, AttributeError, TypeError, RecursionError):
        import json

        return json.dumps(value)


def _refuse(value: object) -> object:
    raise TypeError


def from_json(text: str) -> Any:
    """Return what JSON says, as `json.loads` does.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        from _json import make_scanner

        scan: Any = make_scanner
        value, end = scan(_Decoder)(text, 0)
    except (ImportError, AttributeError, TypeError, StopIteration):
        end = -1
    if end == len(text):
        return value
    import json

    return json.loads(text)


class _Decoder:
    """What a scanner asks of `json.JSONDecoder`."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
