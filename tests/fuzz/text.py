"""Hostile prefixes and texts: through the generator, and on the way to a speech engine.

A wrong success is a sentence for a speech engine with a control character, half of a surrogate pair
or a mark of formatting in it (category C); a generated text with half of a surrogate pair, which
cannot be written; or one that does not begin with its prefix at character level.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from pi_runtime import TextGenerator
from pi_runtime.sentences import split_sentences
from pi_runtime.speech.normalise import ANY, ENGLISH, RUSSIAN, normalise
from tests.fuzz.cases import Outcome
from tests.fuzz.forked import WrongSuccess, read_forked
from tests.helpers.checkpoints import packed_model, small_network, small_vocab

NEEDS = ()

PIECES = (
    "Hello, world. ", "Привет, мир! ", "日本語。", "😀", "👨\u200d👩\u200d👧", "e\u0301\u0323",
    "\u202e", "\ufeff", "\0", "\x1b[2J", "\x07", "\x85", "\u2028", "\r\n", "\n\n\n", "\t", "\ud800",
    "\udfff", "\udce9", "[[a]]", '(SayText "x")', "<s>", "<speak>", "</s>", "--help", "-", "—",
    '" a', '"', "'", "« ", "1", "-5", "10 000", "1e9", "3.14", "99:99", "№5", "MCMXC", "5 %", "1/2",
    "$5", "°C", "...", "…", "?!", "Mr. ", "т. е. ", "и т. д.", "٤٢", "½", "²", "\u00ad", "\u034f",
    "\U000e0041", "\uffff", "\U0010ffff", "ǅ", "ﬁ", "İ", "ß", "a", "я", " ", "  ", "_", "\\n",
    "\\", "{", "}", "%s", "$(x)",
)  # fmt: skip


class _Text:
    def __init__(self, folder: Path) -> None:
        self._generators = {
            "characters": _generator(folder / "characters.tflite", small_vocab(20)),
            "single": _generator(folder / "single.tflite", small_vocab(20, single_text=True)),
            "words": _generator(folder / "words.tflite", _words(), word_level=True),
        }

    def run(self, number: int) -> Outcome:
        random = Random(number)
        text = _text(random)
        kind = random.choice(list(self._generators))
        spoken = random.random() < 0.7

        def read() -> None:
            if spoken:
                _speak(text, random)
            else:
                _generate(self._generators[kind], kind, text, random)

        verdict, what = read_forked(read, len(text))
        files = {"text.txt": text.encode("utf-8", "surrogatepass")}
        return Outcome(verdict, f"{kind if not spoken else 'speech'} {text[:60]!a}: {what}", files)


def _speak(text: str, random: Random) -> None:
    """Do what `SpeechSession.say` and `Speaker.synthesize` do with a text before the engine."""
    size = random.choice((1, 7, len(text)))
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    for sentence in split_sentences(pieces):
        for alphabet in (ANY, ENGLISH, RUSSIAN):
            said = normalise(sentence, alphabet, random.choice(("", "en", "ru", "de", "xx")))
            if bad := [c for c in said if unicodedata.category(c)[0] == "C"]:
                raise WrongSuccess(f"{bad[0]!a} in {said[:60]!a}")


def _generate(generator: TextGenerator, kind: str, prefix: str, random: Random) -> None:
    length = len(prefix) + random.choice((1, 20))
    (text,) = generator.generate(prefix=prefix, max_gen_length=length, seed=1)
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise WrongSuccess("half of a surrogate pair in a generated text")
    if kind == "characters" and not text.startswith(prefix):
        raise WrongSuccess(f"{text[:40]!a} does not begin with its prefix")


def _text(random: Random) -> str:
    if random.random() < 0.1:
        return random.choice(PIECES) * random.choice((100, 3000))
    pieces = random.choices(PIECES, k=random.choice((1, 2, 5, 20, 200)))
    for _ in range(random.choice((0, 0, 1, 5))):
        pieces.insert(random.randrange(len(pieces) + 1), chr(random.randrange(0x110000)))
    return "".join(pieces)


def _words() -> dict[str, int]:
    words = ["the", "cat", ",", '"', ".", "\n", "(", ")", "'", "a", "b", "1", "sat", "_", "$", "!"]
    return {word: number for number, word in enumerate([*words, "мир", 'x"y', "<s>"], 1)}


def _generator(path: Path, vocab: dict[str, int], *, word_level: bool = False) -> TextGenerator:
    network = small_network(classes=20)
    path.write_bytes(packed_model(network, vocab, word_level=word_level))
    return TextGenerator.load(path, backend="numpy")


@contextmanager
def open_fuzzer(folder: Path) -> Iterator[_Text]:
    """Make texts, generate from them, and prepare them for speech."""
    yield _Text(folder)
