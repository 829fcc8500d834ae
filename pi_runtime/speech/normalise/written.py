"""How a number is written: its groups of thousands, and what parts whole and fraction."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_runtime.speech.normalise.characters import HARD_SPACE
from pi_runtime.speech.normalise.words import Words

SPACES = f" {HARD_SPACE}"
DIGITS = re.compile(r"[0-9]+")

_GROUP = re.compile(r"[0-9]{3}(?![0-9])")
_NO_AMOUNT = re.compile(rf"[{SPACES}](?:[0-9]{{1,2}}[{SPACES}][0-9]|[0-9]{{4}})")
"""What follows the groups of 8 800 555 35 35 or 1 800 555 1234."""


@dataclass(frozen=True)
class Number:
    """One number."""

    whole: str
    fraction: str = ""
    mark: str = ""
    """The stop or comma before the fraction."""
    grouped: bool = False
    """Whether it was written in groups of thousands, and so is an amount."""
    said: str = ""
    """How it is read, if not by its digits."""

    @property
    def amount(self) -> int:
        """The whole number, for plurals: of a very long one its last digits decide."""
        return int(self.whole[-9:]) + (10**9 if len(self.whole) > 9 else 0)


@dataclass(frozen=True)
class Row:
    """Digits joined by stops, commas and the like that are no single number."""

    groups: list[str]
    marks: list[str]
    end: int

    def number(self, words: Words) -> Number | None:
        """Return the number that it is after all; None if it is several, as 1.2.3 is."""
        groups, marks = self.groups, self.marks
        if not marks:
            return Number(groups[0])
        mark = marks[0]
        if set(marks) == {mark}:
            if _are_thousands(groups) and not _are_address(groups, mark):
                as_thousands = {
                    ",": words.decimal == "." or len(groups) > 2,
                    ".": words.stop_thousands or len(groups) > 2,
                }
                if as_thousands.get(mark, True):
                    return Number("".join(groups), grouped=True)
            if mark == "," and words.decimal == "." and _are_lakhs(groups):
                return Number("".join(groups), grouped=True)
            if len(groups) == 2 and mark in ".,":
                return Number(groups[0], groups[1], mark)
        elif set(marks[:-1]) == {mark} and marks[-1] in ".," and _are_thousands(groups[:-1]):
            return Number("".join(groups[:-1]), groups[-1], marks[-1], grouped=True)
        return None


def row_at(text: str, at: int, spaced: bool) -> Row:
    """Return the digits here and those that are joined to them; `spaced`: by spaces too, if they
    are groups of thousands."""
    groups, marks = [digits_at(text, at)], list[str]()
    to = at + len(groups[0])
    spaced = spaced and _may_be_first(groups[0])
    while to + 1 < len(text):
        mark = text[to]
        if mark in ".,'" and "0" <= text[to + 1] <= "9":
            group, spaced = digits_at(text, to + 1), False
        elif (
            spaced
            and mark in SPACES
            and mark == (marks[0] if marks else mark)
            and _GROUP.match(text, to + 1)
        ):
            group = text[to + 1 : to + 4]
        else:
            break
        groups.append(group)
        marks.append(mark)
        to += 1 + len(group)
    if marks and marks[0] in SPACES:
        joined = sum(mark not in SPACES for mark in marks)
        if joined > 1 or _NO_AMOUNT.match(text, to) or (joined and marks[-1] == "'"):
            return Row(groups[:1], [], at + len(groups[0]))
    return Row(groups, marks, to)


def digits_at(text: str, at: int) -> str:
    """Return the digits that begin here."""
    match = DIGITS.match(text, at)
    return match[0] if match else ""


def _may_be_first(group: str) -> bool:
    return len(group) <= 3 and group[0] != "0"


def _are_thousands(groups: list[str]) -> bool:
    return (
        len(groups) > 1
        and _may_be_first(groups[0])
        and all(len(group) == 3 for group in groups[1:])
    )


def _are_address(groups: list[str], mark: str) -> bool:
    """Return whether it is 192.168.100.200, which could be an amount where stops group."""
    return (
        mark == "."
        and len(groups) == 4
        and all(int(group) < 256 and group == str(int(group)) for group in groups)
    )


def _are_lakhs(groups: list[str]) -> bool:
    """Return whether it is 1,00,000, as numbers are grouped in India."""
    return (
        len(groups) > 2
        and len(groups[0]) <= 2
        and groups[0][0] != "0"
        and all(len(group) == 2 for group in groups[1:-1])
        and len(groups[-1]) == 3
    )
