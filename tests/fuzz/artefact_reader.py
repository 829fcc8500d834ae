"""The process that reads the mutants of `artefact`, each in a process that is forked for it.

Lines of JSON come in, [path, backend], and go out, [verdict, what].
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from pathlib import Path

from pi_runtime.model.ngrams import NgramSet
from tests.fuzz.cases import HANG_SECONDS, Verdict

MEMORY = 256 << 20


def serve() -> None:
    """Read the mutants that stdin names, each in a process of its own; print each outcome."""
    import numpy  # noqa: F401 - imported before the fork, once for all mutants

    import pi_runtime.backends.numpy
    import pi_runtime.backends.reference
    import pi_runtime.backends.selfcheck
    import pi_runtime.backends.tflite
    import pi_runtime.generation.generator  # noqa: F401

    for line in sys.stdin:
        path, backend = json.loads(line)
        print(json.dumps(_in_a_fork(Path(path), backend)), flush=True)


def _in_a_fork(path: Path, backend: str) -> tuple[str, str]:
    receiver, sender = os.pipe()
    process = os.fork()
    if not process:
        os.setsid()
        verdict, what = _read(path, backend)
        os.write(sender, json.dumps((verdict.value, what[:1000])).encode())
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb", closefd=True) as answer:  # noqa: PTH123
        hangs = not select.select([answer], [], [], HANG_SECONDS)[0]
        if hangs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        said = answer.read()
    _, status, usage = os.wait4(process, 0)
    if hangs:
        return Verdict.HANG.value, ""
    if status:
        return Verdict.CRASH.value, f"status {status}"
    if usage.ru_maxrss * 1024 > max(MEMORY, 4 * path.stat().st_size):
        return Verdict.MEMORY.value, f"{usage.ru_maxrss >> 10} MB: {said.decode()}"
    verdict, what = json.loads(said)
    return verdict, what


def _read(path: Path, backend: str) -> tuple[Verdict, str]:
    import traceback

    from pi_runtime.errors import Error

    try:
        return _use(path, backend)
    except Error as error:
        line = str(error)
        return (Verdict.REFUSED if line.isprintable() else Verdict.WRONG), line
    except BaseException:
        return Verdict.TRACE, traceback.format_exc().replace("\n", " | ")[-900:]


def _use(path: Path, backend: str) -> tuple[Verdict, str]:
    import numpy as np

    from pi_runtime.backends.reference import window_probabilities
    from pi_runtime.generation.generator import TextGenerator
    from pi_runtime.model.file import ModelFile

    generator = TextGenerator.load(path, backend)
    written = generator.generate(max_gen_length=20, temperature=1.0, seed=1)[0]
    try:
        written.encode("utf-8")
    except UnicodeEncodeError:
        return Verdict.WRONG, "it generates half of a surrogate pair"
    if generator.ngrams is not None and not _sensible(generator.ngrams, written):
        return Verdict.WRONG, f"its n-grams say {generator.ngrams.longest_run(written)}"
    model = ModelFile(path)
    ids = [i for i in range(model.vocabulary.classes) if i in model.vocabulary][:20]
    length = model.config.max_length
    windows = np.array([([0] * length + ids[: n + 1])[-length:] for n in range(len(ids))], np.int32)
    expected = window_probabilities(model.network(), windows)
    session = generator.backend.session()
    found = np.array([session.step([token_id])[0].copy() for token_id in ids])
    if not np.isfinite(found).all():
        return Verdict.WRONG, f"{generator.backend.name}: not finite"
    deviation = float(np.abs(found - expected).max())
    if deviation > 10 * max(model.golden().tolerances) + 1e-5:
        return Verdict.WRONG, f"{generator.backend.name} differs by {deviation:.1e}"
    return Verdict.READ, generator.backend.name + (
        f" ({generator.fallback_reason})" * bool(generator.fallback_reason)
    )


def _sensible(ngrams: NgramSet, text: str) -> bool:
    """Return whether what a set of n-grams says of a text can be true of any."""
    least = ngrams.gram_size
    return (
        len(ngrams.hits(text)) == max(0, ngrams.length(text) - least + 1)
        and 0 <= ngrams.longest_run(text) <= ngrams.length(text)
        and 0 <= ngrams.copied(text, least) <= 1
        and ngrams.has_run(text, least) == bool(ngrams.longest_run(text))
        and type(ngrams.is_training_text(text)) is bool
    )


if __name__ == "__main__":
    serve()
