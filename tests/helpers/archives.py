"""Zips of a checkpoint's files, as people and strangers make them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_zip(path: Path, members: Mapping[Any, bytes]) -> Path:
    """Write a zip of these members, by name or by entry, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if isinstance(name, zipfile.ZipInfo):
                archive.writestr(name, content)
            else:
                archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def member(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    """Return the entry of a member with a Unix mode."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    return info
