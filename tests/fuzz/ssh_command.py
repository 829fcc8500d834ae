"""Mutants of the commands that a restricted SSH key sends.

Changed are: the verb, options and their values, quotes and what a shell treats specially, bytes,
length, and the variables that come along. `scripts/ssh-command` runs as sshd would run it, beside
programs that print what they were called with.

A wrong success is one in which a program gets another argument than the grammar of this module
allows, or any variable but PATH, LANG, PYTHONUTF8 with their fixed values and the one that the line
in authorized_keys gives; or one by which a file appears.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.fuzz.cases import HANG_SECONDS, Fuzzer, Outcome, Verdict
from tests.helpers.ssh_command import ENVIRONMENT, Forced, forced_command

NEEDS = ()

BASES = [
    ["generate"],
    ["generate", "--prefix", "Once upon", "--temperature", "0.5", "--seed", "7", "-n", "3"],
    ["generate", "--max-gen-length=50", "--temperature=1.0,0.5"],
    ["speak", "--prefix", "Привет", "--seed=1"],
    ["generate", "--top-k", "5", "--top-p=0.9", "--min-p", ".1", "--temperature=0.2..1"],
    ["speak", "--repetition-penalty=1.2", "--repetition-window", "9", "--max-words=3"],
    ["generate", "--min-length", "5", "--original", "20"],
    ["say", "Hello", "there."],
    ["status"],
    ["stop"],
    ["events"],
]

WORDS = [
    "--prefix", "--temperature", "--max-gen-length", "--seed", "-n", "--top-k", "--top-p",
    "--repetition-window", "--original", "--tries", "--reject", "--forbid", "--stop", "--output",
    "-o", "--local", "--engine", "--command", "--wav", "--model", "--socket", "--service",
    "--service=x", "--help",
    "--version", "--text=-", "--pre", "-n5", "--", "-", "CANARY", "/etc/passwd", "",
    "generate", "speak", "say", "status", "reload", "pause", "sh", "../../bin/sh", "rnn-speak",
    "5", "-5", "0", "20", "21", "2000", "2001", "4294967295", "4294967296", "99999999999", "0x10",
    "1e9", "nan", "0.5,", ",", "...", "0.5,1", "1" * 40, "٣", "²", "a" * 500, "a" * 501,
    "a" * 5000, "--prefix=--output", "--prefix=", "--seed=", "=", "--=x", "--prefix==x",
]  # fmt: skip

SPECIAL = [
    ";", "|", "&", "$(touch CANARY)", "`touch CANARY`", ">CANARY", "<", "*", "~", "#", "\\", "'",
    '"', "\n", "\r", "\t", "\x1b[2J", "\u202e", "\u00a0", "\u2028", "{a,b}", "$HOME",
]  # fmt: skip

VARIABLES = {
    "RNN_MODEL": "/etc/passwd", "RNN_SOCKET": "/tmp/other", "RNN_DEBUG": "1", "PYTHONPATH": "/tmp",
    "PYTHONINSPECT": "1", "LANG": "ru_RU.KOI8-R", "LC_ALL": "tr_TR.ISO-8859-9", "HOME": "/tmp",
    "TERM": "\x1b[2J", "SSH_CONNECTION": "::1 5 ::1 22", "PATH": "/tmp", "IFS": "a",
}  # fmt: skip

TEMPERATURE = r"[0-9]*\.?[0-9]*(,[0-9]*\.?[0-9]*){0,31}"
RAMP = r"[0-9]*\.?[0-9]*\.\.[0-9]*\.?[0-9]*"
NUMBERS = {"--top-p", "--min-p", "--repetition-penalty"}
COUNTS = {
    "--max-gen-length": 2000, "--seed": 2**32 - 1, "--top-k": 2**32 - 1,
    "--repetition-window": 2000, "--min-length": 2000, "--max-words": 2000, "--original": 2000,
}  # fmt: skip


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[Fuzzer]:
    """Yield what lets mutants be run."""
    bin_ = folder / "bin"
    bin_.mkdir()
    yield SshCommandFuzzer(forced_command(bin_, HANG_SECONDS), folder)


class SshCommandFuzzer:
    """Lets mutants be run."""

    def __init__(self, forced: Forced, folder: Path) -> None:
        self._forced = forced
        self._folder = folder
        self._files = {*folder.rglob("*")}

    def run(self, number: int) -> Outcome:
        """See `Fuzzer`."""
        random = Random(number)
        command = _command(random).replace(b"CANARY", str(self._folder / "canary").encode())
        sent = random.sample(sorted(VARIABLES), random.randrange(4))
        of_key = random.choice([[], [], ["--service", "poems"], ["--socket", "/run/x"]])
        files = {"command": command, "sent": " ".join(sent).encode()}
        try:
            done = self._forced.run(command, *of_key, **{name: VARIABLES[name] for name in sent})
        except subprocess.TimeoutExpired:
            return Outcome(Verdict.HANG, f"{command!r}", files)
        verdict, said = self._judge(done, of_key)
        return Outcome(verdict, f"{of_key} {sent} {command[:300]!r}: {said}", files)

    def _judge(
        self, done: subprocess.CompletedProcess[bytes], of_key: list[str]
    ) -> tuple[Verdict, str]:
        error = done.stderr.decode("utf-8", "replace").rstrip("\n")
        if done.returncode < 0:
            return Verdict.CRASH, f"signal {-done.returncode}"
        if b"Traceback" in done.stderr:
            return Verdict.TRACE, error.splitlines()[-1]
        if new := {*self._folder.rglob("*")} - self._files:
            return Verdict.WRONG, f"files appeared: {new}"
        if done.returncode == 0 and not error:
            called = json.loads(done.stdout)
            wrong = _wrong(called["program"], called["argv"], called["environment"], of_key)
            return (Verdict.WRONG if wrong else Verdict.READ), wrong or str(called["argv"])
        refused = done.returncode == 2 and not done.stdout and error.startswith("error: refused: ")
        if refused and error.isprintable():
            return Verdict.REFUSED, error
        return Verdict.WRONG, f"neither run nor refused in a line: {error!r}"


def _wrong(program: str, argv: list[str], environment: dict[str, str], of_key: list[str]) -> str:
    """Return what the grammar does not allow; "" if it allows all."""
    given = dict(zip(of_key[::2], of_key[1::2], strict=True))
    allowed = ENVIRONMENT | ({"RNN_SOCKET": given["--socket"]} if "--socket" in given else {})
    if environment != allowed:
        return f"environment {environment}"
    if "--service" in given and argv.pop(0) != f"--service={given['--service']}":
        return "another service"
    if program == "rnn-speak" and len(argv) == 1:
        if argv[0] in ("--status", "--stop", "--events"):
            return ""
        if re.fullmatch(r"--text= .*\S.*", argv[0]) and argv[0].isprintable():
            return ""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "-n" and program == "rnn-generate" and rest:
            value = rest.pop(0)
            if not (re.fullmatch("[0-9]+", value) and int(value) <= 20):
                return f"-n {value}"
            continue
        name, _, value = word.partition("=")
        if not _is_right(name, value):
            return f"argument {word!r}"
    return ""


def _is_right(name: str, value: str) -> bool:
    if name in COUNTS:
        return bool(re.fullmatch("[0-9]+", value)) and int(value) <= COUNTS[name]
    if name in NUMBERS:
        return bool(re.fullmatch(r"[0-9]*\.?[0-9]*", value) and re.search("[0-9]", value))
    if name == "--temperature":
        parts = value.split(".." if ".." in value else ",")
        form = RAMP if ".." in value else TEMPERATURE
        return bool(re.fullmatch(form, value)) and all(re.search("[0-9]", part) for part in parts)
    return name == "--prefix" and 1 <= len(value) <= 500 and value.isprintable()


def _command(random: Random) -> bytes:
    """Return a mutant of a command."""
    words = list(random.choice(BASES))
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        at = random.randrange(len(words) + 1)
        match random.choice(["insert", "replace", "option", "special", "special", "drop"]):
            case "insert":
                words.insert(at, random.choice(WORDS))
            case "replace":
                words[at - 1] = random.choice(WORDS)
            case "option":
                name, value = random.choice(WORDS[:9]), random.choice(WORDS)
                words += random.choice([[name, value], [f"{name}={value}"]])
            case "special":
                words.insert(at, _with_special(random, words[at - 1]))
            case _:
                words = words[: at - 1] + words[at:] or ["generate"]
    quoted = [_quoted(random, word) for word in words]
    data = bytearray(random.choice([" ", " ", "  ", "\t"]).join(quoted).encode())
    if random.random() < 0.1:
        for _ in range(random.randint(1, 3)):
            data[random.randrange(len(data))] = random.randrange(1, 256)
    return bytes(data)


def _with_special(random: Random, word: str) -> str:
    at = random.randrange(len(word) + 1)
    return word[:at] + random.choice(SPECIAL) + word[at:]


def _quoted(random: Random, word: str) -> str:
    style = random.choice(["", "", "'", '"']) if word else "''"
    if " " in word and not style:
        style = '"'
    return "''" if style == "''" else f"{style}{word}{style}"
