"""Join what the demo models said into one sound, and draw it below the way there.

Called by scripts/readme-media.
"""

from __future__ import annotations

import argparse
import wave
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Wedge
from numpy.typing import NDArray

from pi_runtime.speech.defaults import SENTENCE_SILENCE

Sound = NDArray[np.int16]
Floats = NDArray[np.float64]

# Pixels, from the top left corner.
WIDTH, HEIGHT = 1200, 600
LEFT, RIGHT = 56, WIDTH - 56
FLOW, WAVE = 136, 420  # the middles of the two halves
AMPLITUDE = 64
BAR = 4  # from one bar of the waveform to the next
QUIET = 300  # of 32,768: not heard

CARD, INK, GREY, LINE, FILL = "#fbfbf9", "#22303c", "#5f6c78", "#cfd6dc", "#eef1f3"
VOICES = ("#2566a8", "#b4472f")
LARGE, SMALL = 18, 16
MONO, PROSE = "DejaVu Sans Mono", "DejaVu Serif"


@dataclass(frozen=True)
class Speech:
    """What a model said."""

    name: str
    options: str
    sentences: list[str]
    rate: int
    sound: Sound

    @classmethod
    def read(cls, folder: Path, name: str) -> Speech:
        options = (folder / f"{name}.options").read_text("utf-8").strip()
        text = (folder / f"{name}.txt").read_text("utf-8")
        with wave.open(str(folder / f"{name}.wav")) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            sentences = list(filter(None, text.split("\n")))
            return cls(name, options, sentences, file.getframerate(), sound)

    def spoken(self) -> list[tuple[int, int]]:
        """From which sample to which each sentence is heard; rnn-speak puts silence between."""
        heard = np.flatnonzero(self.sound)
        pauses = np.flatnonzero(np.diff(heard) > int(SENTENCE_SILENCE * self.rate))
        begins, ends = [heard[0], *heard[pauses + 1]], [*heard[pauses], heard[-1]]
        if len(begins) != len(self.sentences):
            raise SystemExit(f"{self.name}: {len(begins)} stretches of sound, {self.sentences}")
        loud = np.flatnonzero(np.abs(self.sound.astype(int)) > QUIET)
        stretches = (loud[(loud >= b) & (loud <= e)] for b, e in zip(begins, ends, strict=True))
        return [(int(stretch[0]), int(stretch[-1])) for stretch in stretches]


class Drawing:
    """A card with transparent corners, for pages of any colour."""

    def __init__(self) -> None:
        self._figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        self._axes.axis("off")
        FigureCanvasAgg(self._figure)  # which measures text

    def save(self, path: Path) -> None:
        self._figure.savefig(path, metadata={"Software": None}, transparent=True)

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """A rounded rectangle around that middle."""
        style = {"radius": 6, "facecolor": "white", "edgecolor": INK, "linewidth": 1.5, **style}
        radius = style.pop("radius")
        corner = (x - width / 2, y - height / 2)
        shape = f"round,pad=0,rounding_size={radius}"
        self._axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, **style))

    def text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        """Write around that middle."""
        style = {"color": INK, "ha": "center", "va": "center_baseline", "family": PROSE, **style}
        self._axes.text(x, y, text, fontsize=size * 0.72, **style)

    def width(self, text: str, size: float) -> float:
        drawn = self._axes.text(0, 0, text, fontsize=size * 0.72, family=PROSE)
        width = float(drawn.get_window_extent().width)
        drawn.remove()
        return width

    def arrow(self, begin: float, end: float, command: str) -> None:
        self._axes.plot([begin, end - 8], [FLOW, FLOW], color=GREY, lw=2, solid_capstyle="butt")
        head = [(end, FLOW), (end - 13, FLOW - 7), (end - 13, FLOW + 7)]
        self._axes.add_patch(Polygon(head, color=GREY, lw=0))
        self.text((begin + end) / 2, FLOW - 22, command, LARGE, family=MONO, weight="bold")

    def bars(self, xs: Floats, low: Floats, high: Floats, color: str) -> None:
        self._axes.vlines(xs, low, high, color=color, lw=1.6, capstyle="round")

    def line(self, xs: list[float], ys: list[float], **style: Any) -> None:
        self._axes.plot(xs, ys, **{"color": LINE, "lw": 1, "solid_capstyle": "butt", **style})

    def dot(self, x: float, y: float, radius: float, color: str) -> None:
        self._axes.add_patch(Circle((x, y), radius, color=color, lw=0))

    def file(self, x: float, y: float, name: str, width: float, **style: Any) -> None:
        self.box(x, y, width, 40, **style)
        self.text(x, y, name, SMALL, family=MONO)

    def board(self, x: float) -> None:
        """A Raspberry Pi, or nearly."""
        self.box(x, FLOW, 168, 112, radius=10, facecolor=FILL)
        for pin in range(20):
            for row in (0, 1):
                self.dot(x - 70 + 5.6 * pin, FLOW - 46 + 6 * row, 1.7, GREY)
        self.box(x - 14, FLOW + 4, 40, 40, radius=3, facecolor=INK)
        self.box(x + 32, FLOW + 4, 24, 32, radius=2, facecolor=GREY, edgecolor=GREY)
        for y in (-32, 2, 35):
            self.box(x + 78, FLOW + y, 32, 24, radius=2)
        for port in (-58, -30):
            self.box(x + port, FLOW + 52, 18, 12, radius=2)
        self.box(x + 10, FLOW + 52, 28, 12, radius=2)

    def loudspeaker(self, x: float) -> None:
        cone = [(x - 30, -14), (x - 14, -14), (x + 6, -32), (x + 6, 32), (x - 14, 14), (x - 30, 14)]
        points = [(px, FLOW + py) for px, py in cone]
        self._axes.add_patch(Polygon(points, facecolor=INK, edgecolor=INK, lw=3, joinstyle="round"))
        for radius, color in zip((26, 41), VOICES, strict=True):
            arc = Wedge((x + 2, FLOW), radius, -42, 42, width=4.5, color=color, lw=0)
            self._axes.add_patch(arc)


def draw_flow(drawing: Drawing) -> None:
    """From three files to speech."""
    files = LEFT + 118
    for row, name in enumerate(("weights.hdf5", "vocab.json", "config.json")):
        drawing.file(files, FLOW + 50 * (row - 1), f"colab_{name}", 236)
    drawing.arrow(LEFT + 250, LEFT + 394, "rnn-convert")
    drawing.file(LEFT + 480, FLOW, "colab.tflite", 144, facecolor=FILL)
    drawing.arrow(LEFT + 566, LEFT + 642, "scp")
    drawing.board(LEFT + 740)
    drawing.arrow(LEFT + 848, LEFT + 986, "rnn-speak")
    drawing.loudspeaker(LEFT + 1044)
    for x, caption in ((files, "Google Colab"), (LEFT + 740, "Raspberry Pi")):
        drawing.text(x, FLOW + 92, caption, LARGE, color=GREY)


def draw_speech(drawing: Drawing, speeches: list[Speech]) -> None:
    """What they said, one after the other, and its sound."""
    sound = np.concatenate([speech.sound for speech in speeches])
    starts = [0, *accumulate(len(speech.sound) for speech in speeches)]
    parts = [
        [(start + first, start + last) for first, last in speech.spoken()]
        for start, speech in zip(starts, speeches, strict=False)
    ]
    begin, end = parts[0][0][0], parts[-1][-1][1]
    scale = (RIGHT - LEFT) / (end - begin)
    height = AMPLITUDE / np.abs(sound.astype(int)).max()
    drawing.line([LEFT, RIGHT], [WAVE, WAVE])
    for speech, spoken, color in zip(speeches, parts, VOICES, strict=True):
        left = LEFT + scale * (spoken[0][0] - begin)
        style = {"family": MONO, "ha": "left"}
        name = f"{speech.name}.tflite"
        drawing.text(left, WAVE - 118, name, LARGE, color=color, weight="bold", **style)
        drawing.text(left, WAVE - 92, speech.options, SMALL, color=GREY, **style)
        for (first, last), sentence in zip(spoken, speech.sentences, strict=True):
            left, right = (LEFT + scale * (at - begin) for at in (first, last))
            low, high = envelope(sound[first:last], round((right - left) / BAR))
            xs = left + (right - left) * (np.arange(len(low)) + 0.5) / len(low)
            drawing.bars(xs, WAVE - high * height, WAVE - low * height, color)
            for row, line in enumerate(fitted(drawing, sentence, right - left)):
                drawing.text((left + right) / 2, WAVE + 98 + 26 * row, line, LARGE)


def envelope(sound: Sound, bars: int) -> tuple[Floats, Floats]:
    """The least and the greatest sample of each bar."""
    begins = np.linspace(0, len(sound), bars, endpoint=False).astype(int)
    low, high = np.minimum.reduceat(sound, begins), np.maximum.reduceat(sound, begins)
    return low.astype(float), high.astype(float)


def fitted(drawing: Drawing, sentence: str, room: float) -> tuple[str, ...]:
    """The sentence, in two lines of nearly the same width if one is too wide."""
    if drawing.width(sentence, LARGE) <= room or " " not in sentence:
        return (sentence,)
    words = sentence.split()
    broken = ((" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words)))
    return min(broken, key=lambda lines: max(drawing.width(line, LARGE) for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where NAME.txt, NAME.options and NAME.wav are")
    parser.add_argument("names", nargs=2, metavar="NAME")
    parser.add_argument("--wav", type=Path, required=True)
    parser.add_argument("--png", type=Path, required=True)
    args = parser.parse_args()

    speeches = [Speech.read(args.folder, name) for name in args.names]
    with wave.open(str(args.wav), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speeches[0].rate)
        for speech in speeches:
            file.writeframes(speech.sound.tobytes())

    matplotlib.rcdefaults()  # whatever the user's matplotlibrc says
    drawing = Drawing()
    drawing.box(
        WIDTH / 2, HEIGHT / 2, WIDTH - 4, HEIGHT - 4, radius=18, facecolor=CARD, edgecolor=LINE
    )
    draw_flow(drawing)
    draw_speech(drawing, speeches)
    drawing.save(args.png)


if __name__ == "__main__":
    main()
