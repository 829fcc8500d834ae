"""What the READMEs show, and `scripts/readme-media` makes: a sound and a picture, both small."""

from __future__ import annotations

import re
import struct

import pytest

from tests.helpers.commands import ROOT

SOUND = ROOT / "docs/media/hello.ogg"
PICTURE = ROOT / "docs/media/overview.png"


@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
def test_a_readme_shows_both(page: str) -> None:
    named = re.findall(r"docs/media/[\w.-]+", (ROOT / page).read_text("utf-8"))
    assert {ROOT / name for name in named} == {SOUND, PICTURE}
    assert all((ROOT / name).is_file() for name in named)


def test_the_sound_is_a_small_ogg() -> None:
    content = SOUND.read_bytes()
    assert content.startswith(b"OggS")
    assert len(content) < 80_000


def test_the_sound_lasts_some_seconds() -> None:
    content = SOUND.read_bytes()
    channels, rate = struct.unpack_from("<BI", content, content.index(b"\x01vorbis") + 11)
    (samples,) = struct.unpack_from("<q", content, content.rindex(b"OggS") + 6)
    assert channels == 1
    assert 8 <= samples / rate <= 14


def test_the_picture_is_a_small_png_as_wide_as_a_page() -> None:
    content = PICTURE.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) < 120_000
    kind, width, height = struct.unpack_from(">4sII", content, 12)
    assert kind == b"IHDR"
    assert width >= 800
    assert width > height


def test_the_script_makes_these_files() -> None:
    script = (ROOT / "scripts/readme-media").read_text("utf-8")
    folder = re.search(r"^out=(\S+)$", script, re.M)
    assert folder
    for file in (SOUND, PICTURE):
        assert file.parent == ROOT / folder[1]
        assert f"$out/{file.name}" in script
