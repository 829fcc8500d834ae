"""Forged models, reloaded into a running service: it lives, and says why it keeps the old one.

    python -m tests.manual.forged_reloads                  200 of them, on the interpreter installed
    python -m tests.manual.forged_reloads --count 1000 --first 5000

The models are the fuzzer's (`tests/fuzz/artefact`). After each reload the service must answer, and
generate from seed 1 what the model generates that it says it has: the old one's text if it refused,
and otherwise what NumPy computes from the forged file, unless that tolerates so much that rounding
alone may change its texts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pi_runtime.backends.reference import CHAOTIC
from pi_runtime.model.file import ModelFile
from tests.fuzz.artefact import bases, mutant
from tests.helpers.commands import run_command
from tests.helpers.service import Service, running

LENGTH = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for number, what in reload_all(Path(name), range(args.first, args.first + args.count)):
            print(f"{number}: {what}", flush=True)
            counts[what.partition(":")[0].partition(" (")[0]] += 1
    print(", ".join(f"{count} {what}" for what, count in counts.most_common()))
    return int(set(counts) != {"kept", "taken"})


def reload_all(folder: Path, numbers: range) -> list[tuple[int, str]]:
    """Reload mutants by number; return what became of each: kept, taken, or an offence."""
    good = bases(folder)[0]
    model = folder / "model.tflite"
    model.write_bytes(good)
    found = []
    with running(folder, model, "--on-demand", "--engine", "none") as service:
        old = _text(service)
        for number in numbers:
            content, how = mutant(number, [good])
            _replace(model, content)
            found.append((number, f"{_reload(service, model, old)} ({how})"))
            _replace(model, good)
            service.ask("reload")
    return found


def _replace(model: Path, content: bytes) -> None:
    new = model.with_suffix(".new")
    new.write_bytes(content)
    new.replace(model)


def _reload(service: Service, model: Path, old: str) -> str:
    reply = service.ask("reload")
    if service.process.poll() is not None:
        return f"ended: exit code {service.process.returncode}"
    text = _text(service)
    if not reply["ok"]:
        return f"kept: {reply['error']}" if text == old else "kept, but not the old one"
    if max(ModelFile(model).golden().tolerances) > CHAOTIC:
        return "taken"
    done = run_command("rnn-generate", model, "--backend", "numpy", *_OPTIONS)
    return "taken" if done.stdout.rstrip("\n") == text else "taken, and generates something else"


_OPTIONS = ("--seed", "1", "--temperature", "1", "--max-gen-length", str(LENGTH))


def _text(service: Service) -> str:
    as_textgenrnn = dict.fromkeys(("finish_sentence", "skip_fragment", "unescape"), False)
    reply = service.ask("generate", seed=1, temperature=1.0, max_gen_length=LENGTH, **as_textgenrnn)
    text: str = reply["texts"][0]
    return text.rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
