"""Build the model files whose instructions are counted: convert_counted.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from networks import letters, random_network, write_checkpoint
from peers import convert
from sizes import COUNTED, OPTIONS, Size


def checkpoint(folder: Path, size: Size) -> Path:
    """Write textgenrnn's three files of a random network; return the weights' path."""
    network = random_network(
        size.layers, size.units, size.classes, bidirectional=size.bidirectional
    )
    vocabulary = letters(size.classes)
    return write_checkpoint(folder, network, vocabulary, size.window, word_level=size.word_level)


def main(folder: Path) -> None:
    """Convert each as rnn-convert does."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in COUNTED.items():
        with TemporaryDirectory() as temporary:
            weights = checkpoint(Path(temporary), size)
            for ending, options in OPTIONS.items():
                convert(weights, folder / f"{name}{ending}.tflite", *options)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
