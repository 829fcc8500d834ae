"""Let the service speak for a long time, the sound going nowhere, and see that nothing grows.

    python -m tests.soak --minutes 30 [--model MODEL.tflite] [--engine espeak-ng]

Prints texts, resident memory and descriptors as it goes; exits 1 where the memory grew by more than
1 MB after the warm-up (a tenth of the time), a descriptor leaked, or a child became a zombie.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.checkpoints import packed_model, small_network, small_vocab
from tests.service import Service, running

GROWTH = 1_000_000


def soak(service: Service, seconds: float) -> tuple[int, int, int, int]:
    """Return texts spoken, bytes grown, descriptors leaked and zombies that stayed."""
    begun = time.monotonic()
    time.sleep(seconds / 10)
    resident, descriptors = service.resident(), service.descriptors()
    next_report = 0.0
    while (elapsed := time.monotonic() - begun) < seconds:
        time.sleep(1)
        # The sound that went nowhere must not fill the disk.
        service.sound.write_bytes(b"") if service.sound.exists() else None
        if elapsed >= next_report:
            next_report += max(seconds / 10, 1)
            spoken = service.ask("status")["spoken"]
            print(
                f"{elapsed:6.0f} s  {spoken:6} texts  {service.resident() / 1e6:6.2f} MB  "
                f"{service.descriptors():3} descriptors",
                flush=True,
            )
    service.ask("pause")
    time.sleep(2)  # what is being synthesized ends
    grown = service.resident() - resident
    zombies = service.children().count("Z")
    return service.ask("status")["spoken"], grown, service.descriptors() - descriptors, zombies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
