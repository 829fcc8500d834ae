"""Let the service speak for a long time, and see that nothing grows.

    python -m tests.manual.soak --minutes 30 [--model MODEL.tflite] [--engine espeak-ng]
    python -m tests.manual.soak --minutes 60 --events

The sound goes nowhere, as fast as it comes; with --events, into PipeWire at its own speed, it is
recorded, and a listener's levels must follow it: correlation 0.95, as they come.

Prints texts, resident memory, descriptors and threads as it goes; exits 1 if the memory grew by
more than 1 MB after the warm-up (a tenth of the time), a descriptor or thread leaked, a child
became a zombie, or the levels did not follow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.events import listening, match
from tests.helpers.pipewire import card
from tests.helpers.service import resident, running
from tests.helpers.soak import FRUGAL, GROWTH, soak

CORRELATION = 0.95


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--engine", default="espeak-ng")
    parser.add_argument("--events", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        model = args.model or folder / "m.tflite"
        if not args.model:
            model.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
        argv = [model, "--interval", "0s", "--engine", args.engine, "--max-gen-length", "60"]
        environment = dict(FRUGAL)
        if args.events:
            sound = stack.enter_context(card(folder / "pipewire"))
            recording = stack.enter_context(sound.recorded())
            argv += ["--device", "pipewire"]
            environment |= sound.environment
        service = stack.enter_context(running(folder, *argv, **environment))
        if not args.events:
            done = soak(service, 60 * args.minutes)
            followed = True
        else:
            listener = stack.enter_context(listening(service))
            listener.wait("end")
            before = resident(listener.process.pid)
            done = soak(
                service,
                60 * args.minutes,
                report=lambda: (
                    f"{match(listener, recording, 60)}; lost {recording.stumbled():.3f} s"
                ),
            )
            whole = match(listener, recording)
            print(
                f"the whole: {whole}; rnn-speak --events grew by "
                f"{resident(listener.process.pid) - before} bytes"
            )
            followed = whole.at_once >= CORRELATION
    print(
        f"{done.texts} texts, {done.grown / 1e6:+.2f} MB, {done.leaked:+} descriptors, "
        f"{done.threads:+} threads, {done.zombies} zombies"
    )
    # A descriptor or two belong to the engine that happens to be at work.
    grown = done.grown > GROWTH or done.leaked > 4 or done.threads > 1 or done.zombies > 0
    return int(grown or done.texts == 0 or not followed)


if __name__ == "__main__":
    sys.exit(main())
