"""Let the service speak for a long time, the sound going nowhere, and see that nothing grows.

    python -m tests.manual.soak --minutes 30 [--model MODEL.tflite] [--engine espeak-ng]

Prints texts, resident memory and descriptors as it goes; exits 1 if the memory grew by more than
1 MB after the warm-up (a tenth of the time), a descriptor leaked, or a child became a zombie.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import running
from tests.helpers.soak import GROWTH, soak


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--engine", default="espeak-ng")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = args.model or folder / "m.tflite"
        if not args.model:
            model.write_bytes(packed_model(small_network(classes=20), small_vocab(20)))
        argv = (model, "--interval", "0s", "--engine", args.engine, "--max-gen-length", "60")
        with running(folder, *argv) as service:
            texts, grown, leaked, zombies = soak(service, 60 * args.minutes)
    print(f"{texts} texts, {grown / 1e6:+.2f} MB, {leaked:+} descriptors, {zombies} zombies")
    # A descriptor or two belong to the engine that happens to be at work.
    return int(grown > GROWTH or leaked > 4 or zombies > 0 or texts == 0)


if __name__ == "__main__":
    sys.exit(main())
