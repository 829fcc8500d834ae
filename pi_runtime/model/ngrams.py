"""What a network was trained on, as hashed n-grams: to tell what it copies and what it makes up.

The idea is markovify's, which draws again what overlaps too much with its corpus; here the corpus
itself stays at home. Two Bloom filters hold

    n-grams   of 14 characters, or of 3 words at word level
    lines     each training text as a whole, of any length; of one running text, each line

A gram that was in the texts is always found. One that was not is found by chance: 1 in 8 at
character level, 1 in 64 at word level. That is much for one gram, and on purpose:

- A run of N units has N - G + 1 grams, and a shared one passes in all of them. One that is not
  shared does so with a chance of (1/8)^(N - 13): for 20 characters, 1 in 2,000,000.
- Whoever walks from gram to gram, to read the texts out of the set, finds at each step one true
  successor and V/8 false ones, about ten of 80 characters: the walk branches, and gets lost. (At
  word level V/64, 150 of 10,000 words.)
- It takes 4.33 bits for each different gram of characters, and 8.66 for each of words.

Two things it does not do. A chimera, a text stitched from pieces of the training texts that overlap
by G - 1 units each, has only grams of theirs, and counts as copied; texts of one language come near
to that by themselves (docs/checkpoints.md has counts). And it
keeps no secret from one who can guess: a text that is guessed can be tested, and the network, which
is in the same file, is good at guessing.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from pi_runtime.model.bloom import PIECE, BloomFilter, Hashes, bits_for, splitmix64
from pi_runtime.model.vocabulary import Vocabulary, words_of

MAX_NGRAM_BYTES = 32 << 20
"""Upper bound on a set: some 60 million different runs of 14 characters."""

GRAM_SIZES = {"characters": 14, "words": 3}
GRAM_PROBES = {"characters": 3, "words": 6}
LINE_PROBES = 16

RUNS = {"characters": 20, "words": 6}
"""Units in a row that a text of its own seldom shares with another one."""

_UNITS = ("characters", "words")
_HEADER = struct.Struct("<4s5B3x4I")
_MAGIC, _VERSION = b"NGRM", 1
_MAX_GRAM_SIZE, _MAX_PROBES = 64, 32
_NONE = np.zeros(0, np.uint64)
_TOO_MUCH = f"its n-grams take more than {MAX_NGRAM_BYTES >> 20} MB"


class NgramSet:
    """The n-grams and the lines of the texts that a network was trained on. See this module.

    Texts are measured in `unit`: "characters", which are Unicode code points, or "words", split as
    the network's vocabulary splits them: lower case, punctuation marks for themselves.
    """

    def __init__(self, unit: str, gram_size: int, grams: BloomFilter, lines: BloomFilter) -> None:
        self.unit = unit
        self.gram_size = gram_size
        """G: the shortest run that can be found."""
        self._grams, self._lines = grams, lines

    @classmethod
    def of(cls, texts: Iterable[str], vocabulary: Vocabulary) -> NgramSet:
        """Return the set of the texts that a network with this vocabulary was trained on.

        The texts of a network without a start mark are running ones, whose lines are kept as such.
        The same texts give the same set, on every platform and in whatever order.

        Raises:
            ValueError: there is nothing in them, or too much for `MAX_NGRAM_BYTES`.
        """
        unit = _UNITS[vocabulary.word_level]
        size, probes = GRAM_SIZES[unit], GRAM_PROBES[unit]
        lines: set[bytes] = set()
        most_lines = _most(LINE_PROBES)

        def read() -> Iterator[str]:
            for text in texts:
                for line in text.split("\n") if vocabulary.single_text else (text,):
                    if key := text_key(line, unit):
                        lines.add(_digest(key))
                    if len(lines) > most_lines:
                        raise ValueError(_TOO_MUCH)
                yield text

        hashes = _distinct(gram_hashes(read(), unit, size), _most(probes))
        grams = BloomFilter.of(hashes, probes)
        if not lines:
            raise ValueError("there is no text in it")
        found = cls(unit, size, grams, BloomFilter.of(_numbers(sorted(lines)), LINE_PROBES))
        if found.size > MAX_NGRAM_BYTES:
            raise ValueError(_TOO_MUCH)
        return found

    @property
    def grams(self) -> int:
        """How many different grams there are."""
        return self._grams.count

    @property
    def lines(self) -> int:
        """How many different texts, or lines of a running text, there are."""
        return self._lines.count

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return _HEADER.size + len(self._grams.packed) + len(self._lines.packed)

    def length(self, text: str) -> int:
        """Return how many units a text has."""
        return len(text) if self.unit == "characters" else len(words_of(text))

    def hits(self, text: str) -> npt.NDArray[np.bool_]:
        """Return for each gram of a text, in order, whether it seems to be in the set.

        There are N - G + 1 in N units, and none in fewer than G.
        """
        hashes = [_NONE, *gram_hashes([text], self.unit, self.gram_size)]
        return self._grams.has(np.concatenate(hashes))

    def longest_run(self, text: str) -> int:
        """Return the length of the longest run that was copied, in units; 0 if it is below G."""
        return max((end - start for start, end in self._runs(text)), default=0)

    def copied(self, text: str, run: int) -> float:
        """Return the share of a text's units that lie in runs of at least `run` copied units.

        Raises:
            ValueError: `run` is below G.
        """
        self._check(run)
        found = units_in_runs(self.hits(text), self.gram_size, run)
        return found / self.length(text) if found else 0.0

    def has_run(self, text: str, run: int, skip: int = 0) -> bool:
        """Return whether at least `run` units in a row were copied.

        The first `skip` units, a prefix that somebody else chose, are left out of account: of a run
        that begins in them counts what lies behind them.

        Raises:
            ValueError: `run` is below G.
        """
        self._check(run)
        return any(end - max(start, skip) >= run for start, end in self._runs(text))

    def is_training_text(self, text: str) -> bool:
        """Return whether a text as a whole is a training text, or a line of a running one.

        Spaces at both ends do not count; at word level, nothing but the words does. Wrong once in
        65,536 texts.
        """
        key = text_key(text, self.unit)
        return bool(key and self._lines.has(_numbers([_digest(key)]))[0])

    def false_positive_rate(self, run: int) -> float:
        """Return the chance that a run of `run` units which is in no training text seems to be.

        Raises:
            ValueError: `run` is below G.
        """
        self._check(run)
        return float(self._grams.false_positive_rate ** (run - self.gram_size + 1))

    def to_bytes(self) -> bytes:
        """Return the set as `from_bytes` reads it: a header of 28 bytes, grams, lines."""
        grams, lines = self._grams, self._lines
        header = _HEADER.pack(
            *(_MAGIC, _VERSION, _UNITS.index(self.unit), self.gram_size),
            *(grams.probes, lines.probes),
            *(8 * len(grams.packed), 8 * len(lines.packed), grams.count, lines.count),
        )
        return header + grams.packed + lines.packed

    @classmethod
    def from_bytes(cls, content: bytes) -> NgramSet:
        """Read a set, which a stranger may have made.

        A forged one may well find everything, or nothing: that is all that it can do.

        Raises:
            ValueError: it is none.
        """
        if not _HEADER.size < len(content) <= MAX_NGRAM_BYTES:
            raise ValueError(f"a set of n-grams of {len(content)} bytes")
        magic, version, level, size, *rest = _HEADER.unpack_from(content)
        probes, line_probes, bits, line_bits, count, line_count = rest
        if (magic, version) != (_MAGIC, _VERSION) or level >= len(_UNITS):
            raise ValueError("its n-grams are of an unknown kind")
        if not 1 < size <= _MAX_GRAM_SIZE or any(content[9:12]):
            raise ValueError(f"its n-grams have {size} units")
        end = _HEADER.size + bits // 8
        if bits % 8 or line_bits % 8 or not bits or not line_bits:
            raise ValueError("its n-grams are no whole bytes")
        if end + line_bits // 8 != len(content):
            raise ValueError("its n-grams are not as many as they say")
        for each, held, room in ((probes, count, bits), (line_probes, line_count, line_bits)):
            if not 0 < each <= _MAX_PROBES or held * each > room:
                raise ValueError("its n-grams are more than fit in")
        grams = BloomFilter(content[_HEADER.size : end], probes, count)
        return cls(_UNITS[level], size, grams, BloomFilter(content[end:], line_probes, line_count))

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        return runs_of(self.hits(text), self.gram_size)

    def _check(self, run: int) -> None:
        if run < self.gram_size:
            raise ValueError(f"a run of {run} {self.unit} is shorter than {self.gram_size}")


def gram_hashes(texts: Iterable[str], unit: str, size: int) -> Iterator[Hashes]:
    """Yield the hashes of all grams of `size` units in texts, in order, a million or so at a time.

    They are multilinear in numbers that stand for the units, modulo 2^64.
    """
    coder = _Characters() if unit == "characters" else _Words()
    return _batches((run for text in texts for run in _overlapping(coder.pieces(text), size)), size)


def runs_of(hits: npt.NDArray[np.bool_], size: int) -> Iterator[tuple[int, int]]:
    """Yield where the longest runs start and end, in units, whose grams of `size` all are hits.

    Two of them may overlap, by less than a gram.
    """
    edges = np.flatnonzero(np.diff(hits, prepend=False, append=False))
    for start, end in edges.reshape(-1, 2).tolist():
        yield start, end + size - 1


def units_in_runs(hits: npt.NDArray[np.bool_], size: int, run: int) -> int:
    """Return how many units lie in such runs of at least `run` units, each counted once."""
    counted = last = 0
    for start, end in runs_of(hits, size):
        if end - start >= run:
            counted += end - max(start, last)
            last = end
    return counted


def text_key(text: str, unit: str) -> str:
    """Return what texts are compared by as wholes; it is empty if there is nothing in the text."""
    return text.strip() if unit == "characters" else " ".join(words_of(text.strip()))


def _multilinear(codes: Hashes, size: int) -> Hashes:
    """Return the hashes of the grams of `size` units in a row [N - size + 1]; none if N is less."""
    count = max(0, len(codes) - size + 1)
    factors = splitmix64(np.arange(1, size + 1, dtype=np.uint64)) | np.uint64(1)
    hashes = np.zeros(count, np.uint64)
    for at, factor in enumerate(factors):
        hashes += codes[at : at + count] * factor
    return hashes


class _Characters:
    """Code points, a million at a time."""

    def pieces(self, text: str) -> Iterator[Hashes]:
        for at in range(0, len(text), PIECE):
            raw = text[at : at + PIECE].encode("utf-32-le", "surrogatepass")
            yield np.frombuffer(raw, "<u4").astype(np.uint64)


class _Words(dict[str, int]):
    """Hashes of words, each computed once; those of a few million characters at a time."""

    def __missing__(self, word: str) -> int:
        self[word] = int.from_bytes(_digest(word), "little")
        return self[word]

    def pieces(self, text: str) -> Iterator[Hashes]:
        at = 0
        while at < len(text):
            # At a space, where no word is cut in two.
            end = text.find(" ", at + PIECE) % (len(text) + 1)
            yield np.array([self[word] for word in words_of(text[at:end])], np.uint64)
            at = end


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _most(probes: int) -> int:
    """Return how many items with that many probes fill a set."""
    return 8 * MAX_NGRAM_BYTES // bits_for(100, probes) * 100


def _numbers(digests: Iterable[bytes]) -> Hashes:
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _overlapping(pieces: Iterable[Hashes], size: int) -> Iterator[Hashes]:
    """Yield the pieces of a text so that each gram of it is in one of them."""
    left = _NONE
    for piece in pieces:
        run = np.concatenate([left, piece]) if len(left) else piece
        yield run
        left = run[max(0, len(run) - size + 1) :]


def _batches(runs: Iterable[Hashes], size: int) -> Iterator[Hashes]:
    """Yield the hashes of all grams in the runs, of many short runs at once."""
    batch: list[Hashes] = []
    held = 0
    for run in runs:
        batch.append(run)
        held += len(run)
        if held >= PIECE:
            yield _batch(batch, size)
            batch, held = [], 0
    if batch:
        yield _batch(batch, size)


def _batch(runs: list[Hashes], size: int) -> Hashes:
    hashes = _multilinear(np.concatenate(runs), size)
    ends = np.cumsum([len(run) for run in runs[:-1]], dtype=np.intp)
    crossing = ends[:, None] - np.arange(1, size)
    within = np.ones(len(hashes), bool)
    within[crossing[(crossing >= 0) & (crossing < len(hashes))]] = False
    found: Hashes = hashes[within]
    return found


def _distinct(pieces: Iterable[Hashes], most: int) -> Hashes:
    """Return each hash once, in order; what is held meanwhile is about twice as much.

    Raises:
        ValueError: there are more than `most`.
    """
    distinct = _NONE
    waiting: list[Hashes] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held > max(4 * PIECE, len(distinct)):
            distinct, waiting, held = np.unique(np.concatenate([distinct, *waiting])), [], 0
            if len(distinct) > most:
                raise ValueError(_TOO_MUCH)
    waiting.insert(0, distinct)
    found: Hashes = np.unique(np.concatenate(waiting))
    if len(found) > most:
        raise ValueError(_TOO_MUCH)
    return found
