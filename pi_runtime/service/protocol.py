"""The control socket's language: one JSON object a line, UTF-8.

    request   {"v": 1, "do": "say", "text": "Hello."}
    answer    {"ok": true, …}   or   {"ok": false, "error": "what – what to do", "code": 1}

| do | further members | the answer's |
| --- | --- | --- |
| generate | n, prefix, temperature, max_gen_length, seed | texts, seed, backend, unknown |
| speak | prefix, temperature, max_gen_length, seed | seed, sentences, engine, stopped |
| say | text | sentences, engine, stopped |
| stop, pause, resume | | |
| status | | see `rnn-speak --status` |

A client's requests are answered in order, each once. While it waits for `speak` or `say`, lines
`{"sentence": "…"}` tell what is being spoken. `code` is the exit code of a command that fails so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pi_runtime.errors import UsageError
from pi_runtime.service.limits import LETTERS, TEXTS, TOKENS

VERSION = 1

_MEMBERS: dict[str, set[str]] = {
    "generate": {"n", "prefix", "temperature", "max_gen_length", "seed"},
    "speak": {"prefix", "temperature", "max_gen_length", "seed"},
    "say": {"text"},
    "stop": set(),
    "pause": set(),
    "resume": set(),
    "status": set(),
}


@dataclass(frozen=True)
class Request:
    """A request that is within all bounds."""

    do: str
    text: str = ""
    n: int = 1
    prefix: str | None = None
    temperature: tuple[float, ...] | None = None
    """None, here and below: as the service is set."""
    max_gen_length: int | None = None
    seed: int | None = None


def parse_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        UsageError: it is no JSON object, of another version, unknown, or out of bounds.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("a request is not JSON", "send one object a line, UTF-8") from None
    if not isinstance(message, dict):
        raise UsageError("a request is not an object", 'send {"v": 1, "do": "status"}')
    if message.pop("v", None) != VERSION:
        raise UsageError("a request is of another version", f'send "v": {VERSION}')
    do = message.pop("do", None)
    if not isinstance(do, str) or do not in _MEMBERS:
        raise UsageError("a request asks for nothing known", f"do one of {', '.join(_MEMBERS)}")
    if foreign := sorted(set(message) - _MEMBERS[do]):
        raise UsageError(f"{do} has no {foreign[0][:40]!r}", f"it has {sorted(_MEMBERS[do])}")
    request = Request(do, **{key: _CHECKS[key](value) for key, value in message.items()})
    if do == "say" and not request.text.strip():
        raise UsageError("there is nothing to say", 'send a "text"')
    if request.n * (request.max_gen_length or 1) > TOKENS:
        raise UsageError("that is too much for one request", f"ask for up to {TOKENS} tokens")
    return request


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LETTERS:
        raise UsageError("a text is no string, or too long", f"send up to {LETTERS} letters")
    # A lone surrogate, which JSON can spell, is no text.
    return value.encode("utf-8", "replace").decode("utf-8")


def _whole(name: str, least: int, most: int) -> Any:
    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise UsageError(f"{name} is out of bounds", f"send a number from {least} to {most}")
        return value

    return check


def _schedule(value: Any) -> tuple[float, ...]:
    numbers = value if isinstance(value, list) else [value]
    right = all(type(t) in (int, float) and 0 <= t <= 1e6 for t in numbers)
    if not right or not 0 < len(numbers) <= 1000:
        raise UsageError("a temperature is out of bounds", "send numbers from 0 up")
    return tuple(float(t) for t in numbers)


_CHECKS = {
    "text": _text,
    "prefix": lambda value: None if value is None else _text(value),
    "n": _whole("n", 1, TEXTS),
    "temperature": _schedule,
    "max_gen_length": _whole("max_gen_length", 1, TOKENS),
    "seed": _whole("seed", 0, 2**32 - 1),
}
