"""The control socket's language: one JSON object per line, UTF-8.

    request   {"v": 1, "do": "say", "text": "Hello."}
    reply     {"ok": true, …}   or   {"ok": false, "error": "what – what to do", "code": 1}

| do | further members | the reply's |
| --- | --- | --- |
| generate | n, prefix, seed, those of `SamplingParams` | texts, seed, backend, unknown |
| speak | prefix, seed, those of `SamplingParams` | seed, sentences, engine, stopped |
| say | text | sentences, engine, stopped |
| stop, pause, resume | | |
| status | | see `rnn-speak --status` |
| reload | | |
| events | | none: events follow, see below |

`reject` of `SamplingParams` is left out: see `SAMPLING`.

`events` is followed by lines such as these, each when it is heard, until the client or the service
closes the connection; `level` is the RMS, 0…1, of the 50 ms of sound that begin at that moment, and
comes twenty times a second while there is sound, then once as 0:

    {"event": "listening", "speaking": false, "paused": false}      at once
    {"event": "text", "seed": 7, "generated": true}                 seed is null for a given text
    {"event": "sentence", "text": "…"}
    {"event": "level", "level": 0.1203}
    {"event": "pause"}, {"event": "resume"}
    {"event": "end", "sentences": 3, "stopped": false}              "error", if it failed on the way
    {"event": "skipped", "events": 21}                              that the client was too slow for

A reader leaves out events that it does not know.

`reload` takes the model and the settings as they are now, as SIGHUP does, and is for root and the
service's own user. It fails if they are bad; the old ones stay.

A client's requests are answered in order, each once. While it waits for `speak` or `say`, lines
`{"sentence": "…"}` tell what is being spoken. `code` is the exit code of a command that fails so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

from pi_runtime import checks
from pi_runtime.errors import UsageError, shown
from pi_runtime.generation.params import SamplingParams
from pi_runtime.service import limits

VERSION = 1

SAMPLING = frozenset(option.name for option in fields(SamplingParams)) - {"reject"}
"""A stranger's regular expression may take for ever; the service's own reject what it makes."""

_MEMBERS: dict[str, frozenset[str]] = {
    "generate": SAMPLING | {"n", "prefix", "seed"},
    "speak": SAMPLING | {"prefix", "seed"},
    "say": frozenset({"text"}),
    "stop": frozenset(),
    "pause": frozenset(),
    "resume": frozenset(),
    "status": frozenset(),
    "reload": frozenset(),
    "events": frozenset(),
}


@dataclass(frozen=True)
class Request:
    """A request that is within all bounds."""

    do: str
    text: str = ""
    n: int = 1
    prefix: str | None = None
    """None: as the service is set."""
    seed: int | None = None
    sampling: dict[str, Any] = field(default_factory=dict)
    """Those members of `SamplingParams` that differ from the service's."""


def parse_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        UsageError: it is no JSON object, of another version, unknown, or out of bounds.
    """
    message = _read(line)
    if not isinstance(message, dict):
        raise UsageError("a request is not an object", 'send {"v": 1, "do": "status"}')
    version = message.pop("v", None)
    if type(version) is not int or version != VERSION:  # neither true nor 1.0
        raise UsageError("a request is of another version", f'send "v": {VERSION}')
    do = message.pop("do", None)
    if not isinstance(do, str) or do not in _MEMBERS:
        raise UsageError("a request asks for nothing known", f"do one of {', '.join(_MEMBERS)}")
    if foreign := sorted(set(message) - _MEMBERS[do]):
        raise UsageError(f"{do} has no {shown(foreign[0], 40)!r}", f"it has {sorted(_MEMBERS[do])}")
    request = Request(
        do,
        text=_text("text", message.get("text", "")),
        n=checks.whole_number("n", message.get("n", 1), 1, limits.TEXTS),
        prefix=None if message.get("prefix") is None else _text("prefix", message["prefix"]),
        seed=checks.seed(message.get("seed")),
        sampling=_sampling({name: message[name] for name in SAMPLING & set(message)}),
    )
    if do == "say" and not request.text.strip():
        raise UsageError("there is nothing to say", 'send a "text"')
    if request.n * request.sampling.get("max_gen_length", 1) > limits.TOKENS:
        raise UsageError(
            "that is too much for one request", f"ask for up to {limits.TOKENS} tokens"
        )
    return request


def _read(line: bytes) -> Any:
    """Read JSON as RFC 8259 has it; Python's reader takes more, and the last of equal names."""
    try:
        return json.loads(line.decode(), parse_constant=_no_number, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        raise UsageError("a request is not JSON", "send one object per line, UTF-8") from None


def _no_number(name: str) -> None:
    raise UsageError(f"a request holds {name}, which is not JSON", "send a finite number")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise UsageError(f"a request has {shown(name, 40)!r} twice", "send each member once")
        members[name] = value
    return members


def _text(name: str, value: Any) -> str:
    text = checks.text(name, value)
    if len(text) > limits.LETTERS:
        raise UsageError(f"{name} is too long", f"send up to {limits.LETTERS} letters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{name} holds half a character", "send no lone surrogates")
    return text


def _sampling(members: dict[str, Any]) -> dict[str, Any]:
    """Check what is allowed to anybody, then what is allowed to a stranger."""
    params = SamplingParams(**members)
    schedule = params.temperature
    if isinstance(schedule, tuple) and (
        len(schedule) > limits.TEMPERATURES or max(schedule) > limits.MAX_TEMPERATURE
    ):
        raise UsageError(
            "the temperature is out of bounds",
            f"send up to {limits.TEMPERATURES} numbers from 0 to {limits.MAX_TEMPERATURE:g}",
        )
    for name in ("forbid", "allow"):
        _text(name, getattr(params, name))
    for each in params.stop_at:
        _text("stop_at", each)
    if len(params.stop_at) > limits.STOPS or sum(map(len, params.stop_at)) > limits.STOP_LETTERS:
        raise UsageError(
            "stop_at is too much",
            f"send up to {limits.STOPS} strings of {limits.STOP_LETTERS} letters together",
        )
    return {name: getattr(params, name) for name in members}
