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
from pathlib import Path
from tempfile import TemporaryDirectory

from pi_runtime.errors import SpeechError
from pi_runtime.speech.child import Child
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.sanitise import ENGLISH, RUSSIAN

SECONDS = 60.0
HEAP_CELLS = "1000000"

# Language: the voices that speak it, best first; the package of the last; its alphabet.
_VOICES = {
    "en": (("kal_diphone", "rab_diphone", "don_diphone"), "festvox-kallpc16k", ENGLISH),
    "ru": (("msu_ru_nsh_clunits",), "festvox-ru", RUSSIAN),
}
_LIST = '(mapcar (lambda (v) (format t "%s\\n" v)) (voice.list))'
_SPEAK = """\
(begin
  (voice_{voice})
  (set! utterances 0)
  (define (save utterance)
    (set! utterances (+ utterances 1))
    (utt.save.wave utterance (string-append "sound" utterances ".wav") 'riff)
    utterance)
  (set! tts_hooks (list utt.synth save))
  (tts_file "text.txt" nil))
"""


class Festival:
    """One process a sentence."""

    name = "festival"

    def __init__(self, language: str) -> None:
        """Find a voice for a language.

        Raises:
            SpeechError: festival, or its voice, is missing.
        """
        if not self.speaks(language):
            raise SpeechError(
                f"festival has no voice for the language {language!r}", "take --engine espeak-ng"
            )
        voices, package, self.alphabet = _VOICES[language]
        program = shutil.which("festival")
        advice = f"sudo apt install festival {package}"
        if not program:
            raise SpeechError("festival is not installed", advice)
        self._child = Child()
        self._argv = (program, "--heap", HEAP_CELLS, "-b")
        installed, _ = self._child.run((*self._argv, _LIST), seconds=SECONDS)
        present = [voice for voice in voices if voice in installed.decode().split()]
        if not present:
            raise SpeechError(f"festival has no voice here for {language!r}", advice)
        self._program = _SPEAK.format(voice=present[0])

    @staticmethod
    def speaks(language: str) -> bool:
        """Return whether there is a festival voice for a language at all."""
        return language in _VOICES

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with TemporaryDirectory(prefix="rnn-speak-") as name:
            folder = Path(name)
            (folder / "text.txt").write_text(text, "utf-8")
            _, noise = self._child.run((*self._argv, self._program), seconds=SECONDS, folder=folder)
            sounds = sorted(folder.glob("sound*.wav"), key=lambda path: int(path.stem[5:]))
            parts = [Pcm.from_wav(path.read_bytes()) for path in sounds]
        if not parts:
            reason = (noise.strip().splitlines() or ["it wrote nothing"])[-1]
            raise SpeechError(f"festival made no sound ({reason})")
        return Pcm(parts[0].rate, b"".join(part.samples for part in parts))

    def stop(self) -> None:
        """See `Engine`."""
        self._child.stop()
