"""Reading a command line: every mistake is one line that says what to write instead.

argparse knows the options, their help and their values. What it is given is first read here, since
it takes a repeated option in silence, and says the rest in words of its own.
"""

from __future__ import annotations

import argparse
import os

from pi_runtime._version import __version__
from pi_runtime.cli.output import note
from pi_runtime.errors import UsageError

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

PROSE = ("prefix", "text", "command", "stop_at")
"""Options whose value may be several words, and is then often left unquoted."""

LAST_COUNTS = ("prefix",)
"""Options that may be given again, as to a command that holds one already."""

FILES = ("model", "log", "synthesize")
"""Arguments that name a file as text, not as a `Path`."""

DASHES = "–—−"
"""What a web page makes of "--"."""


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors, and which remembers what was given.

    The namespace it returns has a member `given`: how each argument was spelt, by its name; in
    order. An option counts as given at its default value too.
    """

    def __init__(self, prog: str, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=__version__)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of printing the whole usage."""
        raise UsageError(message, f"see {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the arguments.

        Raises:
            UsageError: one is wrong; the message says what to write instead.
        """
        scan = _Scan(self, args)
        found = super().parse_args(scan.plain, namespace)
        self._check_encoding(found)
        found.given = scan.given
        if scan.repeated and not getattr(found, "quiet", False):
            note(f"note: {scan.repeated} is given twice; the last one counts")
        return found

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # Before Python 3.13 argparse drops "--" also where it is the value of an option.
        if action.option_strings and arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)

    def _check_encoding(self, found: argparse.Namespace) -> None:
        """Refuse bytes that are not UTF-8, but in the name of a file."""
        for name, value in vars(found).items():
            if name in FILES:
                continue
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and not _is_utf8(text):
                    raise UsageError("an argument is not UTF-8", "send it from a UTF-8 terminal")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Scan:
    """A command line, read once: what was given, and the same for argparse to read."""

    def __init__(self, parser: Parser, argv: list[str]) -> None:
        self.given: dict[str, str] = {}
        self.repeated = ""
        """An option that was given twice and may be."""
        self._parser = parser
        self._options = parser._option_string_actions
        self._rest = list(argv)
        self._plain: list[str] = []
        self._arguments: list[str] = []
        prose = ("", "")  # such an option and its value, just before
        only_arguments = False
        while self._rest:
            word = self._rest.pop(0)
            if only_arguments or not self._is_option(word):
                self._check_word(word, *prose)
                self._arguments.append(word)
            elif word == "--":
                only_arguments = True
            else:
                prose = self._option(word)
        self._check_groups()
        self._check_arguments()
        end = ["--", *self._arguments] if self._arguments else []
        self.plain = [*self._plain, *end]

    def _is_option(self, word: str) -> bool:
        """Return whether a word is an option, right or wrong, and no value or argument."""
        if word.partition("=")[0] in self._options or word == "--":
            return True
        if word[:1] != "-" or word == "-" or " " in word:
            return False
        try:
            float(word)
        except ValueError:
            return True
        return False

    def _option(self, word: str) -> tuple[str, str]:
        """Take an option with its value; return both if the value may be prose."""
        name, equals, value = word.partition("=")
        # -output is a long option with a dash too few, and no file called "utput".
        if not {name, f"-{name}"} & set(self._options) and not word.startswith("--"):
            name, value = word[:2], word[2:]  # -n5
            if name in self._options and self._options[name].nargs == 0:
                self._rest.insert(0, f"-{value}")  # -qn5
                equals = value = ""
            else:
                equals = "="
        if name not in self._options:
            self._unknown(word.partition("=")[0])
        action = self._options[name]
        self._note(action, name)
        if action.nargs == 0:
            if equals:
                raise UsageError(f"{name} takes no value", f"write {name} alone")
            if isinstance(action, (argparse._HelpAction, argparse._VersionAction)):
                argparse.ArgumentParser.parse_args(self._parser, [name])  # which exits
            self._plain.append(name)
            return "", ""
        if not equals:
            if self._rest and not self._is_option(self._rest[0]):
                value = self._rest.pop(0)
            elif action.nargs == "?":
                self._plain.append(name)
                return "", ""
            else:
                self._lacking(action, name)
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise UsageError(
                f"{name} is {value!r}{did_you_mean(value, choices)}", f"take {', '.join(choices)}"
            )
        self._plain.append(f"{name}={value}")
        return (name, value) if action.dest in PROSE else ("", "")

    def _note(self, action: argparse.Action, name: str) -> None:
        before = self.given.pop(action.dest, None)
        self.given[action.dest] = name
        if before is None:
            return
        if before != name and not isinstance(action, argparse._AppendAction):
            raise UsageError(f"{before} and {name} exclude each other", "give one of them")
        if isinstance(action, argparse._AppendAction):
            return
        if action.dest not in LAST_COUNTS:
            raise UsageError(f"{name} is given twice", "give it once")
        self.repeated = name

    def _lacking(self, action: argparse.Action, name: str) -> NoReturn:
        what = action.metavar if isinstance(action.metavar, str) else "VALUE"
        todo = f"write {name} {what}"
        if self._rest and self._rest[0] not in self._options and self._rest[0] != "--":
            todo = f"if {self._rest[0]} is meant, write {name}={self._rest[0]}"
        raise UsageError(f"{name} lacks its value", todo)

    def _unknown(self, name: str) -> NoReturn:
        hint = did_you_mean(name, self._names())
        raise UsageError(f"{name} is unknown{hint}", f"see {self._parser.prog} --help")

    def _names(self) -> list[str]:
        shown = self._options.items()
        return [name for name, action in shown if action.help != argparse.SUPPRESS]

    def _check_word(self, word: str, option: str, value: str) -> None:
        """Check that a word outside of options is no mistyped option and no rest of a text."""
        if word[:1] in DASHES and word:
            name = "--" + word.lstrip(f"-{DASHES}").partition("=")[0]
            if name in self._options:
                raise UsageError(f"{word} begins with a dash, not with --", f"type {name}")
        if option and not word.endswith(".tflite") and not os.path.exists(word):  # noqa: PTH110
            words = [value, word]
            for following in self._rest:
                if self._is_option(following):
                    break
                words.append(following)
            raise UsageError(
                f"{word} follows {option} {value} and is no file",
                f'quote a text of several words: {option} "{" ".join(words)}"',
            )

    def _check_groups(self) -> None:
        for group in self._parser._mutually_exclusive_groups:
            names = [action.dest for action in group._group_actions]
            found = [self.given[dest] for dest in self.given if dest in names]
            if len(found) > 1:
                raise UsageError(
                    f"{found[0]} and {found[1]} exclude each other", "give one of them"
                )

    def _check_arguments(self) -> None:
        rest = list(self._arguments)
        for action in self._parser._get_positional_actions():
            name = str(action.metavar or action.dest)
            if rest:
                self.given[action.dest] = name
            elif action.nargs in (None, "+"):
                raise UsageError(f"{name} is missing", f"see {self._parser.prog} --help")
            rest = [] if action.nargs in ("*", "+") else rest[1:]
        if rest:
            raise UsageError(
                f"{rest[0]} is one argument too many", f"see {self._parser.prog} --help"
            )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question for the known word that is meant, to be put behind an error.

    >>> did_you_mean("--temprature", ["--text", "--temperature"])
    ', did you mean --temperature?'
    >>> did_you_mean("sam", ["festival"])
    ''
    """
    from difflib import get_close_matches

    spelt = {name.lstrip("-").lower(): name for name in reversed(list(known))}
    bare = word.lstrip("-").lower()
    near = get_close_matches(bare, spelt, 1, 0.65)
    if not near and len(bare) > 2:
        near = [name for name in spelt if name.startswith(bare)]
    return f", did you mean {spelt[near[0]]}?" if near else ""
