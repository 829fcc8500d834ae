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
from functools import partial

from pi_runtime.speech.normalise.alphabet import Alphabet
from pi_runtime.speech.normalise.characters import MINUS
from pi_runtime.speech.normalise.spoken import Wording
from pi_runtime.speech.normalise.suffixes import Suffixes
from pi_runtime.speech.normalise.words import CURRENCIES, SPELLED_DENOMINATORS, Words
from pi_runtime.speech.normalise.written import DIGITS, SPACES, Number, Row, digits_at, row_at

_OPENERS = "([{<\"'«„“=≈~±*/^×÷:,;|+"
"""What a minus may stand behind, besides a space."""

# Each of these is of bounded length: it is tried at every number, at a constant cost.
_GAP = f"[{SPACES}-]"
_PHONES = tuple(
    re.compile(pattern + r"(?![0-9]|[-.,][0-9])")
    for pattern in (
        rf"\+\d{{1,4}}(?:(?:{_GAP}|{_GAP}?\(|\){_GAP}?)\d{{1,7}}){{2,6}}",
        r"\+\d{10,15}",
        rf"(?:8{_GAP}?)?\(\d{{3,5}}\){_GAP}?\d{{1,4}}(?:{_GAP}\d{{2,4}}){{1,3}}",
        rf"8({_GAP})\d{{3}}\1\d{{3}}{_GAP}\d\d{_GAP}\d\d",
        rf"(?:\d{{3}}[{SPACES}])?\d{{2,4}}(?:-\d{{2,4}}){{2,4}}",
    )
)
_SHORT_PHONE = re.compile(r"[2-9]\d\d-\d{4}(?![0-9]|[-.,/:–—][0-9])")
_PHONE_DIGITS = range(7, 16)
_YEAR_FIRST = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?![0-9]|[-.,][0-9])")
_YEAR_LAST = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(?![0-9]|[-.,/][0-9])")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?![0-9]|[:.,][0-9])")
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,2})(?![0-9]|[/.,][0-9])")
_EXPONENT = re.compile(rf"[eE]([-+{MINUS}])(?=[0-9])")
_ENGLISH_ENDING = re.compile(r"(?:st|nd|rd|th|s)(?!\w)", re.IGNORECASE)
_YEAR_WORD = re.compile(rf"[{SPACES}]?(?:г\.|года?(?!\w))")
_NUMBER_FOLLOWS = re.compile(rf"[{SPACES}]?[-–{MINUS}]?\.?[0-9]")
_NUMBER_STARTS = re.compile(rf"(?:[{CURRENCIES}][{SPACES}]?)?\.?[0-9]")
_SUM_GOES_ON = re.compile(rf"[{SPACES}]?[0-9]{{1,15}}(?:[.,][0-9]{{1,15}})?[{SPACES}]?=")
_CHAIN_GOES_ON = re.compile(r"[-–—][0-9]{1,15}[-–—][0-9]")
_POWER = re.compile(rf"\^([-+{MINUS}]?)([0-9])([0-9]?)")


def read_numbers(text: str, words: Words, alphabet: Alphabet) -> str:
    """Return a text in which numbers and signs are written as a voice can read them."""
    return _Walk(text, words, alphabet).read()


class _Walk:
    def __init__(self, text: str, words: Words, alphabet: Alphabet) -> None:
        self.text = text
        self.words = words
        self.alphabet = alphabet
        self.wording = Wording(words, alphabet)
        self.suffixes = Suffixes(text, self.wording)
        self.at = 0
        self.out: list[str] = []
        self.last: Number | None = None
        self.end = -1
        """Where the last number ended."""
        self.in_sum = False
        """Whether a hyphen between numbers would be a minus, as in 2+3-1."""
        self.in_chain = False
        """Whether more than two numbers are joined by hyphens, as in 4-4-2."""
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
        if not character.isspace():
            self.in_sum = False
        self.out.append(character)
        self.at += 1

    def _say(self, word: str, to: int) -> bool:
        """Put a word, and go on behind what it stands for."""
        self.out.append(f" {word} ")
        self.at = to
        return True

    def _say_number(self, number: Number, said: str, to: int) -> None:
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
        row = self._row()
        number = row.number(self.words)
        if number is None:
            self._say_several(row)
        else:
            self._with_suffix(number, row.end)

    def _row(self) -> Row:
        # The second of two numbers that a space parts is no group of thousands' first.
        before = self.text[self.at - 1 : self.at]
        behind_number = before.isspace() and self.end == self.at - 1
        spaced = not (behind_number or before.isalnum() or before in tuple(":/'"))
        return row_at(self.text, self.at, spaced)

    def _say_several(self, row: Row) -> None:
        said = self.wording.digits(row.groups[0])
        for mark, group in zip(row.marks, row.groups[1:], strict=True):
            joint = self.words.dot if mark == "." else ","
            said += f" {joint} {self.wording.digits(group)}"
        self._say_number(Number(row.groups[-1]), said, row.end)

    def _with_suffix(self, number: Number, to: int) -> None:
        """Say a number with what follows it."""
        said, end = self.suffixes.read(number, self.at, to)
        self._say_number(number, said, end)
        if end == to and (match := _EXPONENT.match(self.text, to)):
            sign = self.words.plus if match[1] == "+" else self.words.minus
            self._say(f"{self.words.exponent} {sign}", match.end())

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
        plus = f"{self.words.plus} " if match[0].startswith("+") else ""
        said = plus + self.wording.phone(DIGITS.findall(match[0]))
        self._say_number(Number("0"), said, match.end())
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
            said = ", ".join(map(self.wording.digits, DIGITS.findall(match[0])))
        self._say_number(Number(year), said, to)
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
        said = self.wording.time(hour, minute, second)
        self._say_number(Number(hour), said, match.end())
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
        self._with_suffix(Number(str(above), said=said), match.end())
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
            "×": partial(self._times),
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
        readers |= {sign: partial(self._currency, sign) for sign in CURRENCIES}
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
        self.in_sum = self._behind_number() or self.text[self.at] == "="
        return self._say(word, self.at + 1)

    def _between(self, word: str) -> bool:
        if self._behind_number() and _NUMBER_FOLLOWS.match(self.text, self.at + 1):
            return self._operator(word)
        return False

    def _times(self) -> bool:
        """Read the sign in 5×3=15, and in a size such as 10×15."""
        is_sum = self.in_sum or _SUM_GOES_ON.match(self.text, self.at + 1)
        if self._behind_number(spaced=False) and not is_sum and self._joint(self.words.by):
            return True
        return self._operator(self.words.times)

    def _before_number(self, word: str) -> bool:
        return bool(word and _NUMBER_FOLLOWS.match(self.text, self.at + 1)) and self._word(word)

    def _joint(self, word: str) -> bool:
        """Read what joins two numbers without a space."""
        tight = self.end == self.at and DIGITS.match(self.text, self.at + 1)
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
                chain_goes_on = bool(_CHAIN_GOES_ON.match(text, at))
                joint = "," if chain_goes_on or self.in_chain else self.words.to
                self.in_chain = chain_goes_on
                self._say(self.words.minus if is_sum and may_be_minus else joint, at + 1)
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
        following = DIGITS.match(self.text, self.at + 2)
        if following and self._behind_number() and self.last:
            if may_be_minus and (self.in_sum or _SUM_GOES_ON.match(self.text, self.at + 1)):
                return self._operator(self.words.minus)
            if (len(following[0]), following[0]) > (len(self.last.whole), self.last.whole):
                return self._word(self.words.to)
        return self._word(",")

    def _by(self) -> bool:
        """Read the letter in 10x15; 0x10 is something else."""
        tight = self.end == self.at and self.last and self.last.whole != "0"
        return bool(tight and DIGITS.match(self.text, self.at + 1)) and self._word(self.words.by)

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
                self._say_number(Number(digit), said, match.end())
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
        if before.isalnum() or before == "." or not DIGITS.match(self.text, self.at + 1):
            return False
        fraction = digits_at(self.text, self.at + 1)
        to = self.at + 1 + len(fraction)
        if self.text[to : to + 1] in (".", ",") and DIGITS.match(self.text, to + 1):
            return False
        self._with_suffix(Number("0", fraction, "."), to)
        return True

    def _currency(self, sign: str) -> bool:
        """Read a currency before its number, or alone."""
        text, at = self.text, self.at + 1
        at += text[at : at + 1] in tuple(SPACES)
        if text[at : at + 1] in ("-", "–", MINUS) and _NUMBER_STARTS.match(text, at + 1):
            self._say(self.words.minus, at)
            at += 1
        if DIGITS.match(text, at):
            self.at = at
            row = self._row()
            number, to = row.number(self.words), row.end
            if number is None:
                self._say_several(row)
                return self._say(self.wording.currency(sign), to)
            said, to = self.suffixes.behind_currency(sign, number, to)
            self._say_number(number, said, to)
            return True
        return self._say(self.wording.currency(sign), self.at + 1)
