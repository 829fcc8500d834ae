"""festival: the English diphone voice and festvox-ru's Russian one.

festival is a Scheme interpreter, and evaluates whatever it is given as an argument. So the
program below is fixed, to the last character: it reads the text from a file of a fixed name in a
private folder, as plain text, and writes each utterance to a file of its own. An utterance that
crashes the synthesizer then costs itself, not those before it.

The heap is kept small: festival's default takes 330 to 500 MB the moment it starts, and this one
49 MB for English and 223 MB for Russian, which does not start with less.
"""

from __future__ import annotations

import shutil

from pi_runtime.errors import SpeechError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, no_voice
from pi_runtime.speech.language import base_of
from pi_runtime.speech.normalise import ENGLISH, RUSSIAN
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess, query

HEAP_CELLS = "1000000"

# Voice: its language; the Debian package. The best of a language comes first.
_VOICES = {
    "kal_diphone": ("en", "festvox-kallpc16k"),
    "rab_diphone": ("en", "festvox-rablpc16k"),
    "don_diphone": ("en", "festvox-don"),
    "msu_ru_nsh_clunits": ("ru", "festvox-ru"),
}
_LICENCES = {"kal_diphone": "MIT-Festival", "msu_ru_nsh_clunits": "MIT-Festival"}
_ALPHABETS = {"en": ENGLISH, "ru": RUSSIAN}
_LIST = '(mapcar (lambda (v) (format t "%s\\n" v)) (voice.list))'
_SPEAK = """\
(begin
  (voice_{voice})
  (Parameter.set 'Duration_Stretch {stretch:.3f})
  (set! utterances 0)
  (define (save utterance)
    (set! utterances (+ utterances 1))
    (utt.save.wave utterance (string-append "sound" utterances ".wav") 'riff)
    utterance)
  (set! tts_hooks (list utt.synth save))
  (tts_file "text.txt" nil))
"""


class Festival:
    """One process per sentence."""

    name = "festival"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        fitting = [
            voice
            for voice, (language, _) in _VOICES.items()
            if (voice == config.voice if config.voice else language == base_of(config.language))
        ]
        if not fitting:
            raise no_voice(self.name, config)
        advice = f"sudo apt install festival {_VOICES[fitting[0]][1]}"
        program = shutil.which("festival")
        if not program:
            raise SpeechError("festival is not installed", advice)
        installed = [voice.name for voice in catalog.voices(type(self))]
        present = next((voice for voice in fitting if voice in installed), None)
        if present is None:
            raise SpeechError(f"festival's voice {fitting[0]} is not installed", advice)
        self.language = _VOICES[present][0]
        self.alphabet = _ALPHABETS[self.language]
        program_text = _SPEAK.format(voice=present, stretch=1 / config.engine_rate)
        self._argv = (program, "--heap", HEAP_CELLS, "-b", program_text)
        self._process = OneShotProcess(config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return shutil.which("festival") is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        if not cls.available():
            return []
        listed = query(["festival", "--heap", HEAP_CELLS, "-b", _LIST]).split()
        return [
            Voice(cls.name, name, _VOICES[name][0], _LICENCES.get(name, ""))
            for name in listed
            if name in _VOICES
        ]

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._process.folder() as folder:
            (folder / "text.txt").write_text(text, "utf-8")
            _, noise = self._process.run(self._argv, folder=folder)
            sounds = sorted(folder.glob("sound*.wav"), key=lambda path: int(path.stem[5:]))
            parts = [Pcm.from_wav(path.read_bytes()) for path in sounds]
        if not parts:
            reason = (noise.strip().splitlines() or ["it wrote nothing"])[-1]
            raise SpeechError(f"festival made no sound ({reason})")
        return Pcm(parts[0].rate, b"".join(part.samples for part in parts))

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()
