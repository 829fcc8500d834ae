"""What is read together with the number before it: %, °C, a currency, a unit, an ending."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_runtime.speech.normalise.spoken import LONGEST_NUMBER, Wording
from pi_runtime.speech.normalise.words import CURRENCIES
from pi_runtime.speech.normalise.written import DIGITS, SPACES, Number

_PERCENT = re.compile(rf"[{SPACES}]?([%‰])")
_DEGREES = re.compile(rf"[{SPACES}]?°(?:[{SPACES}]?([CcСсFf])(?!\w))?")
_MONEY = re.compile(rf"[{SPACES}]?([{CURRENCIES}])")
_SCALE = re.compile(rf"[{SPACES}]([^\W\d_]{{3,10}})(?!\w)\.?")
_UNIT = re.compile(rf"[{SPACES}]?([^\W\d_]{{2,4}})(?!\w)\.?")
_ENDING = re.compile(r"-([^\W\d_]{1,3})(?!\w)")
_WORD_BEHIND = re.compile(rf"[{SPACES}]([^\W\d_]{{1,20}})(?!\w)(\.?)")
_WORD_BEFORE = re.compile(rf"(?<!\w)([^\W\d_]{{1,2}})[{SPACES}]\Z")
_SENTENCE_GOES_ON = re.compile(r"\s*[^\W_A-ZА-ЯЁ]|\s*[,;:)?!–—-]")


@dataclass(frozen=True)
class Suffixes:
    """The suffixes in a text. Each is returned as the number with it, and where it ends."""

    text: str
    wording: Wording

    def read(self, number: Number, begin: int, end: int) -> tuple[str, int]:
        """Return how a number that stands from `begin` to `end` is said, with its suffix."""
        return (
            self._percent(number, end)
            or self._degrees(number, end)
            or self._money(number, end)
            or self._unit(number, end)
            or self._ordinal(number, end)
            or self._agreeing(number, begin, end)
            or (self.wording.number(number), end)
        )

    def behind_currency(self, sign: str, number: Number, end: int) -> tuple[str, int]:
        """Return an amount that ends here and whose currency was before it: $5 million."""
        words = self.wording.words
        scale = _SCALE.match(self.text, end)
        if not scale or scale[1].lower() not in words.scale_words:
            return self.wording.money(number, sign), end
        noun = words.units.get(scale[1].lower())
        said = self.wording.counted(number, noun) if noun else self.wording.number(number)
        said += f"{'' if noun else ' ' + scale[1]} {self.wording.currency(sign)}"
        return said + self._stop_of_abbreviation(scale.end()), scale.end()

    def _stop_of_abbreviation(self, end: int) -> str:
        """Return the stop of an abbreviation that ends here, if it is the sentence's too."""
        is_stop = self.text[end - 1 : end] == "."
        return " ." if is_stop and not _SENTENCE_GOES_ON.match(self.text, end) else ""

    def _percent(self, number: Number, end: int) -> tuple[str, int] | None:
        match = _PERCENT.match(self.text, end)
        if not match:
            return None
        words = self.wording.words
        noun = words.percent if match[1] == "%" else words.permille
        return self.wording.counted(number, noun), match.end()

    def _degrees(self, number: Number, end: int) -> tuple[str, int] | None:
        match = _DEGREES.match(self.text, end)
        if not match:
            return None
        words = self.wording.words
        said = self.wording.counted(number, words.degree)
        if match[1]:
            said += f" {words.fahrenheit if match[1] in 'Ff' else words.celsius}"
        return said, match.end()

    def _currency_at(self, end: int) -> re.Match[str] | None:
        match = _MONEY.match(self.text, end)
        # In "5 $10" the sign is the next number's.
        others = match and match[0] != match[1] and DIGITS.match(self.text, match.end())
        return None if others else match

    def _money(self, number: Number, end: int) -> tuple[str, int] | None:
        match = self._currency_at(end)
        return (self.wording.money(number, match[1]), match.end()) if match else None

    def _unit(self, number: Number, end: int) -> tuple[str, int] | None:
        units, scales = self.wording.words.units, self.wording.words.scales
        match = _UNIT.match(self.text, end)
        if not match or match[1].lower() not in units:
            return None
        noun = units[match[1].lower()]
        said, to = self.wording.counted(number, noun), match.end()
        if noun in scales:  # 5 тыс. руб., 5 млн $
            unit, currency = _UNIT.match(self.text, to), self._currency_at(to)
            if unit and unit[1].lower() in units:
                said, to = f"{said} {units[unit[1].lower()].many}", unit.end()
            elif currency:
                said, to = f"{said} {self.wording.currency(currency[1])}", currency.end()
        return said + self._stop_of_abbreviation(to), to

    def _ordinal(self, number: Number, end: int) -> tuple[str, int] | None:
        match = _ENDING.match(self.text, end)
        ordinal = self.wording.words.ordinal
        if not match or not ordinal or number.fraction or number.said or len(number.whole) > 4:
            return None
        said = ordinal(number.amount, match[1].lower())
        return (said, match.end()) if said else None

    def _agreeing(self, number: Number, begin: int, end: int) -> tuple[str, int] | None:
        """Say a number in the form that the words beside it want."""
        behind = _WORD_BEHIND.match(self.text, end)
        agreeing = self.wording.words.agreeing
        if not behind or not agreeing or number.fraction or number.said:
            return None
        if len(number.whole) > LONGEST_NUMBER or number.whole[0] == "0":
            return None
        before = _WORD_BEFORE.search(self.text, max(begin - 4, 0), begin)
        word_before, word = before[1].lower() if before else "", behind[1].lower()
        if word == "г" and behind[2]:
            said = agreeing(number.amount, word_before, "г.")
            to = behind.end()
            return (said + self._stop_of_abbreviation(to), to) if said else None
        said = agreeing(number.amount, word_before, word)
        return (said, end) if said else None
