"""Model files taken apart and put together again, without the package's own writer."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any


def members(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a model's FlatBuffer and its documents; n-grams are bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        read: dict[str, Any] = {name: archive.read(name) for name in archive.namelist()}
    read |= {name: json.loads(raw) for name, raw in read.items() if name.endswith(".json")}
    return content[: read["manifest.json"]["flatbuffer"]["length"]], read


def rebuilt(flatbuffer: bytes, documents: Mapping[str, Any]) -> bytes:
    """Return a file with just these documents, be they JSON, text or bytes: nothing is checked."""
    packed = io.BytesIO()
    packed.write(flatbuffer)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, document in documents.items():
            text = document if isinstance(document, (str, bytes)) else json.dumps(document)
            archive.writestr(name, text)
    return packed.getvalue()


def resealed(flatbuffer: bytes, documents: Mapping[str, Any]) -> bytes:
    """Return a file whose length and hash are right again, as a forger would write them."""
    manifest = documents["manifest.json"]
    if isinstance(manifest, dict):
        seal = {"length": len(flatbuffer), "sha256": hashlib.sha256(flatbuffer).hexdigest()}
        documents = {**documents, "manifest.json": {**manifest, "flatbuffer": seal}}
    return rebuilt(flatbuffer, documents)
