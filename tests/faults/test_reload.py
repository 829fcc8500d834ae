"""A service that reloads while its model file is being replaced has the old one or the new one."""

from __future__ import annotations

import threading
from pathlib import Path

from pi_runtime import TextGenerator
from pi_runtime.files import replacing
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import QUIET, needs_espeak, running

RELOADS = 20


@needs_espeak
def test_it_takes_the_old_or_the_new(tmp_path: Path) -> None:
    models = [
        packed_model(small_network(classes=20, seed=seed), small_vocab(20)) for seed in (0, 99)
    ]
    texts = []
    path = tmp_path / "m.tflite"
    for model in models:
        path.write_bytes(model)
        texts.append(TextGenerator.load(path, "numpy").generate(seed=1, temperature=0.9))
    assert texts[0] != texts[1]
    done = threading.Event()

    def replace() -> None:
        while not done.is_set():
            for model in models:
                with replacing(path) as file:
                    file.write(model)

    with running(tmp_path, path, *QUIET) as service:
        thread = threading.Thread(target=replace)
        thread.start()
        found = []
        try:
            for _ in range(RELOADS):
                assert service.ask("reload")["ok"] is True
                found.append(service.ask("generate", seed=1, temperature=0.9)["texts"])
        finally:
            done.set()
            thread.join()
        assert service.ask("status")["trouble"] == ""
    assert all(text in texts for text in found)
    assert [each.name for each in tmp_path.glob("*.tflite")] == ["m.tflite"]
    assert not list(tmp_path.glob(".*.tmp"))
