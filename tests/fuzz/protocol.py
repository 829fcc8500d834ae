"""Mutants of requests, sent to a service over its socket.

Changed are: a member's value, for one of another type or out of bounds; members, left out, doubled
or unknown; single bytes; the end of the line; how many lines come at once; and what the client does
then: stay, leave at once, leave in the middle of a line, or stop sending.

A wrong success is a reply `{"ok": true}` to a line that is no request by the definition of this
module, which is written without the service's own; or a reply that is no single line of JSON, holds
characters that do not print in its error, or has another number of texts than was asked for.

After each mutant the service must answer `status` within a second, of two attempts one, must have
written no traceback, and must not have grown by more than 64 MB since it began.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.cases import HANG_SECONDS, Fuzzer, Outcome, Verdict
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import Service, running

NEEDS = ()

STATUS_SECONDS = 1.0
GROWTH = 64_000_000
"""Bytes."""

PATIENCE_SECONDS = 0.3
"""How long a mutant's reply is waited for before `stop` is sent."""

BASES: list[dict[str, str]] = [
    {"do": '"generate"', "n": "2", "prefix": '"ab"', "max_gen_length": "20", "seed": "7"},
    {"do": '"generate"', "temperature": "[1.0, 0.5]", "finish_sentence": "true"},
    {"do": '"generate"', "skip_fragment": "true", "unescape": "false", "max_gen_length": "9"},
    {"do": '"speak"', "prefix": '"ab"', "max_gen_length": "20", "temperature": "0.5"},
    {"do": '"generate"', "top_k": "3", "top_p": "0.9", "min_p": "0.1", "temperature": '"0.2..1.5"'},
    {"do": '"generate"', "repetition_penalty": "1.2", "repetition_window": "8", "forbid": '"ab"'},
    {"do": '"speak"', "allow": '"eato "', "stop_at": '["ea", "."]', "keep_stop": "true"},
    {"do": '"generate"', "min_length": "5", "max_words": "4", "max_gen_length": "30"},
    {"do": '"say"', "text": '"Hello there."'},
    *({"do": f'"{do}"'} for do in ("status", "stop", "pause", "resume", "events")),
]

VALUES = [
    "null", "true", "false", "0", "1", "-1", "1.0", "1.5", "2", "100", "101", "1e2", "1e-310",
    "5e-324", "1e-307", "1e999", "NaN", "Infinity", "-Infinity", "100000", "100001", "4294967295",
    "4294967296", "9" * 400, "9" * 5000, "-0", "01", '""', '" "', '"a"', '"\\ud800"', '"\\udc00a"',
    '"\\ud83d\\ude00"', '"\\u001b[2J\\u202e"', '"\\u0000"', '"' + "я" * 9999 + '"',
    '"' + "я" * 10_001 + '"', '"\\"' + " a" * 4900 + '"', "[]", "{}", "[1]", "[[1]]", "[null]",
    "[0.5, 1e-308]", "[1, true]", "[" + "1," * 999 + "1]", '["a", ""]', '["a", 1]', '["a"]',
    '["' + "a" * 1001 + '"]', "[" + '"b",' * 16 + '"b"]', '"0.2..1.0"', '"1..0"', '"1..x"', '"..1"',
    '"0..1e9"', '"1e-7..1"', "0.5", "100.5", "0.001",
    "[" + "1," * 1000 + "1]",
    "[" * 5000, "[" * 3000 + "]" * 3000, '{"a": 1}', "status", "'a'", '"generate"', '"speak"',
    '"shell"', "",
]  # fmt: skip

LETTERS = set(small_vocab(20, single_text=True))

SAMPLING = [
    "temperature", "max_gen_length", "finish_sentence", "skip_fragment", "unescape", "top_k",
    "top_p", "min_p", "repetition_penalty", "repetition_window", "forbid", "allow", "min_length",
    "max_words", "stop_at", "keep_stop", "original", "tries",
]  # fmt: skip

NAMES = [
    "n", "prefix", "seed", *SAMPLING, "reject", "text", "do", "v", "engine", "command", "",
    "\\ud800", "\\u001b[2J", "__class__",
]  # fmt: skip


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[Fuzzer]:
    """Yield what sends mutants to a service of its own."""
    model = folder / "m.tflite"
    model.write_bytes(packed_model(small_network(classes=20), small_vocab(20, single_text=True)))
    with running(folder, model, "--on-demand", "--engine", "none", "--backend", "numpy") as service:
        yield ProtocolFuzzer(service)


class ProtocolFuzzer:
    """Sends mutants to a service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._size: int | None = None

    def run(self, number: int) -> Outcome:
        """See `Fuzzer`."""
        random = Random(number)
        lines = [hostile_line(random) for _ in range(random.choice([1, 1, 1, 1, 2, 5]))]
        way = random.choices(["stay", "leave", "half", "end"], [7, 1, 1, 1])[0]
        verdict, said = self._send(lines, way, random)
        after = self._look()
        if after:
            verdict, said = after
        what = f"{way}, {b' | '.join(line[:200] for line in lines)!r}: {said[-300:]}"
        return Outcome(verdict, what, {"lines": b"\n".join(lines) + b"\n"})

    def _send(self, lines: list[bytes], way: str, random: Random) -> tuple[Verdict, str]:
        whole = b"\n".join(lines) + b"\n"
        with self._service.connect() as link:
            try:
                if way == "half":
                    link.sendall(whole[: random.randrange(len(whole))])
                    return Verdict.REFUSED, "left in the middle of a line"
                link.sendall(whole)
                if way == "leave":
                    return Verdict.REFUSED, "left at once"
                if way == "end":
                    link.shutdown(socket.SHUT_WR)
                return self._replies(link, whole.split(b"\n")[:-1])
            except TimeoutError:
                return Verdict.HANG, "no reply"
            except ConnectionError as error:
                return Verdict.REFUSED, str(error)

    def _replies(self, link: socket.socket, lines: list[bytes]) -> tuple[Verdict, str]:
        """Read a reply to each line; judge them."""
        read = _Reader(link)
        verdict, said = Verdict.REFUSED, ""
        for line in lines:
            try:
                reply = read.reply(PATIENCE_SECONDS)
            except TimeoutError:
                self._ask("stop")
                reply = read.reply(HANG_SECONDS)
            if reply is None:
                return verdict, said or "hung up"
            said = json.dumps(reply)
            if "event" in reply:
                return Verdict.READ, said
            if wrong := _wrong(line, reply):
                return Verdict.WRONG, f"{wrong}: {said}"
            if reply["ok"]:
                verdict = Verdict.READ
        return verdict, said

    def _look(self) -> tuple[Verdict, str] | None:
        """Look what became of the service; return what is wrong."""
        service = self._service
        if service.process.poll() is not None:
            return Verdict.CRASH, service.log[-300:]
        try:
            quickest = min(self._ask("status"), self._ask("status"))
            self._ask("stop")
            self._ask("resume")
        except (OSError, AssertionError) as error:
            return Verdict.HANG, f"status: {error!r}"
        if quickest > STATUS_SECONDS:
            return Verdict.HANG, f"status took {quickest:.1f} s"
        if "Traceback" in service.log:
            return Verdict.TRACE, service.log[-300:]
        size = service.resident()
        self._size = self._size or size
        if size - self._size > GROWTH:
            return Verdict.MEMORY, f"it grew by {size - self._size} bytes"
        return None

    def _ask(self, do: str) -> float:
        """Return the seconds that a reply took."""
        begun = time.monotonic()
        with self._service.connect() as link:
            link.sendall(json.dumps({"v": 1, "do": do}).encode() + b"\n")
            reply = _Reader(link).reply(HANG_SECONDS)
            assert reply, "hung up"
            assert reply["ok"]
        return time.monotonic() - begun


class _Reader:
    """Reads lines from a connection, each within a time."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._rest = b""

    def reply(self, seconds: float) -> dict[str, Any] | None:
        """Return the next reply or event; None if the service hung up.

        Raises:
            TimeoutError: it does not come.
        """
        until = time.monotonic() + seconds
        while True:
            while b"\n" not in self._rest:
                self._link.settimeout(max(until - time.monotonic(), 0.001))
                piece = self._link.recv(1 << 16)
                if not piece:
                    return None
                self._rest += piece
            line, _, self._rest = self._rest.partition(b"\n")
            found: dict[str, Any] = json.loads(line.decode())
            if "sentence" not in found or "event" in found:
                return found


def hostile_line(random: Random) -> bytes:
    """Return a mutant of a request, without its end."""
    members = [("v", "1"), *random.choice(BASES).items()]
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        at = random.randrange(len(members))
        match random.choice(["value", "value", "value", "add", "known", "drop", "double", "move"]):
            case "value":
                members[at] = (members[at][0], random.choice(VALUES))
            case "add":
                members.insert(at, (random.choice(NAMES), random.choice(VALUES)))
            case "known":  # with the value that is hardest to get past the first check
                name = random.choice(NAMES[:8])
                members = [each for each in members if each[0] != name]
                members.append((name, random.choice(VALUES)))
            case "drop" if len(members) > 1:
                del members[at]
            case "double":
                members.insert(at, (members[at][0], random.choice([members[at][1], *VALUES])))
            case _:
                random.shuffle(members)
    line = "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"
    data = bytearray(line.encode())
    match random.choices(["none", "bytes", "cut", "long", "encoding"], [16, 2, 1, 1, 1])[0]:
        case "bytes":
            for _ in range(random.randint(1, 3)):
                data[random.randrange(len(data))] = random.choice(b'\x00\xff\x80{}[]",:0eE-\\ u')
        case "cut":
            del data[random.randrange(len(data)) :]
        case "long":
            data += b" " * random.choice([60_000, 65_000, 66_000, 200_000])
        case "encoding":
            data[:] = line.encode(random.choice(["utf-16", "utf-8-sig", "utf-32"]))
    return bytes(data).replace(b"\n", b" ")


def _wrong(line: bytes, reply: dict[str, Any]) -> str:
    """Return what is wrong with a reply; "" if nothing is."""
    if reply["ok"] is not True:
        error = reply["error"]
        return "" if error.isprintable() and len(error) < 500 else "an error that is no line"
    request = _request(line)
    if request is None:
        return "this is no request"
    if request["do"] == "generate" and len(reply["texts"]) != request.get("n", 1):
        return "another number of texts"
    return ""


def _request(line: bytes) -> dict[str, Any] | None:
    """Return a line's members if it is a request; None if it is not."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        found = json.loads(line.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or type(found.get("v")) is not int or found.pop("v") != 1:
        return None
    do = found.get("do")
    allowed = {"do"}
    if do == "say":
        allowed |= {"text"}
    elif do == "generate":
        allowed |= {"n", "prefix", "seed", *SAMPLING}
    elif do == "speak":
        allowed |= {"prefix", "seed", *SAMPLING}
    elif do not in ("status", "stop", "pause", "resume", "reload", "events"):
        return None
    if not set(found) <= allowed or (do == "say" and "text" not in found):
        return None
    if not all(_fits(name, value) for name, value in found.items()):
        return None
    # The model does not know its training text.
    return found if _leaves_some(found) and not found.get("original") else None


def _leaves_some(found: dict[str, Any]) -> bool:
    """Return whether a request leaves a letter of the model's to draw."""
    return bool(set(found.get("allow") or LETTERS) & LETTERS - set(found.get("forbid", "")))


def _fits(name: str, value: object) -> bool:
    match name:
        case "n":
            return type(value) is int and 1 <= value <= 100
        case "seed":
            return value is None or (type(value) is int and 0 <= value < 2**32)
        case "max_gen_length":
            return type(value) is int and 1 <= value <= 100_000
        case "prefix" | "text":
            if value is None:
                return name == "prefix"
            return isinstance(value, str) and len(value) <= 10_000 and _is_whole(value)
        case "temperature" if isinstance(value, str):
            ends = re.fullmatch(r"([0-9.]+)\.\.([0-9.]+)", value)
            return bool(ends) and all(_is_end(end) for end in ends.groups())  # type: ignore[union-attr]
        case "top_k" | "repetition_window" | "min_length" | "max_words" | "original":
            return type(value) is int and 0 <= value <= 10**9
        case "tries":
            return type(value) is int and 1 <= value <= 10**6
        case "top_p" | "min_p":
            return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]
        case "repetition_penalty":
            return type(value) in (int, float) and 0.01 <= value <= 100  # type: ignore[operator]
        case "forbid" | "allow":
            return isinstance(value, str) and len(value) <= 10_000 and _is_whole(value)
        case "stop_at":
            return (
                isinstance(value, list)
                and all(isinstance(each, str) and each and _is_whole(each) for each in value)
                and len(value) <= 16
                and sum(map(len, value)) <= 1000
            )
        case "temperature":
            schedule = value if isinstance(value, list) else [value]
            return 1 <= len(schedule) <= 1000 and all(map(_is_temperature, schedule))
        case "do":
            return True
        case _:
            return isinstance(value, bool)


def _is_end(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return number == 0 or 1e-6 <= number <= 1e6


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_temperature(value: object) -> bool:
    if value is None:
        return True
    return type(value) in (int, float) and (value == 0 or 1e-307 <= value <= 1e6)  # type: ignore[operator]
