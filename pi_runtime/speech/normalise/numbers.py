"""Numbers, and the signs that join them or stand around them, as they are read aloud.

A text is walked once, from left to right. Where a number begins, all that is written with it is
read: its groups of thousands and its fraction, or the whole of a time, a date or a telephone
number; then what follows it, such as % or €. A sign is read by its neighbours: between two numbers
a hyphen is a range, before one and behind nothing a minus; elsewhere it is left to `letters` and
`punctuation`.

What comes out holds digits only as whole numbers of at most nine digits without leading zeros.
Two that are not one number's are apart by a word, by a comma, or in such a way that nobody takes
them for groups of thousands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from pi_runtime.speech.normalise.alphabet import Alphabet
from pi_runtime.speech.normalise.characters import HARD_SPACE, MINUS
from pi_runtime.speech.normalise.spelling import Noun
from pi_runtime.speech.normalise.words import SPELLED_DENOMINATORS, Words

LONGEST_NUMBER = 9
"""Digits that every voice reads as one number."""

_SPACES = f" {HARD_SPACE}"
_DASHES = "-–—"
_OPENERS = "([{<\"'«„“=≈~±*/^×÷:,;|+"
"""What a minus may stand behind, besides a space."""
_CURRENCIES = "$€£₽₴₸₹¥¢₩₺₪"

_DIGITS = re.compile(r"[0-9]+")
_GROUP = re.compile(r"[0-9]{3}(?![0-9])")
# Each of these is of bounded length: it is tried at every number, at a constant cost.
_GAP = f"[{_SPACES}-]"
_PHONES = tuple(
    re.compile(pattern + r"(?![0-9]|[-.,][0-9])")
    for pattern in (
        rf"\+\d{{1,4}}(?:(?:{_GAP}|{_GAP}?\(|\){_GAP}?)\d{{1,7}}){{2,6}}",
        r"\+\d{10,15}",
        rf"(?:8{_GAP}?)?\(\d{{3,5}}\){_GAP}?\d{{1,4}}(?:{_GAP}\d{{2,4}}){{1,3}}",
        rf"8({_GAP})\d{{3}}\1\d{{3}}{_GAP}\d\d{_GAP}\d\d",
        rf"(?:\d{{3}}[{_SPACES}])?\d{{2,4}}(?:-\d{{2,4}}){{2,4}}",
    )
)
_SHORT_PHONE = re.compile(r"[2-9]\d\d-\d{4}(?![0-9]|[-.,/:–—][0-9])")
_PHONE_DIGITS = range(7, 16)
_YEAR_FIRST = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?![0-9]|[-.,][0-9])")
_YEAR_LAST = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(?![0-9]|[-.,/][0-9])")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?![0-9]|[:.,][0-9])")
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,2})(?![0-9]|[/.,][0-9])")
_EXPONENT = re.compile(rf"[eE]([-+{MINUS}])(?=[0-9])")
_PERCENT = re.compile(rf"[{_SPACES}]?([%‰])")
_DEGREES = re.compile(rf"[{_SPACES}]?°(?:[{_SPACES}]?([CcСсFf])(?!\w))?")
_MONEY = re.compile(rf"[{_SPACES}]?([{_CURRENCIES}])")
_SCALE = re.compile(rf"[{_SPACES}]([^\W\d_]{{3,10}})(?!\w)(\.?)")
_UNIT = re.compile(rf"[{_SPACES}]?([^\W\d_]{{2,4}})(?!\w)(\.?)")
_WORD_BEHIND = re.compile(rf"[{_SPACES}]([^\W\d_]{{1,20}})(?!\w)(\.?)")
_WORD_BEFORE = re.compile(rf"(?<!\w)([^\W\d_]{{1,2}})[{_SPACES}]\Z")
_NOTHING = re.compile("")
_ENDING = re.compile(r"-([^\W\d_]{1,3})(?!\w)")
_ENGLISH_ENDING = re.compile(r"(?:st|nd|rd|th|s)(?!\w)", re.IGNORECASE)
_YEAR_WORD = re.compile(rf"[{_SPACES}]?(?:г\.|года?(?!\w))")
_SENTENCE_GOES_ON = re.compile(r"\s*[^\W_A-ZА-ЯЁ]|\s*[,;:)?!–—-]")
_NUMBER_FOLLOWS = re.compile(rf"[{_SPACES}]?[-–{MINUS}]?\.?[0-9]")
_NUMBER_STARTS = re.compile(rf"(?:[{_CURRENCIES}][{_SPACES}]?)?\.?[0-9]")
_SUM_GOES_ON = re.compile(rf"[{_SPACES}]?[0-9]{{1,15}}(?:[.,][0-9]{{1,15}})?[{_SPACES}]?=")
_POWER = re.compile(rf"\^([-+{MINUS}]?)([0-9])([0-9]?)")


@dataclass(frozen=True)
class _Number:
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


def read_numbers(text: str, words: Words, alphabet: Alphabet) -> str:
    """Return a text in which numbers and signs are written as a voice can read them."""
    return _Walk(text, words, alphabet).read()


class _Walk:
    def __init__(self, text: str, words: Words, alphabet: Alphabet) -> None:
        self.text = text
        self.words = words
        self.alphabet = alphabet
        self.at = 0
        self.out: list[str] = []
        self.last: _Number | None = None
        self.end = -1
        """Where the last number ended."""
        self.in_sum = False
        """Whether a hyphen between numbers would be a minus, as in 2+3-1."""
        self.no_groups_before = 0
        """Where a row of numbers ends that are apart by spaces, and no groups of thousands."""
        self.readers = self._readers()

    def read(self) -> str:
        text = self.text
        while self.at < len(text):
            character = text[self.at]
            if "0" <= character <= "9":
                self._read_number()
                continue
            reader = self.readers.get(character)
            if reader is None or not reader():
                self._copy(character)
        return "".join(self.out)

    # What comes out.

    def _copy(self, character: str) -> None:
        if self.end == self.at and character.isalpha():
            glued = (
                self.words.suffixes
                and self.out[-1][-2:-1].isdigit()
                and _ENGLISH_ENDING.match(self.text, self.at)
            )
            if glued:
                self.out[-1] = self.out[-1][:-1]
        if character.isalnum():
            self.in_sum = False
        self.out.append(character)
        self.at += 1

    def _say(self, word: str, to: int) -> bool:
        """Put a word, and go on behind what it stands for."""
        self.out.append(f" {word} ")
        self.at = to
        return True

    def _say_number(self, number: _Number, said: str, to: int) -> None:
        # A letter before digits is one word with them: A4. "A 4" would begin with an article.
        before = self.text[self.at - 1 : self.at]
        glued = (
            self.words.suffixes
            and said.isdigit()
            and self.alphabet.reads_numbers
            and before.isascii()
            and before.isalpha()
            and not self.text[max(self.at - 2, 0) : self.at - 1].isalnum()
        )
        first = said.partition(" ")[0]
        if first.isdigit() and len(first) == 3 and self._number_before():
            self.out.append(",")
        self.out.append(f"{'' if glued else ' '}{said} ")
        self.last, self.end, self.at = number, to, to

    def _number_before(self) -> bool:
        """Return whether digits were put last, with nothing but space behind them."""
        for piece in reversed(self.out):
            if piece.strip():
                return piece.strip()[-1].isdigit()
        return False

    # Numbers.

    def _read_number(self) -> None:
        if self._phone() or self._date() or self._time() or self._parts():
            return
        number, to = self._plain()
        if number is None:
            return
        self._with_suffix(number, to)

    def _digits(self, digits: str) -> str:
        """Return a whole number as digits, or as words if the voice needs them."""
        if len(digits) > LONGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
            return " ".join(map(self._digits, digits))
        spell = self.words.spell
        return digits if self.alphabet.reads_numbers or spell is None else spell(int(digits))

    def _whole(self, number: _Number) -> str:
        digits = number.whole
        scales = self.words.scales
        if not (number.grouped and LONGEST_NUMBER < len(digits) <= 3 * len(scales) + 3):
            return self._digits(digits)
        said: list[str] = []
        for power in range((len(digits) - 1) // 3, -1, -1):
            group = int(digits[-3 * power - 3 : -3 * power or None])
            if group and power:
                said.append(self._counted(_Number(str(group)), scales[power - 1]))
            elif group:
                said.append(self._digits(str(group)))
        return " ".join(said)

    def _spoken(self, number: _Number) -> str:
        if number.said:
            return number.said
        whole = self._whole(number)
        if not number.fraction:
            return whole
        mark = self.words.point if number.mark == "." else self.words.comma
        fraction = number.fraction
        if self.words.fraction_digits or fraction[0] == "0" or len(fraction) > 3:
            fraction = " ".join(map(self._digits, fraction))
        else:
            fraction = self._digits(fraction)
        return f"{whole} {mark} {fraction}"

    def _counted(self, number: _Number, noun: Noun) -> str:
        """Return a number and what it counts."""
        if number.fraction or number.said:
            return f"{self._spoken(number)} {noun.few}"
        said = self.words.count(number.amount, noun) if number.amount < 10**9 else None
        return f"{said or self._spoken(number)} {self.words.form(number.amount, noun)}"

    def _money(self, number: _Number, sign: str) -> str:
        if sign not in self.words.currencies:
            return f"{self._spoken(number)} {sign}"
        noun, cent = self.words.currencies[sign]
        if cent is None or len(number.fraction) != 2:
            return self._counted(number, noun)
        whole = self._counted(_Number(number.whole, grouped=number.grouped), noun)
        if number.fraction == "00":
            return whole
        return f"{whole} {self._counted(_Number(number.fraction.lstrip('0')), cent)}"

    def _with_suffix(self, number: _Number, to: int) -> None:
        """Say a number with what follows it."""
        text, words = self.text, self.words
        said = ""
        if match := _PERCENT.match(text, to):
            said = self._counted(number, words.percent if match[1] == "%" else words.permille)
        elif match := _DEGREES.match(text, to):
            scale = {"c": words.celsius, "с": words.celsius, "f": words.fahrenheit}
            said = self._counted(number, words.degree)
            said += f" {scale[match[1].lower()]}" if match[1] else ""
        elif (match := _MONEY.match(text, to)) and not (
            match[0] != match[1] and _DIGITS.match(text, match.end())
        ):
            said = self._money(number, match[1])
        elif (match := _UNIT.match(text, to)) and match[1].lower() in words.units:
            said = self._counted(number, words.units[match[1].lower()])
            if words.units[match[1].lower()] in words.scales:
                match, unit = self._scaled(match)
                said += unit
            if match[0].endswith(".") and not _SENTENCE_GOES_ON.match(text, match.end()):
                said += " ."
        elif (
            (match := _ENDING.match(text, to))
            and words.ordinal
            and not number.fraction
            and len(number.whole) < 5
        ):
            said = words.ordinal(number.amount, match[1].lower())
        elif agreeing := self._agreeing(number, to):
            said, match = agreeing
        if said and match:
            self._say_number(number, said, match.end())
            return
        self._say_number(number, self._spoken(number), to)
        if match := _EXPONENT.match(text, to):
            sign = words.plus if match[1] == "+" else words.minus
            self._say(f"{words.exponent} {sign}", match.end())

    def _agreeing(self, number: _Number, to: int) -> tuple[str, re.Match[str]] | None:
        """Return a number in the form that the words beside it want, and where it ends."""
        behind = _WORD_BEHIND.match(self.text, to)
        if not behind or not self.words.agreeing or number.fraction or number.said:
            return None
        if len(number.whole) > LONGEST_NUMBER or number.whole[0] == "0":
            return None
        before = _WORD_BEFORE.search(self.text, max(self.at - 4, 0), self.at)
        said = self.words.agreeing(
            number.amount, before[1].lower() if before else "", behind[1].lower()
        )
        abbreviated = behind[1].lower() == "г"
        end = behind if abbreviated else _NOTHING.match(self.text, to)
        if abbreviated and not behind[2]:
            return None
        if abbreviated and not _SENTENCE_GOES_ON.match(self.text, behind.end()):
            said += " ."
        return (said, end) if said.strip(" .") and end else None

    def _scaled(self, scale: re.Match[str]) -> tuple[re.Match[str], str]:
        """Return where a unit behind a scale ends, as in 5 тыс. руб., and its name."""
        words = self.words
        unit = _UNIT.match(self.text, scale.end())
        if unit and unit[1].lower() in words.units:
            return unit, f" {words.units[unit[1].lower()].many}"
        money = _MONEY.match(self.text, scale.end())
        if money and not _DIGITS.match(self.text, money.end()):
            return money, f" {self._currency_name(money[1])}"
        return scale, ""

    def _plain(self) -> tuple[_Number | None, int]:
        """Return the number that begins here and its end; None if it was several, and they are
        said."""
        groups, marks, to = self._groups()
        thousands = _are_thousands(groups)
        mark = marks[0] if marks else ""
        if not marks:
            return _Number(groups[0]), to
        if len(set(marks)) == 1:
            if mark in _SPACES or (mark == "'" and thousands):
                return _Number("".join(groups), grouped=True), to
            if thousands and not self._are_addresses(groups, mark):
                if len(groups) > 2 or (
                    self.words.decimal == "." if mark == "," else self.words.stop_thousands
                ):
                    return _Number("".join(groups), grouped=True), to
            elif mark == "," == self._other_decimal() and _are_lakhs(groups):
                return _Number("".join(groups), grouped=True), to
            if len(groups) == 2 and mark in ".,":
                return _Number(groups[0], groups[1], mark), to
        elif len(set(marks[:-1])) == 1 and marks[-1] in ".," and _are_thousands(groups[:-1]):
            return _Number("".join(groups[:-1]), groups[-1], marks[-1], grouped=True), to
        self._say_several(groups, marks, to)
        return None, to

    def _other_decimal(self) -> str:
        return "," if self.words.decimal == "." else "."

    @staticmethod
    def _are_addresses(groups: list[str], mark: str) -> bool:
        """Return whether it is 192.168.100.200, which could be an amount where stops group."""
        return (
            mark == "."
            and len(groups) == 4
            and all(int(group) < 256 and group == str(int(group)) for group in groups)
        )

    def _say_several(self, groups: list[str], marks: list[str], to: int) -> None:
        said = self._digits(groups[0])
        for mark, group in zip(marks, groups[1:], strict=True):
            said += f" {self.words.dot if mark == '.' else ','} {self._digits(group)}"
        self._say_number(_Number(groups[-1]), said, to)

    def _groups(self) -> tuple[list[str], list[str], int]:
        """Return the digits here, those that stops, commas or spaces join to them, what joins
        them, and the end."""
        text = self.text
        groups, marks = [_digits_at(text, self.at)], list[str]()
        to = self.at + len(groups[0])
        before = text[self.at - 1 : self.at]
        with_spaces = (
            self.at >= self.no_groups_before
            and not before.isalnum()
            and before not in (":", "/", "'")
            and not (before.isspace() and self.end == self.at - 1)
        )
        while to + 1 < len(text):
            mark = text[to]
            if mark in ".,'" and "0" <= text[to + 1] <= "9":
                group = _digits_at(text, to + 1)
            elif (
                mark in _SPACES
                and with_spaces
                and set(marks) <= {mark}
                and _is_first_group(groups[0])
                and _GROUP.match(text, to + 1)
            ):
                group = text[to + 1 : to + 4]
            else:
                break
            groups.append(group)
            marks.append(mark)
            to += 1 + len(group)
        spaced = marks and marks[0] in _SPACES
        if spaced and text[to : to + 1] == marks[0] and _DIGITS.match(text, to + 1):
            self.no_groups_before = to  # 8 800 555 35 35
            return groups[:1], [], self.at + len(groups[0])
        if spaced and not _are_decimals(marks):
            self.no_groups_before = to
            return groups[:1], [], self.at + len(groups[0])
        return groups, marks, to

    # What is written as a whole.

    def _phone(self) -> bool:
        text = self.text
        if self.text[self.at - 1 : self.at].isalnum():
            return False
        for pattern in _PHONES:
            match = pattern.match(text, self.at)
            if match and sum(map(str.isdigit, match[0])) in _PHONE_DIGITS:
                if _YEAR_FIRST.match(text, self.at):
                    continue
                return self._say_phone(match)
        match = _SHORT_PHONE.match(text, self.at)
        if match and self.words.suffixes and not match[0].endswith("00"):
            return self._say_phone(match)
        return False

    def _say_phone(self, match: re.Match[str]) -> bool:
        said = []
        for group in _DIGITS.findall(match[0]):
            one_by_one = self.words.phone_digits or len(group) > 3
            said.append(" ".join(map(self._digits, group)) if one_by_one else self._digits(group))
        plus = f"{self.words.plus} " if match[0].startswith("+") else ""
        self._say_number(_Number("0"), plus + ", ".join(said), match.end())
        return True

    def _date(self) -> bool:
        if match := _YEAR_FIRST.match(self.text, self.at):
            year, month, day = match.groups()
        elif match := _YEAR_LAST.match(self.text, self.at):
            day, mark, month, year = match.groups()
            month_first = int(month) > 12 or (self.words.month_first and int(day) <= 12)
            if mark == "/" and month_first:
                day, month = month, day
        else:
            return False
        if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
            return False
        to = match.end()
        if self.words.date and self.words.months:
            name = self.words.months[int(month) - 1]
            said = self.words.date(int(day), name, year)
            if following := _YEAR_WORD.match(self.text, to):
                to = following.end()
        else:
            said = ", ".join(map(self._digits, _DIGITS.findall(match[0])))
        self._say_number(_Number(year), said, to)
        return True

    def _time(self) -> bool:
        match = _TIME.match(self.text, self.at)
        if (
            not match
            or int(match[1]) > 24
            or any(int(part or 0) > 59 for part in match.groups()[1:])
        ):
            return False
        hour, minute, second = match.groups()
        if minute == "00" and not second and self.words.o_clock and hour.lstrip("0"):
            said = f"{self._digits(hour.lstrip('0'))} {self.words.o_clock}"
        else:
            said = self._digits(hour)
            for part in filter(None, (minute, second)):
                said += " "
                if part[0] == "0" and part != "00":
                    said += f"{self.words.oh or self._digits('0')} {self._digits(part[1])}"
                else:
                    said += self._digits(part)
        self._say_number(_Number(hour), said, match.end())
        return True

    def _parts(self) -> bool:
        """Read 1/2."""
        match = _FRACTION.match(self.text, self.at)
        if not match or self.words.fraction is None or self.text[self.at - 1 : self.at] == "/":
            return False
        above, below = int(match[1]), int(match[2])
        if (
            not 0 < above < below
            or below not in SPELLED_DENOMINATORS
            or "0" in (match[1][0], match[2][0])
        ):
            return False
        mixed = self.end == self.at - 1 and self.text[self.end].isspace()
        if mixed and self.last and not (self.last.fraction or self.last.said):
            self.out.append(f" {self.words.with_} ")
        said = self.words.fraction(above, below)
        self._with_suffix(_Number(str(above), said=said), match.end())
        return True

    # Signs. Each reader returns whether it read the sign.

    def _readers(self) -> dict[str, partial[bool]]:
        words = self.words
        readers: dict[str, partial[bool]] = {
            "-": partial(self._dash, may_be_minus=True),
            "–": partial(self._dash, may_be_minus=True),
            "—": partial(self._dash, may_be_minus=False),
            MINUS: partial(self._minus),
            "+": partial(self._plus),
            "±": partial(self._operator, words.plus_minus),
            "=": partial(self._operator, words.equals),
            "≠": partial(self._operator, words.unequal),
            "≤": partial(self._operator, words.at_most),
            "≥": partial(self._operator, words.at_least),
            "×": partial(self._operator, words.times),
            "÷": partial(self._operator, words.divided),
            "≈": partial(self._before_number, words.about),
            "~": partial(self._before_number, words.about),
            "*": partial(self._between, words.times),
            "·": partial(self._between, words.times),
            "<": partial(self._less),
            ">": partial(self._between, words.greater),
            ":": partial(self._joint, words.ratio),
            "/": partial(self._joint, words.slash),
            "^": partial(self._power),
            "%": partial(self._word, words.percent.many),
            "‰": partial(self._word, words.permille.many),
            "°": partial(self._word, words.degree.many),
            "&": partial(self._word, words.and_),
            "@": partial(self._word, words.at),
            "№": partial(self._word, words.number),
            "#": partial(self._hash),
            "(": partial(self._phone),
            ".": partial(self._bare_fraction),
        }
        readers |= {sign: partial(self._currency, sign) for sign in _CURRENCIES}
        readers |= {letter: partial(self._by) for letter in "xXхХ"}
        return readers

    def _behind_number(self, spaced: bool = True) -> bool:
        """Return whether a number ends here, or one space before."""
        if self.end < 0:
            return False
        gap = self.text[self.end : self.at]
        return not gap or (spaced and len(gap) == 1 and gap.isspace())

    def _word(self, word: str) -> bool:
        return self._say(word, self.at + 1)

    def _operator(self, word: str) -> bool:
        self._say(word, self.at + 1)
        self.in_sum = True
        return True

    def _between(self, word: str) -> bool:
        if self._behind_number() and _NUMBER_FOLLOWS.match(self.text, self.at + 1):
            return self._operator(word)
        return False

    def _before_number(self, word: str) -> bool:
        return bool(word and _NUMBER_FOLLOWS.match(self.text, self.at + 1)) and self._word(word)

    def _joint(self, word: str) -> bool:
        """Read what joins two numbers without a space."""
        tight = self.end == self.at and _DIGITS.match(self.text, self.at + 1)
        return bool(tight) and self._word(word)

    def _less(self) -> bool:
        following = _NUMBER_FOLLOWS.match(self.text, self.at + 1)
        return bool(following) and self._operator(self.words.less)

    def _plus(self) -> bool:
        return self._phone() or self._operator(self.words.plus)

    def _minus(self) -> bool:
        """Read the sign that is a minus and nothing else."""
        after = self.at + 1
        number = _NUMBER_FOLLOWS.match(self.text, after) or _NUMBER_STARTS.match(self.text, after)
        return bool(number) and self._operator(self.words.minus)

    def _dash(self, may_be_minus: bool) -> bool:
        text, at = self.text, self.at
        before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
        number = bool(_NUMBER_STARTS.match(text, at + 1))
        if self._behind_number(spaced=False):
            signed = after in ("-", MINUS) and _NUMBER_STARTS.match(text, at + 2)
            if number or signed:
                is_sum = self.in_sum or _SUM_GOES_ON.match(text, at + 1)
                self._say(self.words.minus if is_sum and may_be_minus else self.words.to, at + 1)
                if signed:
                    self._say(self.words.minus, at + 2)
                return True
            return self._say("," if after.isspace() and not may_be_minus else "", at + 1)
        if number:
            if may_be_minus and (not before or before.isspace() or before in _OPENERS):
                return self._say(self.words.minus, at + 1)
            return self._say("" if before.isalnum() else ",", at + 1)
        if before.isspace() and after.isspace():
            return self._spaced_dash(may_be_minus)
        return False

    def _spaced_dash(self, may_be_minus: bool) -> bool:
        following = _DIGITS.match(self.text, self.at + 2)
        if following and self._behind_number() and self.last:
            if may_be_minus and (self.in_sum or _SUM_GOES_ON.match(self.text, self.at + 1)):
                return self._operator(self.words.minus)
            if (len(following[0]), following[0]) > (len(self.last.whole), self.last.whole):
                return self._word(self.words.to)
        return self._word(",")

    def _by(self) -> bool:
        """Read the letter in 10x15; 0x10 is something else."""
        tight = self.end == self.at and self.last and self.last.whole != "0"
        return bool(tight and _DIGITS.match(self.text, self.at + 1)) and self._word(self.words.by)

    def _power(self) -> bool:
        match = _POWER.match(self.text, self.at)
        if not match:
            return False
        before = self.text[max(self.at - 4, 0) : self.at]
        if not before[-1:].isalnum() and before[-1:] != ")":
            return self._say("", self.at + 1)
        if len(before) == 4 and before.isalpha():
            return self._say("", self.at + 1)  # a note to a word
        sign, digit, more = match.groups()
        if not sign and not more and digit in "23":
            said = self.words.squared if digit == "2" else self.words.cubed
            if said != ",":
                self._say_number(_Number(digit), said, match.end())
                return True
        signs = {"": "", "+": self.words.plus}
        return self._say(
            f"{self.words.power} {signs.get(sign, self.words.minus)}", self.at + 1 + len(sign)
        )

    def _hash(self) -> bool:
        numbered = _NUMBER_FOLLOWS.match(self.text, self.at + 1)
        return self._word(self.words.number if numbered else self.words.hash)

    def _bare_fraction(self) -> bool:
        """Read .5, which has no whole."""
        before = self.text[self.at - 1 : self.at] if self.at else ""
        if before.isalnum() or before == "." or not _DIGITS.match(self.text, self.at + 1):
            return False
        fraction = _digits_at(self.text, self.at + 1)
        to = self.at + 1 + len(fraction)
        if self.text[to : to + 1] in (".", ",") and _DIGITS.match(self.text, to + 1):
            return False
        self._with_suffix(_Number("0", fraction, "."), to)
        return True

    def _currency(self, sign: str) -> bool:
        """Read a currency before its number, or alone."""
        text, at = self.text, self.at + 1
        at += text[at : at + 1] in tuple(_SPACES)
        if text[at : at + 1] in ("-", "–", MINUS) and _NUMBER_STARTS.match(text, at + 1):
            self._say(self.words.minus, at)
            at += 1
        if _DIGITS.match(text, at):
            self.at = at
            number, to = self._plain()
            if number is None:
                return self._say(self._currency_name(sign), to)
            scale = _SCALE.match(text, to)
            if scale and scale[1].lower() in self.words.scale_words:
                noun = self.words.units.get(scale[1].lower())
                said = self._counted(number, noun) if noun else f"{self._spoken(number)} {scale[1]}"
                self._say_number(number, f"{said} {self._currency_name(sign)}", scale.end(1))
                if scale[2] and _SENTENCE_GOES_ON.match(text, scale.end()):
                    self.at = scale.end()
                return True
            self._say_number(number, self._money(number, sign), to)
            return True
        return self._say(self._currency_name(sign), self.at + 1)

    def _currency_name(self, sign: str) -> str:
        return self.words.currencies[sign][0].many if sign in self.words.currencies else sign


def _digits_at(text: str, at: int) -> str:
    match = _DIGITS.match(text, at)
    return match[0] if match else ""


def _is_first_group(group: str) -> bool:
    return len(group) <= 3 and group[0] != "0"


def _are_thousands(groups: list[str]) -> bool:
    return (
        len(groups) > 1
        and _is_first_group(groups[0])
        and all(len(group) == 3 for group in groups[1:])
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


def _are_decimals(marks: list[str]) -> bool:
    """Return whether at most one stop or comma follows spaces."""
    return sum(mark not in _SPACES for mark in marks) <= 1 and all(
        mark in _SPACES for mark in marks[:-1]
    )
