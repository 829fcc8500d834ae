"""How well each voice is understood, and what it costs. Called by `scripts/benchmark --speech`.

Sentences go through the package's own normalisation and engines, and what Whisper hears is compared
with what was written: words of plain sentences, digits of sentences with numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from listening import Listener, digits, errors, words

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig, SpeechSession

SENTENCES = Path(__file__).parent / "sentences"

# Engine, voice (None: the best), language.
VOICES: Sequence[tuple[str, str | None, str]] = (
    ("rhvoice", "Aleksandr-hq", "ru"),
    ("rhvoice", "Irina", "ru"),
    ("rhvoice", "Anna", "ru"),
    ("rhvoice", "Elena", "ru"),
    ("festival", None, "ru"),
    ("espeak-ng", None, "ru"),
    ("piper", None, "en"),
    ("rhvoice", "Alan", "en"),
    ("rhvoice", "Slt", "en"),
    ("rhvoice", "Bdl", "en"),
    ("rhvoice", "Clb", "en"),
    ("festival", None, "en"),
    ("espeak-ng", None, "en"),
)
NUMBERS = (("rhvoice", "ru"), ("festival", "ru"), ("rhvoice", "en"), ("festival", "en"),
           ("espeak-ng", "en"))  # fmt: skip


class Spoken(TypedDict):
    """What speaking sentences took, and where they are, as raw s16le."""

    seconds: float
    cpu: float
    """Seconds of the engine's processes."""
    megabytes: float
    """The most that one of them held."""
    sounds: list[tuple[str, int]]
    """File and rate; ("", 0) for a sentence without any."""


def speak(engine: str, voice: str | None, language: str, folder: Path, source: Path) -> Spoken:
    """Speak each line of a file, in this process, which has no other children."""
    watch = _Memory()
    watch.start()
    sounds: list[tuple[str, int]] = []
    seconds = 0.0
    with SpeechSession(SpeechConfig(engine=engine, voice=voice, language=language)) as session:
        for number, sentence in enumerate(source.read_text().splitlines()):
            pcm = session.synthesize(sentence)
            if pcm is None:
                sounds.append(("", 0))
                continue
            file = folder / f"{number}.raw"
            file.write_bytes(pcm.samples)
            sounds.append((str(file), pcm.rate))
            seconds += pcm.seconds
    watch.over.set()
    watch.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": watch.kilobytes / 1024,
        "sounds": sounds,
    }


class _Memory(threading.Thread):
    """Looks again and again how much this process's children have held at most.

    Their rusage would not tell: it counts what they shared with this process as they began.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.kilobytes = 0

    def run(self) -> None:
        mine = _read(Path("/proc/self/cmdline"))
        while not self.over.wait(0.002):
            for task in Path("/proc/self/task").iterdir():
                for child in _read(task / "children").split():
                    if _read(Path(f"/proc/{child}/cmdline")) == mine:
                        continue  # still a copy of this one
                    status = _read(Path(f"/proc/{child}/status"))
                    if peak := re.search(r"VmHWM:\s*(\d+)", status):
                        self.kilobytes = max(self.kilobytes, int(peak[1]))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""


def in_a_process(engine: str, voice: str | None, language: str, folder: Path, name: str) -> Spoken:
    """Return what `speak` does in a process of its own.

    Raises:
        SpeechError: the engine or its voice is not installed.
    """
    folder.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, __file__, "--speak", engine, voice or "", language, folder, name],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SpeechError(done.stderr.strip().splitlines()[-1])
    spoken: Spoken = json.loads(done.stdout)
    return spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", action="store_true", help="only the numbers")
    parser.add_argument("--words", action="store_true", help="only the words")
    parser.add_argument("--engine", help="only this engine")
    parser.add_argument("--heard", action="store_true", help="show what was heard, and written")
    parser.add_argument("--speak", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.speak:
        engine, voice, language, folder, name = args.speak
        source = SENTENCES / f"{name}.txt"
        print(json.dumps(speak(engine, voice or None, language, Path(folder), source)))
        return
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "model").mkdir()
        listener = Listener(folder / "model")
        wanted = [row for row in VOICES if args.engine in (None, row[0])]
        if not args.numbers:
            print("| voice | language | word error rate | CPU time / sound | memory |")
            print("| --- | --- | ---: | ---: | ---: |")
            for engine, voice, language in wanted:
                wrong = count = 0
                try:
                    spoken = in_a_process(
                        engine, voice, language, folder / f"{engine}-{voice}-{language}", language
                    )
                except SpeechError as error:
                    print(f"skipped: {engine} {voice or ''} {language}: {error}", file=sys.stderr)
                    continue
                for sentence, heard in hear(listener, spoken, language, language, args.heard):
                    wrong += errors(words(sentence), words(heard))
                    count += len(words(sentence))
                print(
                    f"| {engine}{f', {voice}' if voice else ''} | {language} | {wrong / count:.2f} "
                    f"| {spoken['cpu'] / spoken['seconds']:.3f} | {spoken['megabytes']:.0f} MB |",
                    flush=True,
                )
        if not args.words:
            print("\n| engine | language | digits heard |\n| --- | --- | ---: |")
            for engine, language in NUMBERS:
                if args.engine not in (None, engine):
                    continue
                name = f"{language}-numbers"
                right = count = 0
                spoken = in_a_process(engine, None, language, folder / f"{engine}-{name}", name)
                for sentence, heard in hear(listener, spoken, language, name, args.heard):
                    written = re.sub(r"\D", "", sentence)
                    count += len(written)
                    right += max(0, len(written) - errors(written, digits(heard, language)))
                print(f"| {engine} | {language} | {right / count:.0%} |", flush=True)
        print(f"\nMeasured on {platform.machine()}.")


def hear(
    listener: Listener, spoken: Spoken, language: str, name: str, show: bool
) -> list[tuple[str, str]]:
    """Return each sentence and what was heard of it."""
    pairs = []
    sentences = (SENTENCES / f"{name}.txt").read_text().splitlines()
    for sentence, (file, rate) in zip(sentences, spoken["sounds"], strict=True):
        heard = listener.hear(Path(file).read_bytes(), rate, language) if file else ""
        if show:
            print(f"  {sentence}\n  {heard}", file=sys.stderr)
        pairs.append((sentence, heard))
    return pairs


if __name__ == "__main__":
    main()
