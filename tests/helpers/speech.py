"""What helps tests of speech: texts, engines that fail or are slow, and a sink that remembers."""

from __future__ import annotations

import shutil
import threading
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import Engine, VoiceCatalog, open_engines
from pi_runtime.speech.engines.silent import Silent
from pi_runtime.speech.pcm import NOISE_PEAK, Pcm
from pi_runtime.speech.speaker import Speaker

VOICES = [
    ("festival", "en"),
    ("festival", "ru"),
    ("rhvoice", "en"),
    ("rhvoice", "ru"),
    ("espeak-ng", "en"),
    ("espeak-ng", "ru"),
]
SHORT = {"en": "Good evening.", "ru": "Добрый вечер."}
LONG = {
    "en": "The evening was warm, and the river lay quiet under the old stone bridge.",
    "ru": "Вечер был тёплый, и река тихо лежала под старым каменным мостом.",
}
NASTY = [
    '") (system "touch canary") (x "',
    "(system 'touch canary')",
    "$(touch canary) `touch canary` ; touch canary | touch canary",
    "-w canary",
    "[[touch]] <speak>canary</speak>",
    '#<x (tts_file "/etc/passwd" nil)',
    "— « » … 😀 \x00 \x07 \u0301\u0301 -- ' \" ( ) %",
    "слово — ещё слово, «в кавычках»… 50 % @ / \\ < > _ é",
    "a" * 1000,
    "я" * 1000,
]
TONE = Pcm(16_000, (np.sin(np.arange(8000) / 8) * 8000).astype("<i2").tobytes())

PATIENCE = 600.0
"""Seconds for a sentence in tests: a guard, and generous enough for a machine at its limit."""


def loudness(pcm: Pcm) -> float:
    """Return the root mean square, of a full scale of 1."""
    samples = np.frombuffer(pcm.samples, "<i2") / 32768
    return float(np.sqrt((samples**2).mean()))


def stretches(pcm: Pcm) -> list[tuple[str, float]]:
    """Return "sound" or "silence" (that of faint noise, too) and its seconds, for each stretch."""
    samples = (abs(np.frombuffer(pcm.samples, "<i2")) > NOISE_PEAK).tolist()
    return [
        ("sound" if sounds else "silence", round(len(list(stretch)) / pcm.rate, 3))
        for sounds, stretch in groupby(samples, bool)
    ]


def open_engine(name: str, language: str, **options: Any) -> Engine:
    """Return an engine, or skip the test if it is not installed. The caller closes it."""
    config = SpeechConfig(engine=name, **{"sentence_time": PATIENCE, **options})
    try:
        return next(open_engines(config, language))
    except SpeechError as error:
        if "not installed" in str(error):
            pytest.skip(str(error))
        raise


def need_engine(name: str, language: str) -> None:
    """Skip the test if an engine is not installed, or not its voice."""
    open_engine(name, language).close()


def need_aplay() -> None:
    """Skip the test if there is no aplay."""
    if not shutil.which("aplay"):
        pytest.skip("no aplay – sudo apt install alsa-utils")


def alsa_config(folder: Path, name: str) -> tuple[Path, Path]:
    """Return a configuration with a device that is a file, and that file.

    It holds what aplay really played, without a card. It is not on top of ALSA's own configuration,
    where pipewire-alsa has the last word on "default".
    """
    config, heard = folder / "asound.conf", folder / "heard.raw"
    config.write_text(
        # Alone: a sound server that is installed here would make itself the default.
        f'pcm.{name} {{ type file slave.pcm {{ type null }} file "{heard}" format "raw" }}\n'
    )
    return config, heard


class FakeAplay:
    """An aplay, first on PATH, that says what it is told to and else plays into a file.

    Three cards are there: those of a Pi 4 and one on USB.
    """

    CARDS = """\
**** List of PLAYBACK Hardware Devices ****
card 0: Headphones [bcm2835 Headphones], device 0: bcm2835 Headphones [bcm2835 Headphones]
  Subdevices: 8/8
card 1: vc4hdmi0 [vc4-hdmi-0], device 0: MAI PCM i2s-hifi-0 [MAI PCM i2s-hifi-0]
  Subdevices: 1/1
card 2: Device [USB Audio Device], device 0: USB Audio [USB Audio]
  Subdevices: 1/1
"""
    DEVICES = """\
null
    Discard all samples (playback) or generate zero samples (capture)
default
    Default Audio Device
sysdefault
    Default Audio Device
hw:CARD=Headphones,DEV=0
    bcm2835 Headphones, bcm2835 Headphones
    Direct hardware device without any conversions
plughw:CARD=Headphones,DEV=0
    bcm2835 Headphones, bcm2835 Headphones
    Hardware device with all software conversions
sysdefault:CARD=vc4hdmi0
    vc4-hdmi-0, MAI PCM i2s-hifi-0
    Default Audio Device
hdmi:CARD=vc4hdmi0,DEV=0
    vc4-hdmi-0, MAI PCM i2s-hifi-0
    HDMI Audio Output
plughw:CARD=Device,DEV=0
    USB Audio Device, USB Audio
    Hardware device with all software conversions
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._said, self._script = folder / "said", folder / "aplay"
        self.heard = folder / "heard.raw"
        (folder / "cards").write_text(self.CARDS)
        (folder / "devices").write_text(self.DEVICES)
        self.says("")

    def says(self, said: str, times: int = 1_000_000, code: int = 1, player: str = "") -> None:
        """Let it say this when it is asked to play, so many times; `player` is a shell command in
        place of playing once the card was tried."""
        self._said.write_text(said)
        for name in ("tries", "locales"):
            (self.folder / name).write_text("")
        self._script.write_text(f"""\
#!/bin/sh
cd '{self.folder}'
case " $* " in
*" -l "*) exec cat cards ;;
*" -L "*) exec cat devices ;;
*" -q "*) {player or ":"} ;;
*)
    printf '%s\\n' "$LC_ALL" >>locales
    echo x >>tries
    if [ -s said ] && [ "$(wc -l <tries)" -le {times} ]; then
        cat said >&2
        exit {code}
    fi
    exec cat >/dev/null
    ;;
esac
exec cat >>heard.raw
""")
        self._script.chmod(0o755)

    @property
    def tries(self) -> int:
        """How often the card was tried."""
        return len((self.folder / "tries").read_text().splitlines())

    @property
    def locales(self) -> set[str]:
        """The locales in which it was tried."""
        return set((self.folder / "locales").read_text().splitlines())


def speaker(*kinds: type[Engine]) -> Speaker:
    """Return a speaker with these engines, opened as they are needed."""
    return Speaker(kind(SpeechConfig(), VoiceCatalog()) for kind in kinds)


class Recorder:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self.rates: list[int] = []
        """The rate of each start."""
        self.samples = bytearray()
        self.aborted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, rate: int, cancelled: threading.Event | None = None) -> None:
        """See `Sink`."""
        self.rate = rate
        self.rates.append(rate)

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        assert self.rate, "it was started"
        self.samples += samples

    def abort(self) -> None:
        """See `Sink`."""
        self.aborted = True

    @property
    def heard(self) -> Pcm:
        """All of it."""
        return Pcm(self.rate or 16_000, bytes(self.samples))


class Humming(Silent):
    """Speaks as long as `Silent` does, but can be heard."""

    name = "humming"
    rate = 16_000

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        return Pcm(self.rate, b"\x00\x10" * round(super().synthesize(text).seconds * self.rate))


class Stumbling(Humming):
    """Fails on some sentences."""

    name = "stumbling"

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        if "bad" in text:
            raise SpeechError("it stumbled")
        return super().synthesize(text)


class Broken(Silent):
    """Fails on every sentence."""

    name = "broken"

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        raise SpeechError("it is broken")
