"""RHVoice: small statistical voices, the best Russian that Debian has.

Its voices have licences of their own, some of them not free, so Debian keeps RHVoice outside its
main component. Each voice's licence is read from the file that its package brings.
"""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from pi_runtime.errors import SpeechError, UsageError
from pi_runtime.speech.config import SpeechConfig
from pi_runtime.speech.engines.base import Voice, VoiceCatalog, alphabet_of, no_voice
from pi_runtime.speech.language import base_of, language_code, language_name
from pi_runtime.speech.normalise import ENGLISH, RUSSIAN
from pi_runtime.speech.pcm import Pcm
from pi_runtime.speech.processes import OneShotProcess

# Debian's packages of voices, by language.
_PACKAGES = {
    "cs": "rhvoice-czech",
    "en": "rhvoice-english",
    "eo": "rhvoice-esperanto",
    "ky": "rhvoice-kyrgyz",
    "mk": "rhvoice-macedonian",
    "pl": "rhvoice-polish",
    "pt": "rhvoice-brazilian-portuguese",
    "ru": "rhvoice-russian",
    "sk": "rhvoice-slovak",
    "sq": "rhvoice-albanian",
    "tt": "rhvoice-tatar",
    "uk": "rhvoice-ukrainian",
    "uz": "rhvoice-uzbek",
}
_CODES = {"brazilian-portuguese": "pt-br"}
"""Codes of languages whose name is RHVoice's own."""

_BEST = ("Aleksandr-hq", "Irina", "Anna", "Elena", "Slt", "Alan")
"""The voices that come before others of their language, as they were understood by Whisper."""

_ALPHABETS = {"en": ENGLISH, "ru": RUSSIAN}
_SLOWEST, _FASTEST = 50, 200
"""Bounds of its rate, in per cent."""

_ADVICE = "sudo apt install rhvoice {} (of Debian's contrib and non-free)"
_PROGRAM = "RHVoice-test"
_MAX_FILE = 1 << 20
"""Bytes that are read of a file that describes voices."""


class RHVoice:
    """One process per sentence: it reads its whole input before it begins."""

    name = "rhvoice"

    def __init__(self, config: SpeechConfig, catalog: VoiceCatalog) -> None:
        """See `Engine`."""
        package = _PACKAGES.get(base_of(config.language), "")
        advice = _ADVICE.format(package or _PACKAGES["ru"])
        program = shutil.which(_PROGRAM)
        if not program:
            raise SpeechError("RHVoice is not installed", advice)
        found = catalog.find(type(self), config)
        if not found and package and not config.voice:
            raise SpeechError(
                f"RHVoice's {language_name(config.language)} voices are not installed", advice
            )
        if not found:
            raise no_voice(self.name, config)
        voice = found[0].name
        self.language = found[0].language
        base = base_of(self.language)
        self.alphabet = _ALPHABETS[base] if base in _ALPHABETS else alphabet_of(base)
        rate = round(min(max(100 * config.engine_rate, _SLOWEST), _FASTEST))
        profile = voice
        english = [each.name for each in catalog.voices(type(self)) if each.language == "en"]
        if self.language != "en" and english:
            profile = f"{voice}+{english[0]}"  # which reads the words in Latin letters
        self._argv = (program, "-p", profile, "-r", str(rate), "-o", "sound.wav")
        self._process = OneShotProcess(config.sentence_time)

    @classmethod
    def available(cls) -> bool:
        """See `Engine`."""
        return shutil.which(_PROGRAM) is not None

    @classmethod
    def voices(cls) -> list[Voice]:
        """See `Engine`."""
        program = shutil.which(_PROGRAM)
        if not program:
            return []
        # Beside the program that was built here, or in Debian's place.
        shares = (Path(program).resolve().parent.parent / "share", Path("/usr/share"))
        share = next((each for each in shares if (each / "RHVoice/voices").is_dir()), shares[0])
        voices = []
        for folder in sorted((share / "RHVoice/voices").glob("*/")):
            lines = _read(folder / "voice.info").splitlines()
            info = dict(line.split("=", 1) for line in lines if "=" in line)
            spoken = info.get("language", "").strip().lower()
            try:
                code = _CODES.get(spoken) or language_code(spoken)
            except UsageError:
                continue
            notice = _read(share / f"doc/rhvoice-{spoken}/copyright")
            name = info.get("name", folder.name).strip()
            voices.append(Voice(cls.name, name, code, licence(notice, folder.name)))
        rank = {name: place for place, name in enumerate(_BEST)}
        return sorted(voices, key=lambda voice: rank.get(voice.name, len(_BEST)))

    def synthesize(self, text: str) -> Pcm:
        """See `Engine`."""
        with self._process.folder() as folder:
            _, noise = self._process.run(self._argv, text=text, folder=folder)
            sound = folder / "sound.wav"
            if not sound.exists():
                reason = (noise.strip().splitlines() or ["it wrote nothing"])[-1]
                raise SpeechError(f"RHVoice made no sound ({reason})")
            return Pcm.from_wav(sound.read_bytes())

    def cancel(self) -> None:
        """See `Engine`."""
        self._process.cancel()

    def close(self) -> None:
        """See `Engine`."""
        self._process.close()


def licence(notice: str, voice: str) -> str:
    """Return a voice's licence, from its package's copyright file (DEP 5); "" if it has none.

    >>> licence("Files: data/*\\nLicense: LGPL-2.1+\\n\\n"
    ...         "Files: data/voices/kim/*\\nLicense: CC-BY-4.0\\n", "kim")
    'CC-BY-4.0'
    """
    found = ""
    for paragraph in re.split(r"\n\s*\n", notice):
        files = re.search(r"^Files:((?:.*\n)(?:[ \t].*\n)*)", f"{paragraph}\n", re.M)
        named = re.search(r"^License: *(\S+)", paragraph, re.M)
        # The last paragraph that fits is the one that holds.
        if files and named:
            patterns = files[1].split()
            if any(fnmatchcase(f"data/voices/{voice}/voice.info", each) for each in patterns):
                found = named[1]
    return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
