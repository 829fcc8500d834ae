"""How a number is said: as digits that a voice reads, or in words."""

from __future__ import annotations

from dataclasses import dataclass

from pi_runtime.speech.normalise.alphabet import Alphabet
from pi_runtime.speech.normalise.spelling import Noun
from pi_runtime.speech.normalise.words import Words
from pi_runtime.speech.normalise.written import Number

LONGEST_NUMBER = 9
"""Digits that every voice reads as one number."""


@dataclass(frozen=True)
class Wording:
    """The numbers of one language as one voice needs them."""

    words: Words
    alphabet: Alphabet

    def digits(self, digits: str) -> str:
        """Return a whole number, or its digits one by one if they are an identifier's."""
        if len(digits) > LONGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
            return self.one_by_one(digits)
        spell = self.words.spell
        return digits if self.alphabet.reads_numbers or spell is None else spell(int(digits))

    def one_by_one(self, digits: str) -> str:
        """Return digits apart."""
        return " ".join(map(self.digits, digits))

    def number(self, number: Number) -> str:
        """Return a number."""
        if number.said:
            return number.said
        whole = self._whole(number)
        if not number.fraction:
            return whole
        mark = self.words.point if number.mark == "." else self.words.comma
        fraction = number.fraction
        apart = self.words.fraction_digits or fraction[0] == "0" or len(fraction) > 3
        return f"{whole} {mark} {self.one_by_one(fraction) if apart else self.digits(fraction)}"

    def _whole(self, number: Number) -> str:
        digits, scales = number.whole, self.words.scales
        if not (number.grouped and LONGEST_NUMBER < len(digits) <= 3 * len(scales) + 3):
            return self.digits(digits)
        said: list[str] = []
        for power in range((len(digits) - 1) // 3, -1, -1):
            group = int(digits[-3 * power - 3 : -3 * power or None])
            if group and power:
                said.append(self.counted(Number(str(group)), scales[power - 1]))
            elif group:
                said.append(self.digits(str(group)))
        return " ".join(said)

    def counted(self, number: Number, noun: Noun) -> str:
        """Return a number and what it counts."""
        if number.fraction or number.said:
            return f"{self.number(number)} {noun.few}"
        said = self.words.count(number.amount, noun) if number.amount < 10**9 else None
        return f"{said or self.number(number)} {self.words.form(number.amount, noun)}"

    def money(self, number: Number, sign: str) -> str:
        """Return an amount of money."""
        if sign not in self.words.currencies:
            return f"{self.number(number)} {sign}"
        noun, cent = self.words.currencies[sign]
        if cent is None or len(number.fraction) != 2:
            return self.counted(number, noun)
        whole = self.counted(Number(number.whole, grouped=number.grouped), noun)
        if number.fraction == "00":
            return whole
        return f"{whole} {self.counted(Number(number.fraction.lstrip('0')), cent)}"

    def currency(self, sign: str) -> str:
        """Return the name of a currency of which no number is known."""
        return self.words.currencies[sign][0].many if sign in self.words.currencies else sign

    def phone(self, groups: list[str]) -> str:
        """Return a telephone number."""
        return ", ".join(
            self.one_by_one(group)
            if self.words.phone_digits or len(group) > 3
            else self.digits(group)
            for group in groups
        )

    def time(self, hour: str, minute: str, second: str | None) -> str:
        """Return a time of the day."""
        if minute == "00" and not second and self.words.o_clock and hour.lstrip("0"):
            return f"{self.digits(hour.lstrip('0'))} {self.words.o_clock}"
        said = [self.digits(hour)]
        for part in filter(None, (minute, second)):
            if part[0] == "0" and part != "00" and self.words.oh:
                said += [self.words.oh, self.digits(part[1])]
            else:
                said.append(self.digits(part))
        return " ".join(said)
