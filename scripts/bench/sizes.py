"""Networks by their size, and the arithmetic of a token."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDING = 100
"""Width of the embedding: textgenrnn's default."""


@dataclass(frozen=True)
class Size:
    """What decides how much work a network is."""

    layers: int
    units: int
    window: int
    classes: int
    bidirectional: bool = False
    word_level: bool = False

    @property
    def kind(self) -> str:
        """Forward or bidirectional."""
        return "bidirectional" if self.bidirectional else "forward"

    @property
    def mflop(self) -> float:
        """The multiplications and additions of the layers' matrix products, in millions.

        Forward-only networks in flight: the first layer's input product is one row. Bidirectional
        ones compute all of it for every window.
        """
        ways = 2 if self.bidirectional else 1
        total, width = 0, EMBEDDING
        for level in range(self.layers):
            inputs = width if self.bidirectional or level else 0
            total += 2 * ways * self.window * (inputs + self.units) * 4 * self.units
            width = ways * self.units
        return total / 1e6

    @property
    def output_mflop(self) -> float:
        """The same of the last product, of one row."""
        ways = 2 if self.bidirectional else 1
        return 2 * (EMBEDDING + self.layers * ways * self.units) * self.classes / 1e6


STOCK = Size(2, 128, 40, 465)
BIDIRECTIONAL = Size(4, 128, 40, 100, bidirectional=True)
WORDS = Size(2, 128, 10, 10_000, word_level=True)

COUNTED = {"forward": STOCK, "bidirectional": BIDIRECTIONAL, "words": WORDS}
"""Those whose instructions are counted; random weights do as well as textgenrnn's."""
OPTIONS = {"": (), "-int8": ("--quantize", "int8")}
"""rnn-convert's, by what a counted file's name ends with."""
TITLES = {
    "forward": "2 × 128, window 40, 465 classes (textgenrnn's stock model)",
    "bidirectional": "4 × 128 bidirectional, window 40, 100 classes",
    "words": "2 × 128, window 10, 10,000 words",
}
