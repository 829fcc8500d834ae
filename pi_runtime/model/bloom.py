"""A set that is asked what it holds and cannot be listed, in a few bits an item (Bloom, 1970).

Source: B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13 (1970);
splitmix64 is that of G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014, with the constants of S. Vigna's C code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

PIECE = 1 << 20
"""Hashes that are worked on at once."""

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_HALF = np.uint64(32)


def splitmix64(state: Hashes) -> Hashes:
    """Return the number that splitmix64 makes of each state."""
    for shift, factor in _MIX:
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))


def bits_for(count: int, probes: int) -> int:
    """Return of how many bits half are set by `count` items: count · probes / ln 2, whole bytes."""
    return max(8, -(-count * probes * 14_427 // 80_000) * 8)


class BloomFilter:
    """Hashes of items. What was put in is found; of anything else, 1 in 2^probes seems to be."""

    def __init__(self, packed: bytes, probes: int, count: int) -> None:
        """Take the bits, the lowest of a byte first, that `count` items set by `probes` each."""
        self.packed = packed
        self.probes = probes
        self.count = count
        self._bytes = np.frombuffer(packed, np.uint8)

    @classmethod
    def of(cls, hashes: Hashes, probes: int) -> BloomFilter:
        """Put in hashes [N], each of which stands there once."""
        bits = np.zeros(bits_for(len(hashes), probes), bool)
        for at in range(0, len(hashes), PIECE):
            for probe in range(probes):
                bits[_places(hashes[at : at + PIECE], probe, len(bits))] = True
        return cls(np.packbits(bits, bitorder="little").tobytes(), probes, len(hashes))

    def has(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return for each of the hashes [N] whether it seems to be in it."""
        found = np.ones(len(hashes), bool)
        for probe in range(self.probes):
            places = _places(hashes, probe, 8 * len(self.packed))
            found &= (self._bytes[places >> 3] >> (places & 7).astype(np.uint8) & 1).astype(bool)
        return found

    @property
    def false_positive_rate(self) -> float:
        """The chance that what is not in it seems to be, as the bits are."""
        share = int.from_bytes(self.packed, "little").bit_count() / (8 * len(self.packed))
        return float(share**self.probes)


def _places(hashes: Hashes, probe: int, bits: int) -> npt.NDArray[Any]:
    """Return the bits [N] that a probe looks at.

    The probes of an item are a generator's numbers, independent of each other. Double hashing
    (Kirsch & Mitzenmacher, 2006) would be cheaper, but an item's two numbers of m values each are
    another item's once in m²: too often for sixteen probes in the few bits of a list of names.
    """
    numbers = splitmix64(hashes + np.uint64((probe + 1) * _GOLDEN % (1 << 64)))
    # A multiplication instead of a remainder: at most 2^32 bits.
    return ((numbers >> _HALF) * np.uint64(bits) >> _HALF).astype(np.intp)
